"""A client that the system kills."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from lab.faults.client_kill import ClientKill
from lab.judge.weakest_times import ends
from lab.model.when import When
from lab.record.events import ClientProcess, Probe, ServerSubscription
from lab.runner.actor_handle import ActorHandle
from lab.units import Seconds
from tests.fault_cases import FaultCases, NoEffect
from tests.records import (
    CLIENT,
    END,
    SERVER,
    Line,
    begins,
    cell,
    changed,
    evidence,
    flow_set_up,
    judged,
    of_flow,
    probe,
    say,
    sentinel,
    server_flow,
    with_fault,
)

KILL = ClientKill(at=When(offset=50.0))
AGAIN = replace(KILL, again=Seconds(20), start_up=Seconds(5))
"""It runs again at 75 s."""

LOST = probe(1, 100, answered=False)


def kills(fault: ClientKill = KILL, *, status: int = -signal.SIGKILL, started: float | None = None) -> list[Line]:
    """The fault, for as long as it lasts."""
    until = 110.0 if fault.again is None else 75.0
    begun = [say(started, CLIENT, ClientProcess(state="started"))] if started is not None else []
    return [
        *begins(fault, ClientKill.Proof(status=status), until=until),
        say(50.0, CLIENT, ClientProcess(state="killed")),
        *begun,
    ]


def _leaves_it(_: ActorHandle) -> int:
    return 0


CASES = FaultCases(
    infeasible=[
        (
            "another fault of that kind is at work from 50 s on",
            replace(cell(), faults=(KILL, replace(KILL, at=When(offset=109.0)))),
            replace(cell(), faults=(AGAIN, replace(KILL, at=When(offset=109.0)))),
        ),
    ],
    proved=[(KILL, kills(), "client-killed")],
    unproved=[
        (KILL, kills(status=0), "its process was not killed"),
        (AGAIN, kills(AGAIN), "it was not started again"),
        (KILL, [*kills(), of_flow(70.0, "lan", "client", seq=9)], "the client sent something at 70.0 s"),
    ],
    costs={
        "killed": ("client-kill: { at: 2 s }", "client-killed"),
        "killed-udp": ("client-kill: { at: 2 s }", "client-killed"),
    },
    no_effect={"client-kill": NoEffect("client-kill: { at: 5 s }", "kill", "its process was not killed")},
    acts={"kill": (ActorHandle, "put_down", _leaves_it)},
    written="client-kill: { at: 53 s, again: 3 s, pushed: false, start-up: 2 s }",
    liveness={
        "client-kill.at": ("at: 53 s, again", "at: 54 s, again"),
        "client-kill.again": ("again: 3 s", "again: 4 s"),
        "client-kill.pushed": ("pushed: false, start-up", "pushed: true, start-up"),
        "client-kill.start-up": ("start-up: 2 s", "start-up: 1 s"),
    },
)


def outcome_of(fault: ClientKill, *lines: Line, answered: bool = False) -> tuple[str, str]:
    """The kind of the cause of a probe at 100 s, or the doubt, and the cause's sentence."""
    story = [*flow_set_up(), *sentinel("delivered"), *lines, *probe(1, 100, answered=answered), END]
    outcome = judged(with_fault(fault), *story)
    return (outcome.doubt, "") if outcome.cause is None else (outcome.cause.kind.name, outcome.cause.text)


def test_nobody_starts_it_again() -> None:
    """The kernel closes its connection, which is not the client's doing."""
    fin = of_flow(50.01, "lan", "client", flags="FA", payload=0)
    assert outcome_of(KILL, *kills(), fin) == (
        "client-killed",
        "the system killed the client at 50.0 s, and nothing had started it again",
    )


def test_the_server_has_the_old_contact() -> None:
    """It runs again, and the probe goes to its old connection."""
    kind, text = outcome_of(AGAIN, *kills(AGAIN, started=75.0))
    assert kind == "client-killed"
    assert text.endswith(", and the server still had its old contact")


def test_it_is_back() -> None:
    """It has a new connection and a new subscription; what happens to them has another cause."""
    back = [
        changed(server_flow(75.1, "accepted"), id="f2"),
        say(75.2, SERVER, ServerSubscription(id="s2", state="active", expires=600, flow="f2", contact="")),
    ]
    lost = [changed(line, flow="f2") if isinstance(line.event, Probe) else line for line in LOST]
    story = [*flow_set_up(), *sentinel("delivered"), *kills(AGAIN, started=75.0), *back, *lost, END]
    found = judged(with_fault(AGAIN), *story).cause
    assert found is not None
    assert found.kind.name == "unknown"


def test_the_dead_do_not_answer() -> None:
    """A probe that was answered while it was dead contradicts the record; one afterwards does not."""
    assert outcome_of(KILL, *kills(), answered=True)[0].endswith("the client sent something at 100.0 s")
    assert outcome_of(AGAIN, *kills(AGAIN, started=75.0), answered=True)[0] == ""


@pytest.mark.parametrize("started", [None, 75.0])
def test_out_of_reach_while_dead(started: float | None) -> None:
    """Also over UDP, where no connection ends."""
    story = [*flow_set_up(), *kills(started=started), END]
    (end,) = ends(evidence(with_fault(KILL), *story))
    assert (end.at_s, end.until_s) == (50.0, started or float("inf"))
