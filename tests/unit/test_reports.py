"""The reports for people and for continuous integration, of cells with every kind of end."""

from __future__ import annotations

import dataclasses
from typing import Any
from xml.etree import ElementTree

import pytest

import lab
from lab.engine.twins.cells import probed_at
from lab.errors import HostNotCapable, LabError
from lab.model.outcome import Cause, ChainStep, CostUntilLoss, Outage, Outcome
from lab.model.scenario import Cell, Claim, Scenario
from lab.model.verdict import CLIENT_IDLE_TIMER, Verdict
from lab.report.explanation import explain, lost
from lab.report.formats import junit_xml, report_html, report_json
from lab.report.grid import RowSum, grid
from tests.page_data import PageData
from tests.records import cell as a_cell
from tests.records import judged
from tests.runs import run_of

SCENARIO: dict[str, Any] = {
    "title": "t",
    "topology": "home-nat",
    "middlebox": "never-forgets",
    "probes": [{"at": "45 s", "kind": "options"}],
    "ends": "60 s",
}
TITLE = "A <title> & more"
CAUSE = "idle timer closed the <transport>"


def _result(verdict: Verdict, *, holds: bool | None, doubt: str = "") -> Outcome:
    empty = judged(a_cell())
    cause = Cause(
        kind=CLIENT_IDLE_TIMER,
        at_s=33.0,
        text=CAUSE,
        chain=(ChainStep(at_s=33.0, text=CAUSE, evidence=(4,)),),
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
    suite = ElementTree.fromstring(junit_xml.render(run_of(scenario, results)))
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5",
        "failures": "2",
        "errors": "1",
        "skipped": "1",
    }
    seen = {
        case.get("name"): [(part.tag, part.get("message")) for part in case if part.tag != "properties"]
        for case in suite.iter("testcase")
    }
    assert seen == {
        "none,idle": [("system-out", None)],
        "none,reboot": [("failure", "claimed pass, seen fail")],
        "hold,idle": [("failure", "no sentinel")],
        "hold,reboot": [("skipped", "no TLS")],
        "ping,idle": [("error", "host error")],
    }


def test_properties_in_junit() -> None:
    """Labels, verdict and figures of what ran; a cell that could not run has its labels alone."""
    scenario, results = _run(*RESULTS)
    suite = ElementTree.fromstring(junit_xml.render(run_of(scenario, results)))
    properties = {
        case.get("name"): {each.get("name"): each.get("value") for each in case.iter("property")} for case in suite
    }
    labels = {"axis.strategy": "none", "axis.failure": "idle"}
    told = properties["none,idle"]
    assert labels.items() <= told.items()
    assert told["verdict"] == "fail"
    assert float(str(told["packets_per_hour"])) == pytest.approx(RESULTS[0][1].metrics.packets_per_hour, abs=0.001)
    assert properties["ping,idle"] == {"axis.strategy": "ping", "axis.failure": "idle"}
    assert set(properties["hold,reboot"]) == {*labels, "verdict"}


def test_page() -> None:
    """The page has each cell and its story, says what was not claimed, and loads nothing from elsewhere."""
    scenario, results = _run(*RESULTS)
    page = PageData(report_html.render(run_of(scenario, results)))
    cells = {cell["name"]: cell for cell in page.overview["cells"]}
    assert {name: (cell["verdict"], (cell.get("claim") or {}).get("holds")) for name, cell in cells.items()} == {
        "none,idle": ("fail", True),
        "none,reboot": ("fail", False),
        "hold,idle": ("inconclusive", None),
        "hold,reboot": ("unsupported", None),
        "ping,idle": ("error", None),
    }
    assert page.loads == []
    for word in (TITLE, CAUSE, "no sentinel", "no TLS", "no netem", "1 of 2 claims hold"):
        assert word in page.words
    assert [page.parts[f"cell-{number}"]["story"] for number in (2, 3, 4)] == [
        ["no sentinel"],
        ["no TLS"],
        [cells["ping,idle"]["why"]],
    ]
    (chain,) = page.parts["cell-0"]["chains"]
    assert chain["steps"] == [{"at_s": 33.0, "text": CAUSE, "evidence": [4]}]


def _lasting(verdict: Verdict, packets: float, *outages: Outage) -> Outcome:
    outcome = _result(verdict, holds=None)
    metrics = dataclasses.replace(outcome.metrics, packets_per_hour=packets, outages=outages)
    return dataclasses.replace(outcome, metrics=metrics)


def _sums(results: list[tuple[Cell, Outcome | LabError]]) -> dict[str, RowSum | None]:
    table = grid(results)
    assert table is not None
    return table.sums


def test_sums_of_rows() -> None:
    """Strategies go downwards, whichever axis they are; what was not judged is in no number of its row."""
    _, results = _run(
        ("none,idle", _lasting(Verdict.FAIL, 10, Outage(from_s=1, to_s=5), Outage(from_s=6, to_s=9))),
        ("none,mute", _lasting(Verdict.PASS, 30)),
        ("none,slow", _lasting(Verdict.INCONCLUSIVE, 9000, Outage(from_s=0, to_s=8))),
        ("hold,idle", _lasting(Verdict.PASS, 7)),
        ("hold,mute", _lasting(Verdict.FAIL, 7, Outage(from_s=2, to_s=None))),
        ("ping,idle", _lasting(Verdict.UNSUPPORTED, 0)),
    )
    ends = float(results[0][0].ends)
    turned = [(dataclasses.replace(cell, axes=cell.axes[::-1]), result) for cell, result in results]
    for each in (results, turned):
        sums = _sums(each)
        assert {
            row: added and (added.passed, added.judged, added.outage, added.packets) for row, added in sums.items()
        } == {
            "none": (1, 2, "4 s", 20),
            "hold": (1, 2, f"> {ends - 2:.0f} s", 7),
            "ping": None,
        }


@pytest.mark.parametrize("count", [0, 1])
def test_page_of_little(count: int) -> None:
    """A run that was interrupted before anything ended, or has one cell, has a page as well."""
    scenario, results = _run(*RESULTS[:count])
    assert TITLE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in report_html.render(
        run_of(scenario, results)
    )


def _looks(*marks: str) -> tuple[Scenario, list[tuple[Cell, Outcome | LabError]]]:
    """A curve of each of these, as `lab curve` runs it: ``x`` lost, ``.`` answered, every 10 s."""
    cells = []
    for number, each in enumerate(marks):
        for place, mark in enumerate(each, start=1):
            lost = mark == "x"
            looked = probed_at(dataclasses.replace(a_cell(), axes=(("strategy", f"s{number}"),)), 10.0 * place)
            outages = (Outage(from_s=33, to_s=None),) if lost else ()
            cells.append((looked, _lasting(Verdict.FAIL if lost else Verdict.PASS, 0, *outages)))
    scenario, _ = _run()
    return dataclasses.replace(scenario, cells=tuple(cell for cell, _ in cells)), list(cells)


def test_page_of_a_curve() -> None:
    """Its outages are those between its looks, not from a cause to the end of a cell; looks claim nothing, unasked."""
    scenario, results = _looks("...xx..", ".....xx", ".......", "x......")
    page = PageData(report_html.render(run_of(scenario, results)))
    assert page.overview["curve"]
    assert [row["outage"] for row in page.overview["rows"]] == ["10 s to 30 s", "> 10 s", "none seen", "0 s to 20 s"]
    assert report_json.warnings(results) == []


def test_notes() -> None:
    """What affects trust: cells without a claim, none to compare with, and a client that pings by itself."""
    _, results = _run(*RESULTS)
    bare = [(dataclasses.replace(cell, claim=None), result) for cell, result in results]
    assert report_json.warnings(results) == []
    assert report_json.warnings(bare) == ["5 of 5 cells carry no claim; they cannot make the run fail"]
    assert report_json.warnings(bare[:1]) == ["1 cell carries no claim; it cannot make the run fail"]


def test_note_that_nothing_is_compared_with() -> None:
    """Strategies without `none` are run all the same; it is said what is missing."""
    content = {**SCENARIO, "matrix": {"strategy": ["crlf-30s", "hold-transport"]}}
    cells = lab.build(content).cells
    (note, _) = report_json.warnings([(cell, _result(Verdict.PASS, holds=None)) for cell in cells])
    assert note == "strategy `none` is not among these cells: nothing shows that the others make a difference"


@pytest.mark.parametrize(
    ("transport", "account", "strategy", "said"),
    [
        ("udp", "register", "none", True),
        ("udp", "register-and-subscribe", "none", True),
        ("udp", "subscribe", "none", False),
        ("tls", "register", "none", False),
        ("udp", "register", "udp-silent", False),
    ],
)
def test_note_that_a_client_pings_by_itself(transport: str, account: str, strategy: str, said: bool) -> None:
    """`none` is the client as shipped, which over UDP is not silent once it has registered."""
    content = {**SCENARIO, "transport": transport, "client": {"account": account}, "strategy": strategy}
    (cell,) = lab.build(content).cells
    notes = report_json.warnings([(cell, _result(Verdict.FAIL, holds=None))])
    assert any("every 12 s to 14 s by itself" in note for note in notes) == said


def test_what_never_ran_has_no_metrics() -> None:
    """In JSON they are null, in the explanation there are no probes."""
    scenario, results = _run(("none,idle", _result(Verdict.UNSUPPORTED, holds=None, doubt="no TLS")))
    (told,) = report_json.document(run_of(scenario, results))["cells"]
    assert (told["verdict"], told["metrics"]) == ("unsupported", None)
    assert explain(*results[0])[:2] == ["none,idle: unsupported", "  no TLS"]  # type: ignore[arg-type]  # an outcome


def test_what_a_client_had_cost_by_its_loss() -> None:
    """One of a thing is not several."""
    said = lost(CostUntilLoss(at_s=33.0, packets=1, bytes=1272, wakeups=1))
    assert said.endswith("first out of reach at 33.0 s, after 1 packet, 1,272 bytes, 1 wake-up")
    assert lost(CostUntilLoss(at_s=33.0, packets=0, bytes=0, wakeups=0)).endswith("0 packets, 0 bytes, 0 wake-ups")
