"""Text from outside is made visible wherever it is shown: scenario, client, wire, logs, in every format."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.text import Text

from lab.errors import LabFault
from lab.model.outcome import Cause, ChainStep, CostUntilLoss, Outcome, ProbeFate, ProbeTrial, SeedOutcome
from lab.model.scenario import Cell, Claim, Scenario
from lab.model.verdict import CLIENT_IDLE_TIMER, Verdict
from lab.report import files, terminal
from lab.report.formats import junit_xml, report_csv, report_html, report_json, report_md
from lab.report.progress import Progress
from lab.visible_text import all_visible, from_bytes, visible
from tests.page_data import PageData
from tests.records import cell as a_cell
from tests.records import judged
from tests.runs import run_of

HOSTILE = "\x1b[31m\x07\x00\x9b\u202e\u2066\ud800\ufffe\u200b\x7f</script>"
SHOWN = r"\x1b[31m\x07\x00\x9b\u202e\u2066\ud800\ufffe\u200b\x7f</script>"
HIDDEN = set(HOSTILE) - set("[31m</script>")


def with_hostile_text(value: Any) -> Any:
    """A copy in which each text ends with hostile text: whatever field comes from outside is among them."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return value + HOSTILE
    if isinstance(value, tuple):
        return tuple(with_hostile_text(each) for each in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = {Cause: {"kind"}, Cell: {f.name for f in dataclasses.fields(Cell)} - {"name", "axes"}}
        names = [f.name for f in dataclasses.fields(value) if f.init and f.name not in kept.get(type(value), set())]
        return dataclasses.replace(value, **{name: with_hostile_text(getattr(value, name)) for name in names})
    return value


def hostile_run() -> Any:
    """A run with a cell of each kind of end; all its texts are hostile."""
    cause = Cause(
        kind=CLIENT_IDLE_TIMER, at_s=33.0, text="cause", chain=(ChainStep(at_s=33.0, text="link", evidence=(4,)),)
    )
    probe = ProbeFate(at_s=40.0, kind_="notify", answered=False, cause=cause, branches=cause.chain)
    results: list[tuple[Cell, Outcome | LabFault]] = []
    for verdict in Verdict:
        outcome = dataclasses.replace(
            judged(a_cell()),
            verdict=verdict,
            cause=cause if verdict is Verdict.FAIL else None,
            doubt="doubt" if verdict in (Verdict.INCONCLUSIVE, Verdict.UNSUPPORTED) else "",
            claim_holds=False,
            claim_text="claimed",
            probes=(probe,),
            kept_by=cause.chain,
            left_out="left out",
            seeds=(SeedOutcome(seed=2, verdict=Verdict.FAIL, text="other seed"),),
            tried=(ProbeTrial(at_s=3.0, why="weak", reached=False, gap_s=1.0, folder="twins/x"),),
        )
        outcome = dataclasses.replace(
            outcome,
            metrics=dataclasses.replace(outcome.metrics, lost=CostUntilLoss(at_s=1.0, packets=1, bytes=1, wakeups=1)),
        )
        a = dataclasses.replace(
            a_cell(claim=Claim(verdict=Verdict.PASS)), name=verdict.value, axes=(("strategy", verdict.value),)
        )
        results.append((with_hostile_text(a), with_hostile_text(outcome)))
    broken = dataclasses.replace(a_cell(), name="broken", axes=(("strategy", "broken"),))
    results.append((with_hostile_text(broken), LabFault("step" + HOSTILE, detail="last words" + HOSTILE)))
    scenario = Scenario(name="n", file="f", text="", title="title", why="why", source="https://example.net/1", cells=())
    scenario = dataclasses.replace(with_hostile_text(scenario), cells=tuple(cell for cell, _ in results))
    return run_of(scenario, results)


def texts(value: Any) -> Iterator[str]:
    """All texts in JSON values, keys included."""
    if isinstance(value, str) and not isinstance(value, Enum):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def harmless(text: str) -> bool:
    return not HIDDEN & set(text) and text.encode() is not None


@pytest.mark.parametrize("kind", files.all_formats(), ids=lambda kind: kind.FILE)
def test_every_format(kind: files.Format) -> None:
    """The file, and what a reader makes of it, has no hidden character; the text is there, and can be seen."""
    text = kind.render(hostile_run())
    assert harmless(text)
    if kind is report_json:
        assert all(map(harmless, texts(json.loads(text))))
        assert f"title{SHOWN}" in list(texts(json.loads(text)))
    elif kind is junit_xml:
        elements = list(ElementTree.fromstring(text).iter())
        assert all(harmless(each.text or "") and all(map(harmless, each.attrib.values())) for each in elements)
        assert SHOWN in elements[0].attrib["name"]
    elif kind is report_csv:
        rows = list(csv.reader(io.StringIO(text)))
        assert all(harmless(column) for row in rows for column in row)
        assert any(SHOWN in column for row in rows for column in row)
    elif kind is report_md:
        assert r"title\x1b[31m" in text
    else:
        assert kind is report_html, "a new format: say here what its reader makes of it"
        page = PageData(text)
        assert text.count("</script>") == text.count("<script")
        assert all(map(harmless, texts([page.overview, page.parts])))
        assert page.overview["scenario"]["title"] == f"title{SHOWN}"
        assert any(SHOWN in each for each in texts(page.parts))


def test_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Table, stories and live view; only rich's own escape sequences reach a terminal."""
    run = hostile_run()
    console = terminal.console(stderr=False)
    terminal.show(console, run.scenario, run.results)
    terminal.show_broken(console, run.results)
    console.print(Text(HOSTILE), HOSTILE, markup=False)
    with Progress(console, clock="virtual") as progress:
        progress.expect({"folder": run.scenario.cells[0]})
        progress.take({"ev": "error", "cell": "folder", "text": HOSTILE})
        console.print(progress.view())
        progress.take({"ev": "ended", "cell": "folder", "status": 1})
    out = capsys.readouterr().out
    assert harmless(out)
    assert f"title{SHOWN}".replace(r"\x07", "") in out  # rich has taken the bell away
    assert out.count(r"\x1b[31m") > 10


def test_colour_is_left(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    terminal.console(stderr=False).print(Text("a\x1b[31mb", "green"))
    assert capsys.readouterr().out == "\x1b[32ma\\x1b[31mb\x1b[0m\n"


@pytest.mark.parametrize(
    ("source", "links"),
    [
        ("https://example.net/1", ["https://example.net/1"]),
        ("javascript:alert(1)", []),
        ("JavaScript:alert(1) data:text/html,x //evil.example vbscript:x", []),
        ("a report; https://a.example/1, http://b.example/2#x.", ["https://a.example/1", "http://b.example/2#x"]),
        ("RFC 3261", []),
        ("https://a.example/\u202etxt", [r"https://a.example/\u202etxt"]),
    ],
)
def test_links(source: str, links: list[str]) -> None:
    """Only addresses on the web are links, each for itself, and what they hold can be seen."""
    run = run_of(Scenario(name="n", file="f", text="", title="t", why="", source=source, cells=()), [])
    parts = PageData(report_html.render(run)).overview["scenario"]["source"]
    assert [part["address"] for part in parts if part["address"]] == links
    assert "".join(part["text"] for part in parts) == visible(source)


def test_visible() -> None:
    assert visible("Grüße, 世界 \u00a0é🙂") == "Grüße, 世界 \u00a0é🙂"
    assert visible(HOSTILE) == SHOWN
    assert visible("a\nb\tc\rd") == "a b c d"
    assert visible("a\nb\tc\rd", lines=True) == "a\nb\tc d"
    assert visible("x" * 11, most=10) == "x" * 9 + "…"
    assert visible("x" * 10, most=10) == "x" * 10
    assert len(visible("\x1b" * 10, most=10)) == 10
    assert from_bytes(b"a\xff\x1b") == r"a\xff\x1b"
    assert all_visible({"a\x1b": [1, None, ("\x1b",)]}) == {r"a\x1b": [1, None, [r"\x1b"]]}


def test_one_function_for_it() -> None:
    """No other module makes characters visible in a way of its own."""
    package = Path(__file__).parents[2] / "lab"
    makers = {"unicode-escape", "unicode_escape", "isprintable"}
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if any(maker in path.read_text(encoding="utf-8") for maker in makers)
    }
    assert found == {"visible_text.py", "worlds/boot.py"}  # which asks whether a kernel's command line can carry a path
