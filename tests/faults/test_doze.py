"""A device that dozes."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from lab.faults.doze import Doze, times_without_network
from lab.model.when import When
from lab.network.drop_rules import DropRules
from lab.record.events import ClientNetwork, ClientProcess, ServerSubscription
from lab.runner import client_device
from lab.units import Seconds
from tests.fault_cases import FaultCases, NoEffect
from tests.records import (
    CLIENT,
    END,
    SERVER,
    Line,
    begins,
    cell,
    flow_set_up,
    forgot,
    judged,
    of_flow,
    probe,
    say,
    sentinel,
    with_fault,
)

DOZE = Doze(at=When(offset=50.0), first=Seconds(30), window=Seconds(10), suspends=False)
"""Without network from 50 s to 80 s, and again from 90 s on."""
CLOSING = replace(DOZE, closes_sockets=True)
ARRIVED = of_flow(100.1, "lan", "server")


def dozes(fault: Doze = DOZE, *, rules: int = 2, stopped: bool = False, taken: int = 0, left: int = 0) -> list[Line]:
    """The fault, to the end of the run."""
    times = [(50.0, "blocked"), (80.0, "open"), (90.0, "blocked"), (110.0, "open")]
    return [
        *begins(fault, Doze.Proof(rules=rules, stopped=stopped, taken=taken, left=left), until=110.0),
        *(say(t, CLIENT, ClientNetwork(state=state)) for t, state in times),  # type: ignore[arg-type]
    ]


def _blocks_nothing(*_: Any) -> DropRules:
    return DropRules(0, "ip nothing", ())


CASES = FaultCases(
    infeasible=[
        (
            "another fault of that kind is at work from 50 s on",
            replace(cell(), faults=(DOZE, replace(DOZE, at=When(offset=109.0)))),
            replace(cell(), faults=(replace(DOZE, lasts=Seconds(50)), replace(DOZE, at=When(offset=109.0)))),
        ),
    ],
    proved=[(DOZE, [*dozes(), ARRIVED], "device-dozed")],
    unproved=[
        (DOZE, dozes(rules=1), "1 rules in place instead of 2"),
        (replace(DOZE, suspends=True), dozes(), "its process was not stopped"),
        (DOZE, [*dozes(), of_flow(70.0, "lan", "client")], "the client sent something at 70.0 s"),
        (CLOSING, dozes(CLOSING), "of the client's sockets 0 were taken, and 0 are as before"),
        (CLOSING, dozes(CLOSING, taken=2, left=1), "of the client's sockets 2 were taken, and 1 are as before"),
    ],
    costs={
        "dozed": ("doze: { at: 2 s }", "device-dozed"),
        "dozed-closing": ("doze: { at: 2 s, first: 1 s, closes-sockets: true }", "device-dozed"),
        "dozed-udp": ("doze: { at: 2 s, suspends: false }", "device-dozed"),
    },
    no_effect={
        "doze": NoEffect("doze: { at: 5 s, lasts: 4 s }", "blocking", "0 rules in place instead of 2"),
        "doze-closing": NoEffect(
            "doze: { at: 5 s, lasts: 4 s, closes-sockets: true }", "reclaim", "of the client's sockets 0 were taken"
        ),
        "doze-runs-on": NoEffect("doze: { at: 5 s, lasts: 4 s }", "stop", "its process was not stopped"),
    },
    acts={"blocking": (client_device, "at_node", _blocks_nothing)},
    written="doze: { at: 9 s, first: 7 s, longest: 20 s, window: 3 s, suspends: false, pushed: 19 s, lasts: 20 s,"
    " closes-sockets: false }",
    liveness={
        "doze.at": ("at: 9 s, first", "at: 11 s, first"),
        "doze.first": ("first: 7 s", "first: 8 s"),
        "doze.longest": ("longest: 20 s", "longest: 21 s"),
        "doze.window": ("window: 3 s", "window: 4 s"),
        "doze.closes-sockets": ("closes-sockets: false", "closes-sockets: true"),
        "doze.suspends": ("suspends: false, pushed: 19 s", "suspends: true, pushed: 19 s"),
        "doze.pushed": ("suspends: false, pushed: 19 s", "suspends: false, pushed: 18 s"),
        "doze.lasts": ("pushed: 19 s, lasts: 20 s", "pushed: 19 s, lasts: 21 s"),
    },
)


def outcome_of(*lines: Line) -> tuple[str, str]:
    """The kind of a lost probe's cause, or the doubt, and the cause's sentence."""
    story = [*flow_set_up(), *sentinel("delivered"), *lines, *probe(1, 100, answered=False), END]
    outcome = judged(with_fault(DOZE), *story)
    return (outcome.doubt, "") if outcome.cause is None else (outcome.cause.kind.name, outcome.cause.text)


def test_windows_come_ever_more_seldom() -> None:
    """Each time without network is twice as long as the one before, up to the longest."""
    light = Doze(at=When(offset=0.0))
    assert list(islice(times_without_network(light), 4)) == [300, 600, 900, 900]
    deep = Doze(at=When(offset=0.0), first=Seconds(3600), longest=Seconds(21600))
    assert list(islice(times_without_network(deep), 5)) == [3600, 7200, 14400, 21600, 21600]
    assert next(times_without_network(Doze(at=When(offset=0.0), first=Seconds(1000)))) == 900


def test_what_arrives_is_dropped() -> None:
    """Of what arrives between windows the app hears nothing; in a window it does."""
    kind, text = outcome_of(*dozes(), ARRIVED)
    assert (kind, text) == ("device-dozed", "the device began to doze at 50.0 s, and packets did not get to the app")
    assert outcome_of(*dozes())[0] == "unknown"
    early = of_flow(85.0, "lan", "server")
    assert outcome_of(*dozes(), early)[0] == "unknown"


def test_lost_data_holds_up_what_follows() -> None:
    """TCP repeats what was lost before anything else: a probe need not arrive itself."""
    held_up = of_flow(60.0, "lan", "server", seq=5)
    assert outcome_of(*dozes(), held_up)[0] == "device-dozed"


@pytest.mark.parametrize("t", [85.0, 79.0])
def test_what_it_sends_in_a_window(t: float) -> None:
    """It may send then; a window is 10 s long."""
    kind, _ = outcome_of(*dozes(), ARRIVED, of_flow(t, "lan", "client"))
    assert kind == (
        "device-dozed" if t == 85.0 else "fault 1 (Doze) had no effect: the client sent something at 79.0 s"
    )


def test_sockets_that_were_closed() -> None:
    """In a window, too, the connection of before is gone."""
    subject = with_fault(CLOSING)
    late = replace(subject, probes=(replace(subject.probes[0], at=Seconds(84)),))
    lost = probe(1, 84, answered=False)
    for fault, kind in ((CLOSING, "device-dozed"), (DOZE, "unknown")):
        story = [*flow_set_up(), *sentinel("delivered"), *dozes(fault, taken=1), *lost, END]
        found = judged(replace(late, faults=(fault,)), *story).cause
        assert found is not None
        assert found.kind.name == kind


def test_a_registration_that_ran_out() -> None:
    """Its refresh would have come in time."""
    over = say(95.0, SERVER, ServerSubscription(id="s1", state="expired", expires=0, flow="f1", contact=""))
    assert outcome_of(*dozes(), over)[1].endswith("and did not renew its account")


def test_a_mapping_that_nobody_kept() -> None:
    """Of a client that had sent nothing by itself Doze took nothing away."""
    assert outcome_of(*dozes(), forgot(90.0))[0] == "middlebox-forgot-flow"
    assert outcome_of(*dozes(), of_flow(30.0, "lan", "client"), forgot(90.0))[0] == "device-dozed"


def test_a_probe_that_was_answered_without_network() -> None:
    """That contradicts the record; one in a window does not."""
    process = say(50.0, CLIENT, ClientProcess(state="suspended"))
    subject = with_fault(DOZE)
    for t, doubtful in ((100.0, True), (82.0, False)):
        again = replace(subject, probes=(replace(subject.probes[0], at=Seconds(t)),))
        story = [*flow_set_up(), *sentinel("delivered"), *dozes(), process, *probe(1, t, answered=True), END]
        assert bool(judged(again, *story).doubt) == doubtful
