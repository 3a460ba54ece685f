"""Opens a page of the lab in Chromium, headless, and notes what no page of the lab may do: fail, or fetch anything."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Give a browser; skips where there is none."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A page in a browser.

    Attributes:
        page: of Playwright.
        complaints: what the page has done that it must not: errors, words on the console, requests.
    """

    def __init__(self, browser: Browser, *, dark: bool = False, width: int = 1360) -> None:
        scheme = "dark" if dark else "light"
        self._context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]  # one of its words
        self.complaints: list[str] = []
        self._file = ""
        self._context.route("**/*", self._only_the_file)
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("console", lambda message: self.complaints.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))

    def _only_the_file(self, route: Route) -> None:
        if route.request.url.partition("#")[0] == self._file:
            route.continue_()
        else:
            self.complaints.append(f"request: {route.request.url}")
            route.abort()

    def go(self, file: Path, address: str = "") -> Page:
        """Open a file at an address within it, and wait until it is ready."""
        self._file = file.as_uri()
        self.page.goto(self._file + address)
        self.page.wait_for_selector("html[data-ready]", state="attached")
        return self.page

    def close(self) -> None:
        """Close the page."""
        self._context.close()
