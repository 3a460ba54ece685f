"""Pushes that wake a client: what becomes of a held call where the push or the registration fails, with its cause."""

from __future__ import annotations

import pytest

from lab.record.events import PushDelivered, PushRequested, name_of
from tests.e2e.together import Cells, Virtually

pytestmark = pytest.mark.e2e

ASLEEP = """\
title: A call for an app asleep
topology: home-nat
middlebox: silent-60s
transport: tls
client: {{ account: register }}
server: {{ registration-expires: 24 h, software: {server} }}
push: {{ {push} }}
faults: [ client-suspend: {{ at: 5 s }} ]
strategy: push-then-register
probes:
  - {{ at: 100 s, kind: invite, within: 10 s, hold: 1 s }}
  - {{ at: 130 s, kind: message, within: 10 s }}
ends: 145 s
"""


def asleep(name: str, push: str, server: str = "scripted") -> Cells:
    """A scenario with this push service."""
    return Cells(ASLEEP.format(push=push, server=server), name=name)


FAILURES = {
    asleep("push-lost", "loss: 100 %"): ("push-lost", "the push service lost push n1 at 100.0 s"),
    asleep("push-late", "delay: 9 s, delay-p95: 9 s"): ("push-late", "push n1 of 100.0 s came at 109.0 s only"),
    asleep("push-refused", "token-lasts: 60 s"): (
        "push-token-expired",
        "the push service refused push n1 at 100.0 s: the device's token was no longer active",
    ),
}
"""What becomes of a call, by the push service."""


@pytest.mark.cells(*FAILURES)
def test_a_push_that_fails(virtually: Virtually) -> None:
    """Each failure has its cause."""
    for cells, (kind, text) in FAILURES.items():
        (cell,) = virtually(cells).cells.values()
        assert (cell["verdict"], cell["cause"]["kind"], cell["cause"]["text"]) == ("fail", kind, text)


KAMAILIO = asleep("push-kamailio", "delay: 1 s, delay-p95: 1 s", "kamailio")
KAMAILIO_REFUSED = asleep("push-kamailio-refused", "token-lasts: 60 s", "kamailio")


@pytest.mark.cells(KAMAILIO, KAMAILIO_REFUSED)
def test_kamailio_holds_requests_too(virtually: Virtually) -> None:
    """A call and a MESSAGE arrive over the connection that was made for them; a token that has expired is the cause."""
    seen = virtually(KAMAILIO)
    ((name, cell),) = seen.cells.items()
    assert cell["verdict"] == "pass", cell
    assert len(seen.lines(name, "server", name_of(PushRequested))) == 2
    assert [line["took"] for line in seen.lines(name, "client", name_of(PushDelivered))] == pytest.approx(
        [1, 1], abs=0.1
    )
    flows = {line["flow"] for line in seen.lines(name, "server", "probe") if line["state"] in ("sent", "answered")}
    assert "f1" not in flows
    (refused,) = virtually(KAMAILIO_REFUSED).cells.values()
    assert refused["cause"]["kind"] == "push-token-expired"


DOZES = Cells(
    """\
title: A call for an app in Doze
topology: home-nat
middlebox: silent-60s
transport: tls
client: { account: register }
server: { registration-expires: 24 h }
push: { delay: 1 s, delay-p95: 1 s }
faults: [ doze: { at: 5 s, first: 180 s, window: 20 s, pushed: 2 s } ]
matrix:
  strategy:
    - push-then-register
    - name: normal
      mitigations:
        [ register: { expiry: 24 h }, push-contact, server-push: { priority: normal },
          on-wake: { then: drop-and-register } ]
probes: [{ at: 100 s, kind: invite, within: 10 s, hold: 8 s }]
ends: 210 s
""",
    name="push-doze",
)


@pytest.mark.cells(DOZES)
def test_priority_in_doze(virtually: Virtually) -> None:
    """One of high priority opens a window, for as long as the call lasts; one of normal priority waits for the next."""
    seen = virtually(DOZES)
    high, normal = seen.cells["push-then-register"], seen.cells["normal"]
    assert high["verdict"] == "pass"
    states = [(line["state"], line["t"]) for line in seen.lines("push-then-register", "client", "client-network")]
    assert [state for state, _ in states] == ["blocked", "open"] * 3
    assert 109 < states[2][1] < 113  # 2 s at a time, until the call is over
    assert normal["cause"]["kind"] == "push-late"
    assert "waited on the device from 101.0 s on, and came at 185.0 s only" in normal["cause"]["text"]


MOVES = Cells(
    """\
title: A push while the phone changes networks
topology: wifi-and-cellular
middlebox: { home-nat: never-forgets, carrier: never-forgets }
transport: tls
client: { account: register }
server: { registration-expires: 24 h }
push: { delay: 1 s, delay-p95: 1 s }
faults:
  - client-suspend: { at: 5 s }
  - client-move: { at: 100500 ms }
matrix:
  strategy: [push-only, push-then-ip-change]
probes: [{ at: 100 s, kind: invite, within: 10 s, hold: 1 s }]
ends: 125 s
""",
    name="push-moves",
)


@pytest.mark.cells(MOVES)
def test_a_push_while_the_phone_changes_networks(virtually: Virtually) -> None:
    """A REGISTER over the old connection is lost."""
    cells = virtually(MOVES).cells
    assert cells["push-then-ip-change"]["verdict"] == "pass"
    assert cells["push-only"]["cause"]["kind"] == "client-changed-address"
