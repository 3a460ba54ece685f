"""Hostile text in every field that comes from the wire or from a file does nothing in a browser but stand there."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from lab.engine.run import Run
from lab.report.formats import report_html
from lab.report.page import details, page
from lab.visible_text import from_bytes
from tests.page.conftest import Open
from tests.page.sample import sample_run, sample_timeline

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script></script><!--]]>{{7*7}}javascript:alert(3)&lt;b&gt;'\""
UNSEEN = "\x1b[31m\x07\u202e\u2066\u200b\ufeff\x00\ud800"
HOSTILE = MARKUP + UNSEEN + from_bytes(b"\xff\xfe\xc3(")
SHOWN = r"\x1b[31m\x07\u202e\u2066\u200b\ufeff\x00\ud800\xff\xfe\xc3("
FORBIDDEN = set(UNSEEN) - set("[31m")


def with_hostile_text(value: Any) -> Any:
    """JSON values in which each text ends with hostile text, but for those words by which the page is drawn."""
    if isinstance(value, str):
        return value + HOSTILE
    if isinstance(value, dict):
        kept = ("kind", "from", "to") if "call_id" in value else ("kind", "id")
        return {key: each if key in kept else with_hostile_text(each) for key, each in value.items()}
    return [with_hostile_text(each) for each in value] if isinstance(value, list) else value


def hostile_run(folder: Path) -> Run:
    run = sample_run()
    cells = []
    for each in run.cells:
        cell = dataclasses.replace(
            each.cell,
            name=each.cell.name + HOSTILE,
            axes=tuple(
                (axis if axis == "strategy" else axis + HOSTILE, label + HOSTILE) for axis, label in each.cell.axes
            ),
        )
        new = dataclasses.replace(each, cell=cell)
        result = each.__dict__["result"]
        if dataclasses.is_dataclass(result) and not isinstance(result, type):
            told = {
                key: text + HOSTILE for key in ("doubt", "claim_text", "left_out") if (text := getattr(result, key))
            }
            causes = {}
            if result.cause is not None:  # type: ignore[attr-defined]  # an outcome
                cause = result.cause  # type: ignore[attr-defined]  # an outcome
                steps = tuple(dataclasses.replace(step, text=step.text + HOSTILE) for step in cause.chain)
                causes["cause"] = dataclasses.replace(cause, text=cause.text + HOSTILE, chain=steps)
                fates = result.probes  # type: ignore[attr-defined]  # an outcome
                causes["probes"] = tuple(dataclasses.replace(fate, cause=causes["cause"]) for fate in fates)
            result = dataclasses.replace(result, **told, **causes)
        new.__dict__["result"] = result
        cells.append(new)
    scenario = dataclasses.replace(
        run.scenario,
        cells=tuple(each.cell for each in cells),
        **{key: getattr(run.scenario, key) + HOSTILE for key in ("name", "file", "title", "why", "source")},
    )
    write_hostile_annexes(folder)
    return dataclasses.replace(run, folder=folder, scenario=scenario, cells=tuple(cells))


def write_hostile_annexes(folder: Path) -> None:
    """Lay a comparison and a ranking into the folder, as somebody might."""
    change = {"what": HOSTILE, "before": HOSTILE, "after": HOSTILE, "why": HOSTILE, "direction": "worse"}
    cell = {"name": HOSTILE, "direction": "worse", "fails": True, "changes": [change]}
    compared = {"a": {"name": HOSTILE}, "counts": {"worse": 1}, "notes": [HOSTILE], "cells": [cell]}
    (folder / "comparison.json").write_text(json.dumps(compared))
    candidate = {"name": HOSTILE, "share": 97.0, "unknown": 0.0, "worst_outage_s": "end", "on_front": True}
    costs = {name: {"mean": 1.0} for name in ("wakeups", "packets", "bytes")}
    advice: dict[str, Any] = {
        "strategy": HOSTILE,
        "nearest": None,
        "binding": [],
        "rule": HOSTILE,
        "reason": HOSTILE,
        "others": [],
    }
    ranked = {"population": {HOSTILE: 100.0}, "recommendation": advice, "strategies": [{**candidate, **costs}]}
    (folder / "rank.json").write_text(json.dumps(ranked))


def test_hostile_text(look: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No dialog, no request, no element of its own, nothing unseen; it stands where it belongs, in sight."""
    monkeypatch.setattr(details, "timeline_of", lambda *_: with_hostile_text(sample_timeline()))
    snippet = {"language": "c", "title": HOSTILE, "code": HOSTILE, "note": HOSTILE}
    monkeypatch.setattr(page, "settings", lambda _: {f"adaptive{HOSTILE}": [snippet]})
    file = tmp_path / "report.html"
    file.write_text(report_html.render(hostile_run(tmp_path)), encoding="utf-8")
    window = look(file)
    seen = [window.locator("body").inner_text()]
    assert window.title().startswith("A sample <run><img src=x")
    assert SHOWN in window.locator("h1").inner_text()
    window.locator("table.cells tbody a:not(.badge)").first.click()
    window.locator(".chain button").first.click()
    window.get_by_text("Events as a table").click()
    for row in window.locator("button.row.fold").all()[::-1]:
        row.click()
    window.locator("button.row.message.sip").first.click()
    window.locator(".passing summary").first.click()
    seen.append(window.locator("body").inner_text())
    assert SHOWN in window.get_by_role("region", name="Message").locator("pre").inner_text()
    assert SHOWN in window.locator(".readout").inner_text()
    assert SHOWN in window.locator(".events").inner_text()
    assert window.locator(".snippets code").inner_text() == MARKUP + SHOWN
    assert not any(FORBIDDEN & set(text) for text in seen)
    assert window.locator("#app img, #app script, #app iframe, #app b").count() == 0
    links = window.locator("a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert all(link.startswith(("#", "cells/", "https://example.net/1")) for link in links)


def test_damaged_annexes(tmp_path: Path) -> None:
    """Whatever lies there in their place, the page is made without them."""
    for text in ("", "[]", "{}", '{"cells": 1}', '{"recommendation": {}}', "\x00", "[" * 100_000):
        for name in ("comparison.json", "rank.json"):
            (tmp_path / name).write_text(text)
        run = dataclasses.replace(sample_run(), folder=tmp_path)
        assert '"comparison":null,"ranking":null' in report_html.render(run)
