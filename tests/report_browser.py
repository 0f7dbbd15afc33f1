"""A browser for the tests of pages, where there is one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SCREENS = {"desktop": (1280, 800), "phone": (390, 844)}
_NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Any]:
    """Chromium, driven by Playwright; skips the test where either is absent."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, _NAMES)), None) or os.environ.get("BNREPRO_CHROMIUM")
    if found is None:
        pytest.skip(f"no Chromium: none of {', '.join(_NAMES)} is on PATH and BNREPRO_CHROMIUM is not set")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def opened(browser: Any, path: Path, screen: tuple[int, int] = (1280, 800), **options: Any) -> Any:
    """A page that shows a file."""
    page = browser.new_page(viewport={"width": screen[0], "height": screen[1]}, **options)
    page.goto(path.as_uri())
    return page


def background(page: Any) -> str:
    """The colour behind everything."""
    return str(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
