"""The page in a real browser: what the first screen holds, and that it asks for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bnrepro.report import render_html
from tests.report_browser import SCREENS, background, chromium, opened
from tests.report_samples import SAMPLES

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    paths = {name: folder / f"{name}.html" for name in SAMPLES}
    for name, path in paths.items():
        path.write_text(render_html(SAMPLES[name]()), encoding="utf-8")
    return paths


@pytest.fixture(params=SCREENS)
def screen(request: pytest.FixtureRequest) -> tuple[int, int]:
    return SCREENS[request.param]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_verdict_is_on_the_first_screen(browser, pages, screen, name):
    page = opened(browser, pages[name], screen)
    for part in ("h1", "#verdict-word", ".scale"):
        box = page.locator(part).bounding_box()
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= screen[0]
        assert box["y"] + box["height"] <= screen[1]
    page.close()


@pytest.mark.parametrize("name", ["supported-digits", "confirmed-paper", "inconclusive-part", "gamma", "monotone"])
def test_the_estimate_and_its_interval_are_on_the_first_screen(browser, pages, screen, name):
    page = opened(browser, pages[name], screen)
    for part in (".number", ".headline svg"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= screen[1]
    page.close()


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_scrolls_sideways(browser, pages, screen, name):
    page = opened(browser, pages[name], screen)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= screen[0]
    page.close()


def test_the_number_of_cells_that_agree_is_on_the_first_screen(browser, pages, screen):
    page = opened(browser, pages["arithmetic"], screen)
    box = page.locator(".number").bounding_box()
    assert box["y"] + box["height"] <= screen[1]
    page.close()


@pytest.mark.parametrize("name", ["confirmed-paper", "arithmetic", "gamma", "monotone"])
def test_no_line_of_the_page_is_wider_than_a_narrow_phone(browser, pages, name):
    page = opened(browser, pages[name], (320, 640))
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.close()


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_asks_for_no_other_file_and_complains_of_nothing(browser, pages, name):
    page = browser.new_page()
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(pages[name].as_uri())
    page.wait_for_load_state("networkidle")
    assert [url for url in requests if not url.startswith("data:")] == [pages[name].as_uri()]
    assert complaints == []
    page.close()


def test_the_page_works_without_javascript(browser, pages):
    page = opened(browser, pages["supported-digits"], java_script_enabled=False)
    assert page.locator("#verdict-word").inner_text().strip() == "✓ supported"
    table = page.locator("#check-1-runs-1 table")
    assert not table.is_visible()
    page.locator("details:has(> #check-1-runs-1) > summary").click()
    assert table.is_visible()
    page.close()


def test_a_number_leads_down_to_its_run(browser, pages):
    page = opened(browser, pages["supported-digits"])
    page.locator("#verdict .facts a").first.click()
    page.locator("#check-1 a[href='#check-1-runs-1']").click()
    page.locator("#check-1-runs-1 a.key").first.click()
    run = page.locator(".own :target")
    assert run.count() == 1
    assert run.is_visible()
    assert run.locator(".command").inner_text().startswith("bnrepro verify claims/sec4_random_params.yaml")
    page.close()


def test_the_marks_of_the_verdict_are_on_the_first_screen(browser, pages, screen):
    page = opened(browser, pages["supported-digits"], screen)
    marks = page.locator(".ruling .tag")
    assert marks.all_inner_texts() == ["not robust", "fragile"]
    for mark in marks.all():
        box = mark.bounding_box()
        assert box["y"] + box["height"] <= screen[1]
    page.close()


def test_the_dark_scheme_changes_the_background(browser, pages):
    path = pages["supported-digits"]
    light, dark = (opened(browser, path, color_scheme=scheme) for scheme in ("light", "dark"))
    assert background(light) == "rgb(255, 255, 255)"
    assert background(dark) != background(light)
    light.close()
    dark.close()


def test_print_is_light_and_unfolded(browser, pages):
    page = opened(browser, pages["supported-digits"], color_scheme="dark")
    page.emulate_media(media="print")
    assert background(page) == "rgb(255, 255, 255)"
    assert page.locator("#check-1-runs-1 table").bounding_box()["height"] > 0
    assert not page.locator("nav").is_visible()
    page.close()


def test_the_first_tab_stop_skips_to_the_verdict(browser, pages):
    page = opened(browser, pages["supported-digits"])
    page.keyboard.press("Tab")
    link = page.locator("a.skip")
    assert link.bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "verdict"
    page.close()
