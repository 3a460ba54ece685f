"""One browser for all tests of the page, and the run that they look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from lab.report.formats import report_html
from lab.report.page import details
from tests.chromium import Opened, chromium
from tests.page.sample import sample_run, sample_timeline

Open = Callable[..., Page]
"""Opens a file in the browser, at an address within it."""


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests in one process, so that they share the browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="package")  # no longer: while it is open, nothing else in this process can run asyncio
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def look(browser: Browser) -> Iterator[Open]:
    """Open pages, one after the other in a window; none may fail, say anything on the console or fetch anything."""
    opened: dict[tuple[bool, int], Opened] = {}

    def open_page(file: Path, address: str = "", *, dark: bool = False, width: int = 1360) -> Page:
        window = dark, width
        if window not in opened:
            opened[window] = Opened(browser, dark=dark, width=width)
        return opened[window].go(file, address)

    yield open_page
    complaints = [each for one in opened.values() for each in one.complaints]
    for one in opened.values():
        one.close()
    assert complaints == []


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run of two axes, with a timeline for each cell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(details, "timeline_of", lambda *_: sample_timeline())
        text = report_html.render(sample_run())
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(text, encoding="utf-8")
    return file
