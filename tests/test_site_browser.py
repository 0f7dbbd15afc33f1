"""The site in a real browser: quiet, accessible, operable by keyboard, readable at any width, dark and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bnrepro.publish import write_document
from bnrepro.report.site import write_site
from bnrepro.spec.scale import Scale
from tests.report_browser import SCREENS, background, chromium, opened
from tests.report_hostile import hostile_document
from tests.report_samples import supported_digits
from tests.report_sites import sample_site, write_reports

pytestmark = pytest.mark.browser

PAGES = {
    "index": "index.html",
    "claim": "digits/claim_00.html",
    "part": "reduced/inconclusive_part.html",
    "arithmetic": "paper/arithmetic.html",
    "hostile": "digits/hostile.html",
    "unreadable": "digits/cut_short.html",
    "figures": "digits/figures.html",
    "night": "nights/000006.html",
}
OPERABLE = "a[href], button, select, summary, [tabindex='0']"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    reports = tmp_path_factory.mktemp("site")
    sample_site(reports)
    write_document(hostile_document(supported_digits()).model_copy(update={"claim": "hostile"}), reports)
    write_site(reports)
    return reports


@pytest.fixture(params=SCREENS)
def screen(request: pytest.FixtureRequest) -> tuple[int, int]:
    return SCREENS[request.param]


def unfolded(page: Any) -> Any:
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    return page


def shown(page: Any, what: str) -> list[str]:
    return [found.inner_text() for found in page.locator(what).all() if found.is_visible()]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_no_other_file_and_complains_of_nothing(browser, site, name):
    page = browser.new_page()
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    address = (site / PAGES[name]).as_uri()
    page.goto(address)
    page.wait_for_load_state("networkidle")
    assert [url for url in requests if not url.startswith("data:")] == [address]
    assert complaints == []
    page.close()


def serious_findings(page: Any, **options: Any) -> dict[str, list[str]]:
    """What axe-core calls serious or critical: the rule, and the first elements that break it."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    violations = axe.Axe().run(page, options={"resultTypes": ["violations"], **options}).response["violations"]
    return {
        violation["id"]: [node["html"][:200] for node in violation["nodes"][:3]]
        for violation in violations
        if violation["impact"] in {"serious", "critical"}
    }


@pytest.mark.slow  # those of all pages together
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(browser, site, name):
    page = unfolded(opened(browser, site / PAGES[name]))
    assert serious_findings(page) == {}
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_faint_text_in_the_dark(browser, site, name):
    page = unfolded(opened(browser, site / PAGES[name], color_scheme="dark"))
    assert serious_findings(page, runOnly=["color-contrast"]) == {}
    page.close()


def test_axe_would_find_a_picture_without_a_name_and_faint_text(browser, site):
    page = opened(browser, site / PAGES["unreadable"])
    page.locator("main").evaluate(
        'main => { main.innerHTML += \'<svg role="img"></svg><p style="color: #ccc; background: #fff">faint</p>\' }'
    )
    assert set(serious_findings(page)) == {"svg-img-alt", "color-contrast"}
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_the_keyboard_reaches_everything_that_can_be_operated(browser, site, name):
    page = opened(browser, site / PAGES[name])
    page.evaluate(
        """operable => {
            window.reached = new Set();
            addEventListener('focusin', event => window.reached.add(event.target));
            window.wanted = [...document.querySelectorAll(operable)].filter(each => each.checkVisibility());
        }""",
        OPERABLE,
    )
    count = page.evaluate("window.wanted.length")
    assert count > 0
    for _ in range(count + 1):
        page.keyboard.press("Tab")
    missed = page.evaluate("window.wanted.filter(each => !window.reached.has(each)).map(each => each.outerHTML)")
    assert missed == []
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_no_page_scrolls_sideways(browser, site, screen, name):
    page = unfolded(opened(browser, site / PAGES[name], screen))
    assert page.evaluate("document.documentElement.scrollWidth") <= screen[0]
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_dark_where_that_is_asked_for_and_light_on_paper(browser, site, name):
    page = opened(browser, site / PAGES[name], color_scheme="dark")
    assert background(page) != "rgb(255, 255, 255)"
    page.emulate_media(media="print")
    assert background(page) == "rgb(255, 255, 255)"
    page.close()


def test_the_index_without_javascript_lists_everything_and_shows_no_filter(browser, site):
    page = opened(browser, site / "index.html", java_script_enabled=False)
    assert len(shown(page, ".claim h4")) == 9
    assert len(shown(page, ".line")) == 11
    assert not page.locator("#filters").is_visible()
    page.close()


def test_filters_keep_what_fits_all_of_them(browser, site):
    page = opened(browser, site / "index.html")
    page.locator("#filters [name=scale]").select_option("reduced")
    assert set(shown(page, ".line .at")) == {"reduced"}
    page.locator("#filters [name=verdict]").select_option("contradicted")
    assert [found.split("\n")[0] for found in shown(page, ".line .found")] == ["✗ contradicted"]
    assert shown(page, ".part > h3") == ["Section 1 Introduction"]
    assert page.locator("#shown").inner_text() == "1 of 9 claims"
    page.locator("#filters [name=section]").select_option("section-4")
    assert shown(page, ".claim h4") == []
    assert page.locator("#none-shown").is_visible()
    page.get_by_role("button", name="Show all").click()
    assert len(shown(page, ".line")) == 11
    assert page.locator("#shown").inner_text() == "9 of 9 claims"
    page.close()


def test_what_is_listed_fits_the_filters_after_a_visit_to_a_claim(browser, site):
    page = opened(browser, site / "index.html")
    page.locator("#filters [name=verdict]").select_option("refuted")
    page.locator(".claim h4 a:visible").first.click()
    assert page.locator("#verdict-word").inner_text() == "✗ refuted"
    page.go_back()
    page.wait_for_function("document.getElementById('shown').textContent !== ''")
    chosen = page.locator("#filters [name=verdict]").input_value()
    assert len(shown(page, ".line")) == {"refuted": 2, "": 11}[chosen]
    page.close()


def test_a_reader_goes_from_the_index_to_one_run_and_back(browser, site):
    page = opened(browser, site / "index.html")
    page.locator("#claim-claim_00 .line[data-scale='digits'] a").click()
    page.locator("#verdict .facts a").first.click()
    page.locator("#check-1 a[href^='#check-1-runs']").first.click()
    page.locator("[id^='check-1-runs'] a.key:visible").first.click()
    run = page.locator(".own :target")
    assert run.is_visible()
    assert run.locator("svg").is_visible()
    run.get_by_role("link", name="8×8 digits (scikit-learn)").click()
    assert page.locator(":target h3").inner_text() == "Recipe on 8×8 digits (scikit-learn)"
    page.get_by_role("link", name="All claims").click()
    assert page.locator(":target h4").inner_text() == "Claim 0 says that γ and β do more than as many random weights"
    page.close()


def test_the_index_on_paper_has_no_filters_and_all_older_rows(browser, site):
    page = opened(browser, site / "index.html")
    page.emulate_media(media="print")
    assert not page.locator("#filters").is_visible()
    assert page.locator("#claims details p").bounding_box()["height"] > 0
    page.close()


@pytest.mark.slow
def test_the_index_of_25_claims_at_3_scales_after_100_nights_opens_in_a_second(browser, tmp_path):
    write_reports(tmp_path, claims=25, scales=tuple(Scale), nights=100, with_runs=False)
    page = opened(browser, write_site(tmp_path).index)
    took = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert 0 < took < 1000
    assert len(shown(page, ".claim")) == 25
    page.close()
