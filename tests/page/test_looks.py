"""How the page looks: dark and light, on paper, on a narrow screen; and that it is made from its sources."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.lab_command import wait_until
from tests.page.conftest import Open

ROOT = Path(__file__).parents[2]
CELL = "#cell=none%2Cidle"


def brightness(color: str) -> float:
    numbers = [float(part) for part in color[color.index("(") + 1 : -1].split(",")[:3]]
    return sum(numbers) / 3


def test_dark_and_light(look: Open, report: Path) -> None:
    """As the system says, unless the reader chooses; the lanes are drawn anew."""
    background = "getComputedStyle(document.body).backgroundColor"
    picture = "document.querySelector('canvas').toDataURL()"
    page = look(report, CELL, dark=True)
    assert brightness(page.evaluate(background)) < 60
    assert brightness(page.evaluate("getComputedStyle(document.body).color")) > 180
    wait_until("lanes drawn", lambda: len(page.evaluate(picture)) > 5000)
    dark = page.evaluate(picture)
    page.locator("button.theme").click()  # from automatic to light
    wait_until("a light page", lambda: brightness(page.evaluate(background)) > 240)
    wait_until("lanes in other colors", lambda: page.evaluate(picture) != dark)
    assert brightness(look(report).evaluate(background)) > 240


def test_on_paper(look: Open, report: Path) -> None:
    """Dark or not, paper is white; buttons and filters are left out; the ladder and the table are all there."""
    page = look(report, CELL, dark=True)
    page.locator(".rows").wait_for()
    page.emulate_media(media="print")
    assert brightness(page.evaluate("getComputedStyle(document.body).backgroundColor")) > 240
    assert not page.locator(".tools").is_visible()
    assert not page.locator("button.theme").is_visible()
    assert page.pdf().startswith(b"%PDF")
    page.emulate_media(media="screen")
    overview = look(report)
    overview.emulate_media(media="print")
    assert not overview.locator(".filters").is_visible()
    assert overview.locator("table.matrix").is_visible()


@pytest.mark.parametrize("address", ["", CELL])
def test_narrow(look: Open, report: Path, address: str) -> None:
    """On a phone nothing is wider than the screen but what scrolls by itself."""
    page = look(report, address, width=390)
    page.locator("table, .rows").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_picture_without_a_program(report: Path) -> None:
    """Where no program may run, verdicts and reasons are there all the same."""
    text = report.read_text("utf-8").partition("<script")[0]
    assert "<li>fail <b>none,idle</b>: client idle timer closed the transport at 33.0 s</li>" in text
    assert "A sample &lt;run&gt;" in text


def test_built_from_its_sources(tmp_path: Path) -> None:
    """`scripts/build-page` makes the very files that are kept beside the Python."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs Node: apt-get install nodejs npm")
    done = subprocess.run(
        [ROOT / "scripts" / "build-page", tmp_path],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("page.js", "page.css"):
        kept = ROOT / "lab" / "report" / "page" / name
        assert (tmp_path / name).read_bytes() == kept.read_bytes(), "run scripts/build-page and commit what it writes"
