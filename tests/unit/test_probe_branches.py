"""What is said of a probe that was sent to several contacts."""

from __future__ import annotations

from typing import Any

import pytest

from lab.record.events import BranchState, ProbeBranch
from lab.report.explanation import explain
from tests.records import END, SERVER, Line, attempt, cell, changed, exchanged, flow_set_up, judged, say, sentinel


def step(t: float, number: int, state: BranchState, **fields: Any) -> Line:
    """One step of a branch of probe p1."""
    event = ProbeBranch(
        probe="p1", branch=number, state=state, binding=f"b{number}", contact=f"sip:alice@192.0.2.{number}",
        age=12.0 * number, flow=f"f{number}", code=None, reason="",
    )  # fmt: skip
    return changed(say(t, SERVER, event), **fields)


def told(*steps: Line, answered: bool = True) -> list[str]:
    """What ``lab why`` says of the probe at 100 s, without the lines of the record."""
    fate = attempt(100.1, "answered", code=200) if answered else attempt(105.0, "failed", reason="timeout")
    lines = [attempt(100, "sent"), *exchanged(100), fate, *steps]
    outcome = judged(cell(), *flow_set_up(), *sentinel("delivered"), *lines, END)
    said = explain(cell(), outcome)
    begins = [number for number, line in enumerate(said) if " went to " in line]
    return [line.partition(" (line")[0].strip() for line in said[begins[0] :]] if begins else []


CASES: list[tuple[list[tuple[float, BranchState, int | None, str]], str]] = [
    ([(100.0, "sent", None, ""), (100.2, "answered", 200, "")], "answered 200 at 100.2 s"),
    (
        [(100.0, "sent", None, ""), (100.1, "ringing", 180, ""), (103.0, "answered", 486, "")],
        "rang, answered 486 at 103.0 s",
    ),
    ([(100.0, "sent", None, ""), (105.0, "failed", None, "timeout")], "no answer"),
    ([(100.0, "failed", None, "flow-gone")], "its connection was gone"),
    ([(100.0, "failed", None, "Connection refused")], "Connection refused"),
    (
        [(100.0, "waiting", None, ""), (103.0, "failed", None, "registered-anew")],
        "its connection was gone, and the client registered anew",
    ),
    (
        [
            (100.0, "sent", None, ""), (100.1, "ringing", 180, ""), (101.0, "cancelled", None, ""),
            (101.1, "answered", 487, ""),
        ],
        "rang, was cancelled, answered 487 at 101.1 s",
    ),
    ([(109.0, "sent", None, "")], "no answer by the end of the run"),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "fate"), CASES, ids=[fate for _, fate in CASES])
def test_the_fate_of_a_branch(steps: list[tuple[float, BranchState, int | None, str]], fate: str) -> None:
    """Each contact has its line: which it is, how old, and what became of it."""
    lines = [step(t, 2, state, code=code, reason=reason) for t, state, code, reason in steps]
    said = told(step(100.0, 1, "sent"), *lines)
    assert said[0] == "NOTIFY at 100.0 s went to 2 contacts, answered:"
    assert said[2] == f"sip:alice@192.0.2.2 on f2, registered 24 s before: {fate}"


def test_one_contact_that_answered_is_not_told() -> None:
    """The cell's own line says all; a single contact that was lost is told."""
    assert told(step(100.0, 1, "sent")) == []
    assert told(step(100.0, 1, "sent", age=3.25), step(105.0, 1, "failed", reason="timeout"), answered=False) == [
        "NOTIFY at 100.0 s went to 1 contact, lost:",
        "sip:alice@192.0.2.1 on f1, registered 3.2 s before: no answer",
    ]
