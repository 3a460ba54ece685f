"""The reports for people and for continuous integration, of cells with every kind of end."""

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from lab.errors import HostNotCapable, LabError
from lab.judge.verdict import judge
from lab.model.outcome import CauseFound, Link, Outcome
from lab.model.scenario import Cell, Claim, Scenario
from lab.model.verdict import Cause, Verdict
from lab.report.junit import junit
from lab.report.page import page
from tests.unit.test_judge import cell as a_cell

TITLE = "A <title> & more"
CAUSE = "idle timer closed the <transport>"


def _result(verdict: Verdict, *, holds: bool | None, doubt: str = "") -> Outcome:
    empty = judge(a_cell(), [])
    cause = CauseFound(
        kind=Cause.CLIENT_IDLE_TIMER,
        at_s=33.0,
        text=CAUSE,
        chain=(Link(at_s=33.0, text=CAUSE, evidence=(4,)),),
    )
    return dataclasses.replace(
        empty,
        verdict=verdict,
        cause=cause if verdict is Verdict.FAIL else None,
        doubt=doubt,
        claim_holds=holds,
        claim_text="claimed pass, seen fail" if holds is False else "",
    )


def _run(*results: tuple[str, Outcome | LabError]) -> tuple[Scenario, list[tuple[Cell, Outcome | LabError]]]:
    cells = [
        (
            dataclasses.replace(
                a_cell(claim=Claim(verdict=Verdict.FAIL)),
                name=f"{strategy},{failure}",
                axes=(("strategy", strategy), ("failure", failure)),
            ),
            result,
        )
        for (strategy, failure), result in ((name.split(","), result) for name, result in results)
    ]
    scenario = Scenario(
        name="story",
        file="story.yaml",
        text="",
        title=TITLE,
        why="One.\n\nTwo.",
        source="https://example.net/1",
        cells=tuple(cell for cell, _ in cells),
    )
    return scenario, cells


RESULTS = (
    ("none,idle", _result(Verdict.FAIL, holds=True)),
    ("none,reboot", _result(Verdict.FAIL, holds=False)),
    ("hold,idle", _result(Verdict.INCONCLUSIVE, holds=None, doubt="no sentinel")),
    ("hold,reboot", _result(Verdict.UNSUPPORTED, holds=None, doubt="no TLS")),
    ("ping,idle", HostNotCapable("no netem", fix="modprobe")),
)


def test_junit() -> None:
    """Broken claims and unclaimed doubt fail, what cannot exist is skipped, what could not run is an error."""
    scenario, results = _run(*RESULTS)
    suite = ElementTree.fromstring(junit(scenario, results))
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5",
        "failures": "2",
        "errors": "1",
        "skipped": "1",
    }
    seen = {case.get("name"): [(part.tag, part.get("message")) for part in case] for case in suite}
    assert seen == {
        "none,idle": [("system-out", None)],
        "none,reboot": [("failure", "claimed pass, seen fail")],
        "hold,idle": [("failure", "no sentinel")],
        "hold,reboot": [("skipped", "no TLS")],
        "ping,idle": [("error", "host error")],
    }


class _Page(HTMLParser):
    """What a browser would take from the page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: dict[str, str] = {}  # anchor to class
        self.places: set[str] = set()
        self.loads: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and given["href"].startswith("#"):
            self.links[given["href"][1:]] = given.get("class", "")
        if tag == "details":
            self.places.add(given["id"])
        self.loads += [given[name] for name in ("src", "rel") if name in given]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_page() -> None:
    """The table leads to each cell's story, marks what was not claimed, and the page loads nothing from elsewhere."""
    scenario, results = _run(*RESULTS)
    seen = _Page()
    seen.feed(page(scenario, clock="virtual", results=results, warnings=["a & b"]))
    assert seen.links == {
        "none,idle": "fail",
        "none,reboot": "fail breaks",
        "hold,idle": "inconclusive",
        "hold,reboot": "unsupported",
        "ping,idle": "error",
    }
    assert seen.places == set(seen.links)
    assert seen.loads == []
    for word in (TITLE, CAUSE, "no sentinel", "no TLS", "no netem", "a & b", "1 of 2 claims hold"):
        assert word in seen.words


@pytest.mark.parametrize("count", [0, 1])
def test_page_of_little(count: int) -> None:
    """A run that was interrupted before anything ended, or has one cell, has a page as well."""
    scenario, results = _run(*RESULTS[:count])
    assert TITLE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in page(
        scenario, clock="real", results=results, warnings=[]
    )
