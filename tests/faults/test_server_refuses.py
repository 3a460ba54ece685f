"""A server that refuses requests of one method."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lab.faults.server_freeze import ServerFreeze
from lab.faults.server_refuses import Refusable, ServerRefuses
from lab.model.scenario import Account, Client
from lab.model.when import When
from lab.record.events import ClientSubscription, Obeyed, Registration, ResponseSent
from lab.servers.scripted.server import SipServer
from lab.units import Seconds
from tests.fault_cases import FaultCases, NoEffect
from tests.records import CLIENT, END, SERVER, Line, begins, cell, flow_set_up, judged, probe, say, sentinel

REFUSES = ServerRefuses(at=When(offset=50.0), lasts=Seconds(10), method=Refusable.SUBSCRIBE)
FREEZE = ServerFreeze(at=When(offset=20.0), lasts=Seconds(30))
REGISTERED = Client(account=Account.REGISTER)


def refuses(*, says: str = "SUBSCRIBE 503", answers: int = 503) -> list[Line]:
    """The fault; the client asks, and is answered."""
    begun = begins(REFUSES, ServerRefuses.Proof(refuses=says), until=60.0)
    answered = say(50.02, SERVER, ResponseSent(method="SUBSCRIBE", code=answers, flow="f1"))
    told = say(50.019, CLIENT, ClientSubscription(state="terminated", code=503, reason="Refused"))
    return [*begun, answered, *([told] if answers == 503 else [])]


def _obeys_only(server: Any, refusal: Any) -> None:
    server._channel.emit(Obeyed(do="refuse", mode=str(refusal)))


CASES = FaultCases(
    infeasible=[
        (
            "the client does not register",
            replace(cell(), faults=(replace(REFUSES, method=Refusable.REGISTER),)),
            replace(cell(), faults=(REFUSES,)),
        ),
        (
            "the client does not subscribe",
            replace(cell(), client=REGISTERED, faults=(REFUSES,)),
            replace(cell(), client=REGISTERED, faults=(replace(REFUSES, method=Refusable.REGISTER),)),
        ),
        (
            "the server stands still from 20 s on",
            replace(cell(), faults=(FREEZE, replace(REFUSES, at=When(offset=49.0)))),
            replace(cell(), faults=(FREEZE, REFUSES)),
        ),
    ],
    proved=[(REFUSES, refuses(), "server-refused")],
    unproved=[
        (REFUSES, refuses(says=""), "the server did not obey"),
        (REFUSES, refuses(answers=200), "it answered 200"),
    ],
    costs={
        "refused-refresh": (
            "server-refuses: { at: 1 s before the refresh, method: SUBSCRIBE, code: 500 }",
            "server-refused",
        ),
    },
    no_effect={
        "server-refuses": NoEffect("server-refuses: { at: 2 s, method: SUBSCRIBE }", "refusing", "it answered 200"),
    },
    acts={"refusing": (SipServer, "refuse", _obeys_only)},
    written="server-refuses: { at: 33 s, lasts: 13 s, method: SUBSCRIBE, code: 500, retry-after: 23 s }",
    liveness={
        "server-refuses.at": ("at: 33 s, lasts: 13 s", "at: 32 s, lasts: 13 s"),
        "server-refuses.lasts": ("at: 33 s, lasts: 13 s", "at: 33 s, lasts: 14 s"),
        "server-refuses.method": ("method: SUBSCRIBE, code: 500", "method: OPTIONS, code: 500"),
        "server-refuses.code": ("method: SUBSCRIBE, code: 500", "method: SUBSCRIBE, code: 503"),
        "server-refuses.retry-after": ("code: 500, retry-after: 23 s", "code: 500"),
    },
)


@pytest.mark.parametrize(("method", "cause"), [("SUBSCRIBE", "server-refused"), ("REGISTER", "unknown")])
def test_only_requests_of_that_method(method: str, cause: str) -> None:
    """A refusal is the cause if the client's failed request was of that method; nobody else's."""
    begun = begins(REFUSES, ServerRefuses.Proof(refuses="SUBSCRIBE 503"), until=60.0)
    answered = say(55.0, SERVER, ResponseSent(method=method, code=503, flow="f1"))
    failed = ClientSubscription(state="terminated", code=503) if method == "SUBSCRIBE" else Registration(code=503)
    lines = [*begun, answered, say(55.001, CLIENT, failed)]
    subject = replace(cell(), faults=(REFUSES,))
    outcome = judged(subject, *flow_set_up(), *sentinel("delivered"), *lines, *probe(1, 100, answered=False), END)
    assert outcome.cause is not None
    assert outcome.cause.kind.name == cause
