"""A fault that the record does not prove makes the cell inconclusive, and one that can never happen unsupported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.faults.base import Fault
from lab.faults.server_mute import ServerMute
from lab.loader.unsupported import examined
from lab.model.scenario import Cell, Server, Transport
from lab.model.verdict import Verdict
from lab.model.when import Event, When
from lab.record.events import Held
from tests.fault_cases import brought
from tests.records import (
    END,
    RST,
    SERVER,
    Line,
    flow_set_up,
    judged,
    on_the_wire,
    probe,
    say,
    sentinel,
    server_flow,
    with_fault,
)
from tests.unit.fault_records import (
    BESIDE,
    CLOSE,
    DOWN,
    EVICT,
    EXPIRED,
    FORGED,
    FREEZE,
    GONE,
    HOLE,
    MOVE,
    MUTE,
    NARROW,
    NEW,
    NO_NAME,
    READDRESS,
    REBOOT,
    RESTART,
    REVOKED,
    SLOW,
    closes,
    drops,
    evicts,
    expires,
    falls_mute,
    forges,
    freezes,
    goes_down,
    moves,
    name_moves,
    names_fail,
    narrows,
    outcome_with,
    reboots,
    response,
    restarts,
    revokes,
    slows_down,
)

UNPROVED: list[tuple[Fault, list[Line], str]] = [
    (REBOOT, [], "never happened"),
    (REBOOT, reboots(REBOOT)[:1], "did not end"),
    (REBOOT, reboots(REBOOT, left=1), "1 of 3 mappings are still there"),
    (REBOOT, reboots(REBOOT, lost=0), "empty before"),
    (READDRESS, reboots(READDRESS, address=("203.0.113.1/24",)), "its address is 203.0.113.1/24"),
    (EVICT, evicts(flow=None, gone=False), "the client had no flow"),
    (EVICT, evicts(gone=False), "still there"),
    (EVICT, evicts(gone=False, found=False), "the flow had no mapping there"),
    (EVICT, [server_flow(49.0, "closed"), *evicts()], "the flow f1 had ended before"),
    (HOLE, drops(rules=0), "0 rules in place"),
    (FORGED, forges(RST), "0 segments on the wire instead of 1"),
    (FORGED, forges(), "0 segments on the wire"),
    (FORGED, [*forges(RST), on_the_wire(seq=8)], "0 segments on the wire"),
    (FORGED, [*forges(RST), on_the_wire(t=49.0)], "0 segments on the wire"),
    (DOWN, goes_down(rules=1), "1 rules in place instead of 2"),
    (NARROW, narrows(rules=0), "0 rules in place"),
    (CLOSE, closes("f1"), "the server's flow did not end"),
    (CLOSE, closes(None), "the client had no flow"),
    (RESTART, restarts(5061), "still listening on [5061]"),
    (FREEZE, freezes(stopped=False), "not stopped"),
    (MOVE, moves(source="10.0.0.2"), "its packets leave from 10.0.0.2"),
    (MOVE, moves(left=("10.0.0.2/24",)), "it still has 10.0.0.2/24"),
    (MOVE, moves(rules=0), "0 rules in place"),
    (MUTE, falls_mute("at-once"), "did not obey"),
    (NO_NAME, names_fail("203.0.113.10"), "who asks for the name is told 203.0.113.10"),
    (GONE, name_moves(GONE, met="203.0.113.10", rules=2), "who asks for the name is told 203.0.113.10"),
    (GONE, name_moves(GONE, rules=1), "1 rules in place instead of 2"),
    (BESIDE, name_moves(BESIDE, was=NEW, rules=0), "the name meant that address already"),
    (EXPIRED, expires("valid"), "meets a certificate that is valid"),
    (REVOKED, revokes("accepted"), "shown by another, is accepted"),
    (REVOKED, revokes("Connection refused"), "shown by another, is Connection refused"),
    (MUTE, [*falls_mute(), response(60.0)], "it answered"),
    (
        SLOW,
        [*slows_down(), say(60.0, SERVER, Held(what="OPTIONS", flow="f1")), response(61.0)],
        "an answer after 1.00 s instead of 10 s",
    ),
    *(case for cases in brought() for case in cases.unproved),
]


@pytest.mark.parametrize(("fault", "lines", "told"), UNPROVED, ids=[told for _, _, told in UNPROVED])
@pytest.mark.parametrize("answered", [True, False])
def test_a_fault_without_proof_makes_inconclusive(fault: Fault, lines: list[Line], told: str, answered: bool) -> None:
    """Whatever the probes say: they do not speak of what the scenario asks about."""
    outcome = outcome_with(fault, *lines, met="delivered", answered=answered)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert told in outcome.doubt


@pytest.mark.parametrize(
    ("cell_", "why"),
    [
        (replace(with_fault(NO_NAME), server=Server()), "the client knows the server's address, and asks nobody"),
        (replace(with_fault(EXPIRED), transport=Transport.TCP), "only TLS has certificates"),
        (replace(with_fault(REVOKED), server=Server()), "the server asks for no certificate"),
    ],
    ids=["name", "certificate", "revocation"],
)
def test_a_fault_that_can_never_happen_is_unsupported(cell_: Cell, why: str) -> None:
    """Whatever the record says: it can do nothing there, and the cell is not run."""
    outcome = judged(examined(cell_), *flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=True), END)
    assert outcome.verdict is Verdict.UNSUPPORTED
    assert outcome.doubt == f"fault 1 ({type(cell_.faults[0]).__name__}) can never happen here: {why}"


def test_an_event_that_never_came_is_named() -> None:
    """A fault that waited for something in vain did not happen."""
    fault = ServerMute(at=When(offset=5.0, event=Event.RECONNECTED))
    outcome = outcome_with(fault, met="delivered", answered=True)
    assert outcome.doubt == "fault 1 (ServerMute) never happened: nothing reconnected in time"
