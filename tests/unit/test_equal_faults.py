"""Faults that find done what they do: many in one cell are as good as one, as long as nothing has been made anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.faults.base import Fault
from lab.faults.evict_flow import EvictFlow
from lab.faults.reboot import Reboot
from lab.faults.server_close import ServerClose
from lab.model.when import When
from tests.records import (
    END,
    MAPPED,
    Line,
    begins,
    changed,
    evidence,
    flow_set_up,
    forgot,
    probe,
    sentinel,
    server_flow,
)
from tests.records import cell as a_cell


def at(t: float) -> When:
    return When(offset=t)


def doubt_of(faults: list[Fault], *lines: Line) -> str:
    from lab.judge import fault_evidence

    story = [*flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=True), *lines, END]
    return fault_evidence.why_inconclusive(
        evidence(replace(a_cell(), faults=tuple(faults)), *story), moot=lambda _: False
    )


def evicted(t: float, number: int, *, found: bool, gone: bool | None = None, flow: str = "f1") -> list[Line]:
    proof = EvictFlow.Proof(node="home-nat", flow=flow, gone=found if gone is None else gone, others=2, found=found)
    return begins(EvictFlow(at=at(t), node="home-nat"), proof, t=t, number=number)


EVICTIONS: list[Fault] = [EvictFlow(at=at(10.0 + t), node="home-nat") for t in range(50)]


def test_fifty_evictions() -> None:
    """The first takes the mapping; the others find none, and that is what they are for."""
    lines = [line for number in range(50) for line in evicted(10.0 + number, number, found=number == 0)]
    assert doubt_of(EVICTIONS, forgot(10.1), *lines) == ""


@pytest.mark.parametrize(
    ("lines", "doubt"),
    [
        (
            [*evicted(10, 0, found=False), *evicted(11, 1, found=False)],
            "fault 1 (EvictFlow) had no effect: the flow had no",
        ),
        (
            [*evicted(10, 0, found=True), *evicted(11, 1, found=True, gone=False)],
            "fault 2 (EvictFlow) had no effect: the mappin",
        ),
        (
            [*evicted(10, 0, found=True, flow="f2"), *evicted(11, 1, found=False)],
            "fault 2 (EvictFlow) had no effect: the flow",
        ),
        (
            [*evicted(10, 0, found=True), changed(MAPPED, t=10.5, id=9), *evicted(11, 1, found=False)],
            "fault 2 (EvictFlow) had no effect: the flow had no mapping there",
        ),
        ([*evicted(10, 0, found=True), *evicted(11, 1, found=False)], ""),
    ],
)
def test_what_an_equal_fault_has_not_done_counts(lines: list[Line], doubt: str) -> None:
    """Nothing had been evicted; it is still there; of another flow; made anew since; and for comparison, done."""
    assert doubt_of(EVICTIONS[:2], *lines).startswith(doubt)
    assert bool(doubt_of(EVICTIONS[:2], *lines)) is bool(doubt)


def test_another_fault_is_not_its_equal() -> None:
    """A reboot is more than an eviction: it takes all mappings, and its cause is another."""
    faults: list[Fault] = [Reboot(at=at(10), node="home-nat"), EVICTIONS[1]]
    reboot = begins(faults[0], Reboot.Proof(node="home-nat", lost=3, left=0, address=()), t=10, number=0)
    assert "fault 2 (EvictFlow) had no effect" in doubt_of(faults, *reboot, *evicted(11, 1, found=False))


@pytest.mark.parametrize(
    ("anew", "doubt"), [(False, ""), (True, "fault 2 (Reboot) had no effect: its table was empty before")]
)
def test_two_reboots(*, anew: bool, doubt: str) -> None:
    """The second finds an empty table, if nobody has sent in between."""
    faults: list[Fault] = [Reboot(at=at(t), node="home-nat") for t in (10, 11)]
    proofs = [Reboot.Proof(node="home-nat", lost=lost, left=0, address=()) for lost in (3, 0)]
    lines = [line for n in (0, 1) for line in begins(faults[n], proofs[n], t=10 + n, number=n)]
    made = [changed(MAPPED, t=10.5, id=9)] if anew else []
    assert doubt_of(faults, *lines, *made) == doubt


def test_two_closes_of_one_connection() -> None:
    faults: list[Fault] = [ServerClose(at=at(t)) for t in (10, 11)]
    lines = [line for n in (0, 1) for line in begins(faults[n], ServerClose.Proof(flow="f1"), t=10 + n, number=n)]
    assert doubt_of(faults, *lines, server_flow(10.0, "closed", "by server")) == ""
    assert "fault 1 (ServerClose) had no effect" in doubt_of(faults, *lines, server_flow(9.0, "closed", "by client"))
