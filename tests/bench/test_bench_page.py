"""How large ``report.html`` is, and how soon it can be used: 350 cells, as the article's whole table; eight hours.

Printed. Asserted are the size and, as machines differ, the time as a multiple of that of an empty page.
"""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from lab.report.formats import report_html
from lab.report.page import details
from tests.chromium import Opened, chromium
from tests.page.sample import message, outcome, sample_run, sample_timeline
from tests.runs import run_of

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

STRATEGIES, FAILURES = 25, 14
HOURS = 8


def random_text(chance: random.Random) -> str:
    """A branch or a tag: what makes a message unlike the others."""
    return f"{chance.getrandbits(96):024x}"


def timeline(chance: random.Random, number: int) -> dict[str, Any]:
    """A timeline of so many SIP requests with their answers, each with ids of its own."""
    made = sample_timeline()
    for place in range(number):
        at = 3.0 + 25 * place
        for back, first in (
            (False, "OPTIONS sip:203.0.113.10:5061;transport=tls;lr SIP/2.0"),
            (True, "SIP/2.0 200 OK"),
        ):
            lines = [first, *(f"{name}: {random_text(chance)}" for name in ("Via", "From", "To", "Call-ID")), "x" * 250]
            text = "\r\n".join(lines)
            made["messages"].append(message(at, first, back=back, text=text, cseq=f"{place} OPTIONS", call_id=lines[4]))
            mark = {"at_s": at, "kind": "packets", "text": f"TCP: 2 packets {random_text(chance)}", "evidence": [place]}
            for lane in made["lanes"][:4]:
                lane["marks"].append(mark)
    for lane in made["lanes"]:
        lane["marks"].sort(key=lambda each: each["at_s"])
    made["messages"].sort(key=lambda each: each["at_s"])
    made["ends_s"] = max(106.0, 25.0 * number + 10)
    return made


def whole_table() -> Any:
    """A run as large as the article's."""
    sample = sample_run()
    first = sample.cells[0].cell
    results = []
    for number in range(STRATEGIES * FAILURES):
        strategy, failure = f"strategy-{number // FAILURES}", f"failure-{number % FAILURES}"
        axes = (("strategy", strategy), ("failure", failure))
        like = ("none", "crlf-30s", "options-25s", "hold-transport", "adaptive")[number % 5]
        verdict = list(type(sample.cells[0].outcome.verdict))[number % 3]
        results.append((dataclasses.replace(first, name=f"{strategy},{failure}", axes=axes), outcome(verdict, like)))
    scenario = dataclasses.replace(sample.scenario, cells=tuple(cell for cell, _ in results))
    return run_of(scenario, results)


def took(page: Page) -> float:
    return float(page.evaluate("performance.now()"))


def test_size_and_speed(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """350 cells stay below 10 MB; a page of eight hours draws a frame in a fraction of a second."""
    chance = random.Random(1)
    monkeypatch.setattr(details, "timeline_of", lambda *_: timeline(chance, 8))
    large = tmp_path / "large.html"
    large.write_text(report_html.render(whole_table()), encoding="utf-8")
    long = tmp_path / "long.html"
    monkeypatch.setattr(details, "timeline_of", lambda *_: timeline(chance, HOURS * 3600 // 25))
    run = sample_run()
    one = dataclasses.replace(run, cells=run.cells[:1])
    long.write_text(report_html.render(one), encoding="utf-8")
    empty = tmp_path / "empty.html"
    empty.write_text("<!doctype html><html data-ready><title>x</title>", encoding="utf-8")
    with chromium() as browser:
        times = {}
        for file in (empty, large, long):
            window = Opened(browser)
            times[file.stem] = min(took(window.go(file)) for _ in range(3))
            assert window.complaints == []
            window.close()
        window = Opened(browser)
        page = window.go(large, "#cell=strategy-3%2Cfailure-3")
        page.locator(".row").first.wait_for()
        cell_ms = took(page)
        page = window.go(long, "#cell=none%2Cidle")
        page.locator(".row").first.wait_for()
        long_ms = took(page)
        frames = _frames(page)
        window.close()
    size = large.stat().st_size
    with capsys.disabled():
        print(
            f"\n{STRATEGIES * FAILURES} cells: {size / 1e6:.1f} MB, ready after {times['large']:.0f} ms"
            f" ({times['large'] / times['empty']:.1f} times an empty page), at a cell after {cell_ms:.0f} ms;"
            f" {HOURS} hours: ready after {long_ms:.0f} ms, {frames:.0f} ms for a step of the wheel",
            end="",
        )
    assert size < 10_000_000
    assert times["large"] < 100 * times["empty"]


def _frames(page: Page) -> float:
    """Return the mean time of a step of the wheel in milliseconds, drawn."""
    box = page.locator("canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 60)
    before = took(page)
    for _ in range(20):
        page.mouse.wheel(0, -40)
    page.locator("canvas").evaluate("canvas => canvas.getContext('2d').getImageData(0, 0, 1, 1)")
    return (took(page) - before) / 20
