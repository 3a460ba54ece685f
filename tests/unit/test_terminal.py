"""The table at the end of a run: everything in it, in 120 columns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from lab.errors import LabError, LabFault
from lab.loader import catalogue
from lab.model.outcome import Outcome
from lab.model.scenario import Cell, Claim, ProbeKind, Scenario
from lab.model.verdict import Verdict
from lab.report import terminal
from tests.records import CLIENT, END, cell, flow_set_up, forgot, idle_timer, judged, on_lan, probe, sentinel

LONGEST = max(catalogue.strategy_names(), key=len)
AXES = (("strategy", LONGEST), ("failure", "server-restart"))
PASSES = Claim(verdict=Verdict.PASS)


def row(*, claim: Claim | None = None, timeout: float | None = None, idle: bool = False) -> tuple[Cell, Outcome]:
    """A client that is closed by its idle timer, or forgotten by its middlebox, and sends two packets before."""
    subject = replace(cell(timeout=timeout, claim=claim), axes=AXES)
    lines = [*sentinel("delivered"), idle_timer()] if idle else [*sentinel("silent"), forgot()]
    traffic = [on_lan(20, CLIENT, 1000), on_lan(40, CLIENT, 1000)]
    return subject, judged(subject, *flow_set_up(), *lines, *traffic, *probe(1, 100, answered=False), END)


def printed(*rows: tuple[Cell, Outcome | LabError], width: int = terminal.WIDTH_OF_A_FILE) -> list[str]:
    console = Console(width=width, highlight=False, color_system=None, record=True, quiet=True)
    scenario = Scenario(
        name="s", file="", text="", title="A title", why="", source="", cells=tuple(cell for cell, _ in rows)
    )
    with console.capture() as captured:
        console.quiet = False
        terminal.show(console, scenario, list(rows))
    return captured.get().splitlines()


def test_row_and_its_reason_in_120_columns() -> None:
    """The longest strategy of the catalogue leaves no room beside it: the reason stands beneath its row."""
    title, head, rule, first, why, *_ = printed(row(timeout=60))
    assert title == "A title"
    assert head.split() == [
        "strategy",
        "failure",
        "verdict",
        "probes",
        "pkt/h",
        "bytes/h",
        "wake/h",
        "on",
        "s/h",
        "claim",
    ]
    assert first.split() == [LONGEST, "server-restart", "fail", "0/1", "~67", "~66,667", "~67", "~667", "none"]
    assert why.startswith(" " * terminal.BENEATH + "middlebox home-nat forgot the flow at 60.0 s")
    assert max(map(len, (title, head, rule, first, why))) <= 120


def test_reason_beside_its_row_where_there_is_room() -> None:
    """A wide terminal takes one line for each cell."""
    _, head, _, first, *rest = printed(row(idle=True), width=160)
    assert head.endswith("why")
    assert first.endswith("client idle timer closed the transport at 33.0 s")
    assert [line[:1] for line in rest] == ["~", ""]  # what the sign beside the costs means


@pytest.mark.parametrize("width", [120, 200])
def test_broken_claim_is_told_before_the_cause(width: int) -> None:
    """What differs from the claim comes first; a claim that holds says only that."""
    text = "\n".join(printed(row(idle=True, claim=PASSES), width=width))
    assert " breaks" in text
    assert "claimed pass, seen fail; client idle timer" in text


def test_cell_that_could_not_run() -> None:
    """An error takes the place of all columns."""
    subject, _ = row()
    lines = printed((subject, LabFault("the world froze", detail="nothing")))
    assert lines[3].split() == [LONGEST, "server-restart", "error"]
    assert lines[4].strip() == "the world froze: nothing"


@pytest.mark.parametrize(
    ("kind", "delivered", "doing"),
    [
        (ProbeKind.NOTIFY, True, "probe at 100 s answered"),
        (ProbeKind.NOTIFY, False, "probe at 100 s lost"),
        (ProbeKind.INVITE, True, "call at 100 s answered"),
        (ProbeKind.INVITE, False, "call at 100 s missed"),
    ],
)
def test_fate_of_a_probe(kind: ProbeKind, delivered: bool, doing: str) -> None:
    """While a run goes on, a call that nobody took was missed."""
    subject = cell()
    progress = terminal.Progress(Console(quiet=True), clock="virtual")
    progress.expect({"c": replace(subject, probes=tuple(replace(one, kind_=kind) for one in subject.probes))})
    progress.take({"cell": "c", "ev": "probe", "probe": "p1", "delivered": delivered, "t": 100.0})
    console = Console(width=100, color_system=None)
    with console.capture() as captured:
        console.print(progress._table())
    assert doing in captured.get()
