"""Makes the pictures of report.html for README and docs: ``scripts/pictures RUN`` (docs/pictures/*.png)."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Page

from lab.engine.run import Run
from lab.model.outcome import Outcome
from lab.model.verdict import Verdict
from lab.report.formats import report_html
from tests.chromium import Opened, chromium

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
WIDTH = 1400
LARGEST = 200_000
"""Bytes of a picture."""


def main(folder: Path, name: str = "") -> None:
    """Write both pictures: of the overview, and of a cell (the first that failed, unless it is named)."""
    run = Run.open(folder)
    failed = (each.name for each in run if isinstance(each.result, Outcome) and each.result.verdict is Verdict.FAIL)
    cell = name or next(failed)
    FOLDER.mkdir(exist_ok=True)
    file = folder.resolve() / report_html.FILE
    with chromium() as browser:
        window = Opened(browser, width=WIDTH)
        page = window.go(file)
        _keep(page, "overview", 800)
        page = window.go(file, f"#cell={cell}")
        page.locator("canvas").wait_for()
        page.locator(".rows").wait_for()
        page.locator("button.row.message.sip").first.wait_for()
        _keep(page, "cell", 960)
        assert window.complaints == []
        window.close()


def _keep(page: Page, name: str, height: int) -> None:
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.evaluate("document.fonts.ready")
    page.screenshot()  # so that what is drawn in the next frame is in the one that is kept
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    size = path.stat().st_size
    if size > LARGEST:
        sys.exit(f"{path.name} has {size:,} bytes; at most {LARGEST:,}")
    print(f"{path.relative_to(FOLDER.parent.parent)}: {size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/latest"), *sys.argv[2:3])
