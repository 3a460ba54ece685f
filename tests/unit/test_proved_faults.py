"""A fault that the record proves is the first cause of what it cost, until it is mended."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from lab.faults.base import Fault
from lab.faults.forged_segment import Flag
from lab.faults.server_freeze import ServerFreeze
from lab.loader.one_key_mappings import faults
from lab.model.verdict import Verdict
from lab.model.when import When
from lab.record.events import Held, Ignored, SentinelState
from tests.fault_cases import brought
from tests.records import (
    END,
    RST,
    SUBSCRIPTION,
    Line,
    answers_from_now,
    begins,
    changed,
    closed_by_server,
    flow_set_up,
    forgot,
    frozen_probe,
    idle_timer,
    judged,
    on_the_wire,
    sentinel,
    with_fault,
)
from tests.unit.fault_records import (
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
    NO_NAME,
    READDRESS,
    REBOOT,
    RESTART,
    REVOKED,
    SLOW,
    alert,
    asked,
    asks,
    closes,
    drops,
    evicts,
    expires,
    falls_mute,
    forges,
    freezes,
    given_up,
    goes_down,
    moves,
    name_moves,
    names_fail,
    narrows,
    outcome_with,
    reboots,
    refused,
    restarts,
    revokes,
    sent,
    slows_down,
    turned_away,
)

FIN = msgspec.structs.replace(RST, flags="FA")
FORGED_FIN = replace(FORGED, flag=Flag.FIN)

PROVED: list[tuple[Fault, list[Line], str]] = [
    (REBOOT, reboots(REBOOT), "middlebox-lost-table"),
    (READDRESS, reboots(READDRESS, address=("203.0.113.2/24",)), "middlebox-new-address"),
    (EVICT, evicts(gone=True), "middlebox-evicted-flow"),
    (HOLE, [*drops(rules=4), sent("core")], "flow-black-holed"),
    (FORGED, [*forges(RST), on_the_wire()], "forged-rst"),
    (FORGED_FIN, [*forges(FIN, fault=FORGED_FIN), on_the_wire(flags="FA")], "forged-fin"),
    (DOWN, [*goes_down(), sent("lan")], "link-down"),
    (NARROW, [*narrows(), sent("lan")], "mtu-black-hole"),
    (CLOSE, [*closes("f1"), closed_by_server()], "server-closed-flow"),
    (RESTART, restarts(), "server-restarted"),
    (FREEZE, [*freezes(), asks(50.2), given_up(Ignored)[1]], "server-froze"),
    (MOVE, moves(), "client-changed-address"),
    (MUTE, [*falls_mute(), answers_from_now("mute"), *given_up(Ignored)], "server-mute"),
    (EXPIRED, [*expires(), refused()], "server-certificate-expired"),
    (EXPIRED, [*expires(), alert("203.0.113.1:7")], "server-certificate-expired"),
    (NO_NAME, [*names_fail(), asked("servfail")], "name-not-resolved"),
    (GONE, [*name_moves(GONE, rules=2), sent("core")], "server-moved"),
    (REVOKED, [*revokes(), turned_away()], "client-certificate-revoked"),
    (SLOW, [*slows_down(), answers_from_now("late", 10.0), *given_up(Held)], "server-slow"),
    *(case for cases in brought() for case in cases.proved),
]

MET: dict[str, SentinelState] = {
    "middlebox-lost-table": "silent",
    "middlebox-new-address": "silent",
    "link-down": "silent",
    "client-changed-address": "silent",
    **{cause: met for cases in brought() for cause, met in cases.meets.items()},
}
"""What the sentinel meets after a fault, if not `delivered`: the middlebox forgets silently."""


@pytest.mark.parametrize(("fault", "lines", "cause"), PROVED, ids=[cause for _, _, cause in PROVED])
def test_a_fault_is_the_first_cause(fault: Fault, lines: list[Line], cause: str) -> None:
    """A fault before the loss is its cause; what follows from it (a closed transport, a lost mapping) is not."""
    followed = [changed(idle_timer(51), reason="Connection reset by peer"), forgot(50.5)]
    outcome = outcome_with(fault, *lines, *followed, met=MET.get(cause, "delivered"))
    assert outcome.doubt == ""
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == (cause, 50.0)
    assert " at 50.0 s" in outcome.cause.text


def test_every_fault_has_its_story() -> None:
    """A fault added to the lab needs one above."""
    assert {type(fault) for fault, _, _ in PROVED} == set(faults().values())


def test_a_mended_fault_is_not_the_cause() -> None:
    """The server heard of the client again after the fault: the loss that follows has another cause."""
    outcome = outcome_with(RESTART, *restarts(), changed(SUBSCRIPTION, t=60.0), idle_timer(93), met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-idle-timer", 93.0)


def test_a_fault_in_force_is_not_mended() -> None:
    """One probe in between may get through a black hole for large packets; the fault is still the cause of the loss."""
    anew = changed(SUBSCRIPTION, t=60.0, state="refreshed")
    outcome = outcome_with(NARROW, *narrows(), anew, sent("lan"), met="delivered")
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "mtu-black-hole"


def test_a_later_fault_is_not_the_cause() -> None:
    """A fault after the probe's deadline cannot have cost it."""
    late = replace(FREEZE, at=When(offset=107.0))
    begun = begins(late, ServerFreeze.Proof(stopped=True), t=107, until=110)
    outcome = outcome_with(late, *begun, idle_timer(), met="delivered")
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "client-idle-timer"


def test_a_probe_of_a_frozen_server_fails() -> None:
    """The runner says so: the server cannot."""
    lines = [*freezes(), frozen_probe(100.0)]
    outcome = judged(with_fault(FREEZE), *flow_set_up(), *sentinel("delivered"), *lines, END)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "server-froze"
