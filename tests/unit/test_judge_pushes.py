"""Causes of calls that were held for a push."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.faults.client_suspend import ClientSuspend
from lab.faults.server_refuses import Refusable, ServerRefuses
from lab.judge.costs import costs
from lab.judge.pushes import needs_no_flow
from lab.mitigations.on_wake import OnWake, Reaction
from lab.mitigations.push_contact import PushContact
from lab.mitigations.server_push import ServerPush
from lab.model.outcome import Outcome
from lab.model.scenario import Account, Cell, Client, Probe, ProbeKind, Strategy, Transport
from lab.model.when import When
from lab.model.without import WithoutPushFailure
from lab.record.events import (
    Binding,
    ClientProcess,
    ProbeState,
    PushDelivered,
    PushHeld,
    PushLost,
    PushRefused,
    PushRequested,
    Registered,
    Registration,
    RequestSent,
    ResponseSent,
    ServerFlow,
)
from lab.record.events import (
    Probe as ProbeStep,
)
from lab.record.writer import RUNNER
from lab.units import Seconds
from tests.records import (
    ACCEPTED,
    CLIENT,
    CONNECTED,
    END,
    MAPPED,
    SERVER,
    Line,
    begins,
    cell,
    changed,
    evidence,
    forgot,
    judged,
    of_flow,
    say,
    sentinel,
)

SUSPEND = ClientSuspend(at=When(offset=50.0))
ASKED = say(100.0, SERVER, PushRequested(id="n1", probe="p1", binding="b1", provider="apns", prid="t", priority="high"))


BOUND = say(-0.001, SERVER, Binding(id="b1", state="active", expires=3600, flow="f1", contact="sip:a@h", aor="sip:a@h"))


def held_cell() -> Cell:
    """A registered phone that sleeps, and is called after 100 s."""
    call = Probe(at=Seconds(100), kind_=ProbeKind.INVITE, within=Seconds(8), hold=Seconds(1))
    return replace(cell(), client=Client(account=Account.REGISTER), faults=(SUSPEND,), probes=(call,))


def step(t: float, state: ProbeState, *, reason: str = "") -> Line:
    return say(
        t, SERVER, ProbeStep(probe="p1", kind="invite", state=state, code=None, flow="f1", peer=None, reason=reason)
    )


def held(*lines: Line, reason: str = "not-registered", known: float = 106.0) -> list[Line]:
    """The record of a call that was held and failed."""
    return [
        MAPPED,
        CONNECTED,
        ACCEPTED,
        say(0.0, CLIENT, Registered()),
        BOUND,
        *sentinel("delivered"),
        step(100.0, "held"),
        ASKED,
        *lines,
        step(known, "failed", reason=reason),
        END,
    ]


def outcome(*lines: Line, reason: str = "not-registered", known: float = 106.0) -> Outcome:
    """What the judge makes of a call for a client that was suspended."""
    return judged(
        held_cell(),
        *begins(SUSPEND, ClientSuspend.Proof(stopped=True), until=110.0),
        say(50.0, CLIENT, ClientProcess(state="suspended")),
        *([say(100.59, CLIENT, ClientProcess(state="resumed"))] if DELIVERED in lines else []),
        *held(*lines, reason=reason, known=known),
    )


DELIVERED = say(100.6, CLIENT, PushDelivered(id="n1", took=0.6))
TOO_LATE = say(108.0, CLIENT, PushDelivered(id="n1", took=8.0))
REGISTER = say(100.7, CLIENT, RequestSent(method="REGISTER", call_id="c", cseq=2))


@pytest.mark.parametrize(
    ("lines", "kind", "text"),
    [
        ([say(100.0, RUNNER, PushLost(id="n1"))], "push-lost", "the push service lost push n1 at 100.0 s"),
        (
            [say(108.0, CLIENT, PushDelivered(id="n1", took=8.0))],
            "push-late",
            "push n1 of 100.0 s came at 108.0 s only",
        ),
        ([], "push-late", "push n1 of 100.0 s did not come at all"),
        (
            [say(100.5, CLIENT, PushHeld(id="n1"))],
            "push-late",
            "push n1, of high priority, waited on the device from 100.5 s on, and did not come at all",
        ),
        (
            [DELIVERED],
            "client-did-not-register",
            "push n1 had woken the client at 100.6 s, and it sent no REGISTER by 106.0 s",
        ),
        (
            [DELIVERED, say(100.7, CLIENT, Registration(code=503))],
            "client-did-not-register",
            "push n1 had woken the client at 100.6 s, and its REGISTER of 100.7 s was not granted by 106.0 s",
        ),
        (
            [DELIVERED, REGISTER],
            "client-did-not-register",
            "push n1 had woken the client at 100.6 s, and its REGISTER of 100.7 s was not granted by 106.0 s",
        ),
    ],
)
def test_what_the_push_came_to(lines: list[Line], kind: str, text: str) -> None:
    """The first thing that was missing is the cause; the NAT that has forgotten an unused flow is none."""
    found = outcome(forgot(60.0), *lines)
    assert found.cause is not None, found.doubt
    assert (found.cause.kind.name, found.cause.text) == (kind, text)
    assert found.cause.chain[-1].text.endswith("was held for a push, and the client did not register in time")
    left_out = None if kind == "client-did-not-register" else WithoutPushFailure()
    assert found.suspects[0].without == left_out


def test_a_token_that_has_expired() -> None:
    """The push service says so."""
    found = outcome(say(100.0, RUNNER, PushRefused(id="n1", code=410)), reason="push-refused", known=100.1)
    assert found.cause is not None
    assert found.cause.kind.name == "push-token-expired"
    assert found.cause.chain[-1].text.endswith("was held for a push, which the push service refused")


def test_a_register_over_the_stale_connection() -> None:
    """Then the NAT that has forgotten it is the cause."""
    found = outcome(forgot(60.0), DELIVERED, REGISTER, of_flow(100.7, "lan", "client"))
    assert found.cause is not None
    assert found.cause.kind.name == "middlebox-forgot-flow"


def test_a_call_that_was_sent_after_all() -> None:
    """Its push was in time; what it lacked then is another matter."""
    found = outcome(DELIVERED, REGISTER, step(100.8, "sent"), reason="timeout")
    assert found.cause is not None
    assert found.cause.kind.name == "unknown"


def test_a_call_counts_from_when_it_was_asked_for() -> None:
    """Not from when it was sent."""
    assert outcome(DELIVERED, REGISTER, step(100.8, "sent"), reason="timeout").probes[0].at_s == 100.0


def test_what_kept_the_register_from_being_granted() -> None:
    """A fault that did so while the request was held is the cause, not that the client had no answer."""
    refuses = ServerRefuses(at=When(offset=50.0), lasts=Seconds(60), method=Refusable.REGISTER)
    subject = replace(held_cell(), faults=(refuses,))
    lines = [
        *begins(refuses, ServerRefuses.Proof(refuses="REGISTER 503"), until=110.0),
        DELIVERED,
        REGISTER,
        say(100.71, SERVER, ResponseSent(method="REGISTER", code=503, flow="f2")),
        say(100.72, CLIENT, Registration(code=503)),
    ]
    found = judged(subject, *held(*lines))
    assert found.cause is not None, found.doubt
    assert found.cause.kind.name == "server-refused"


def test_over_udp_a_register_makes_its_own_mapping() -> None:
    """So one that was not granted was not lost for want of the old mapping."""
    sent = of_flow(100.7, "lan", "client")
    subject = replace(held_cell(), transport=Transport.UDP, faults=())
    lines = [forgot(60.0), DELIVERED, REGISTER, changed(sent, proto="udp", flags="", seq=None)]
    over_udp = [changed(each, transport="udp") if isinstance(each.event, ServerFlow) else each for each in held(*lines)]
    found = judged(subject, *over_udp)
    assert found.cause is not None, found.doubt
    assert found.cause.kind.name == "client-did-not-register"


@pytest.mark.parametrize(
    ("then", "quiet_after", "transport", "needs_none"),
    [
        (Reaction.DROP_AND_REGISTER, 0, Transport.TLS, True),
        (Reaction.REGISTER, 0, Transport.TLS, False),
        (Reaction.REGISTER, 0, Transport.UDP, True),
        (Reaction.IP_CHANGE, 60, Transport.TLS, False),
    ],
)
def test_who_is_woken_first_needs_no_flow(
    then: Reaction, quiet_after: float, transport: Transport, needs_none: bool
) -> None:
    """So a NAT that forgets an idle flow does not put it out of reach."""
    mitigations = (PushContact(), ServerPush(quiet_after=Seconds(quiet_after)), OnWake(then=then))
    subject = replace(held_cell(), transport=transport, strategy=Strategy(name="s", mitigations=mitigations))
    assert needs_no_flow(subject) == needs_none
    assert not needs_no_flow(replace(subject, strategy=Strategy(name="s", mitigations=mitigations[:2])))
    silent = evidence(subject, MAPPED, CONNECTED, ACCEPTED, BOUND, say(0.0, CLIENT, Registered()), forgot(60.0), END)
    lost = costs(silent).lost
    assert (lost is None) == needs_none
