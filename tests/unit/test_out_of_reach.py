"""The longest time out of reach, from records written by hand."""

from __future__ import annotations

import math
from dataclasses import replace

from lab.faults.evict_flow import EvictFlow
from lab.faults.server_mute import ServerMute
from lab.judge.out_of_reach import NEVER_BACK, longest_outage
from lab.judge.verdict import judge
from lab.model.outcome import ProbeTrial
from lab.model.scenario import Cell
from lab.model.when import When
from lab.units import Seconds
from tests.records import (
    BOX,
    END,
    MAPPED,
    SUBSCRIPTION,
    Line,
    begins,
    cell,
    changed,
    evidence,
    flow_set_up,
    forgot,
    idle_timer,
    probe,
    sentinel,
    with_fault,
)

BACK = changed(SUBSCRIPTION, t=36.0, id="s2", flow="f1")
"""The client subscribes again."""
EVICTED = EvictFlow(at=When(offset=50.0), node=BOX)
GONE = EvictFlow.Proof(node=BOX, flow="f1", gone=True, others=2)
MUTE = ServerMute(at=When(offset=50.0), lasts=Seconds(10))


def longest(*entries: Line, of: Cell | None = None, tried: tuple[ProbeTrial, ...] = ()) -> float:
    found = evidence(of or cell(), *flow_set_up(), *sentinel("delivered"), END, *entries)
    return round(longest_outage(found, replace(judge(found), tried=tried)), 3)


def test_never() -> None:
    assert longest(*probe(1, 100.0, answered=True)) == 0.0


def test_between_probes() -> None:
    """A client that came back before the next probe was out of reach all the same."""
    assert longest(idle_timer(33.0), BACK, *probe(1, 100.0, answered=True)) == 3.0


def test_to_the_end() -> None:
    assert longest(idle_timer(33.0), *probe(1, 100.0, answered=False)) == NEVER_BACK


def test_an_answer_ends_it() -> None:
    """Whatever the record lacks: a client that answers is within reach."""
    assert longest(idle_timer(33.0), *probe(1, 40.0, answered=True), of=cell(probes=(40.0,))) == 7.0


def test_a_lost_probe() -> None:
    """From its cause to the next answer, as in the metrics."""
    twice = [*probe(1, 40.0, answered=False), *probe(2, 100.0, answered=True)]
    found = longest(idle_timer(33.0), *twice, of=cell(probes=(40.0, 100.0)))
    assert found == 67.0


def test_at_a_weakest_moment() -> None:
    def lost(gap: float | None) -> ProbeTrial:
        return ProbeTrial(at_s=50.0, why="", reached=False, gap_s=gap, folder="")

    answered = probe(1, 100.0, answered=True)
    assert longest(*answered, tried=(lost(12.0),)) == 12.0
    assert longest(*answered, tried=(lost(None),)) == math.inf
    assert longest(*answered, tried=(replace(lost(None), reached=None),)) == 0.0


def test_after_a_fault_that_ends_something() -> None:
    """From the fault until the mapping is there again, not until the next probe."""
    subject = with_fault(EVICTED)
    again = changed(MAPPED, t=68.0, id=2)
    entries = [*begins(EVICTED, GONE), forgot(50.0), again, *probe(1, 100.0, answered=True)]
    assert longest(*entries, of=subject) == 18.0


def test_after_a_fault_that_ends_nothing() -> None:
    """Nothing but the next answered probe proves that the client is within reach."""
    subject = with_fault(MUTE)
    entries = begins(MUTE, ServerMute.Proof(answers="mute"), until=60.0)
    assert longest(*entries, *probe(1, 100.0, answered=True), of=subject) == 50.0
    assert longest(*entries, of=replace(subject, probes=())) == NEVER_BACK


def test_a_fault_that_is_noticed_late() -> None:
    """The connection ended because of it; the client was out of reach from the fault on."""
    subject = with_fault(MUTE)
    entries = [*begins(MUTE, ServerMute.Proof(answers="mute"), until=60.0), idle_timer(80.0)]
    assert longest(*entries, changed(BACK, t=81.0), *probe(1, 100.0, answered=True), of=subject) == 31.0
