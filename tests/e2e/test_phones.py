"""baresip and linphone as shipped, behind a NAT that forgets after a minute."""

from __future__ import annotations

import json
import sys

import pytest

from tests.e2e.lab_command import ROOT
from tests.e2e.together import Cells, Virtually

REGISTERED = Cells(
    """\
title: Two phones, registered, behind a NAT that forgets after a minute
topology: home-nat
middlebox: silent-60s
matrix:
  client:
    - { name: baresip, account: register }
    - { name: linphone, account: register }
  transport: [udp, tcp, tls]
probes:
  - { at: 10 s, kind: message }
  - { at: 20 s, kind: invite }
  - { at: 30 s, kind: options }
  - { at: 110 s, kind: invite }
ends: 128 s
claims:
  - { client: baresip, verdict: fail, cause: middlebox-forgot-flow, at: 90 s }
  - { client: linphone, verdict: pass }
""",
    name="two-phones",
)
SUBSCRIBED = Cells(
    """\
title: The same, registered and subscribed, or only subscribed, at a server that authenticates
topology: home-nat
middlebox: never-forgets
server: { authentication: {} }
matrix:
  client:
    - { name: baresip, account: register-and-subscribe }
    - { name: linphone, account: register-and-subscribe }
  transport: [udp, tls]
probes: [{ at: 45 s }]
ends: 51 s
claims:
  - { verdict: pass }
""",
    name="two-phones-subscribed",
)
pytestmark = [pytest.mark.e2e, pytest.mark.cells(REGISTERED, SUBSCRIBED)]


def test_as_shipped(virtually: Virtually) -> None:
    """baresip sends nothing between its REGISTERs; linphone keeps its flow by CRLF every 30 s."""
    seen = virtually(REGISTERED)
    assert seen.status == 0, seen.said


def test_both_subscribe(virtually: Virtually) -> None:
    """They answer challenges, and NOTIFY over the flow that they subscribed on."""
    seen = virtually(SUBSCRIBED)
    assert seen.status == 0, seen.said


KEPT = Cells(
    """\
title: What keeps the mapping of a phone that would be silent
topology: home-nat
middlebox: silent-60s
transport: tcp
matrix:
  client:
    - { name: baresip, account: register }
    - { name: linphone, account: register }
  strategy:
    - { name: options-25s, mitigations: [ options-ping: { interval: 25 s } ] }
    - { name: silent, mitigations: [ crlf-keepalive: { interval: 7200 s } ] }
    - name: silent-but-tcp
      mitigations: [ crlf-keepalive: { interval: 7200 s }, tcp-keepalive: { idle: 25 s, interval: 5 s, count: 3 } ]
    - { name: tcp-25s, mitigations: [ tcp-keepalive: { idle: 25 s, interval: 5 s, count: 3 } ] }
probes:
  - { at: 30 s, kind: options }
  - { at: 110 s, kind: invite }
ends: 128 s
claims:
  - { client: linphone, strategy: options-25s, verdict: unsupported }
  - { client: baresip, strategy: [silent, silent-but-tcp], verdict: unsupported }   # it is silent anyway
  - { strategy: silent, verdict: fail, cause: middlebox-forgot-flow, at: 90 s }
  - { verdict: pass }
""",
    name="kept-phones",
)
RESTARTED = Cells(
    """\
title: A server that is down for 5 s
topology: home-nat
middlebox: never-forgets
transport: tcp
client: { name: linphone, account: register }
matrix: { strategy: [none, reconnect] }
faults: [ server-restart: { at: 40 s, down: 5 s } ]
probes:
  - { at: 60 s, kind: invite }
ends: 110 s
claims:
  - { strategy: none, verdict: fail, cause: server-restarted, at: 40 s }
  - { strategy: reconnect, verdict: pass }
""",
    name="restarted-phone",
)


@pytest.mark.cells(KEPT)
def test_what_keeps_a_silent_phone(virtually: Virtually) -> None:
    """baresip's OPTIONS come as asked; TCP keep-alive is the kernel's, so no side's log has anything of it."""
    seen = virtually(KEPT)
    assert seen.status == 0, seen.said
    pings = [line["t"] for line in seen.lines("baresip,options-25s", "client", "options-answer")]
    assert [round(t) for t in pings] == [25, 50, 75, 100, 125]


@pytest.mark.cells(RESTARTED)
def test_linphone_told_to_register_again(virtually: Virtually) -> None:
    """By itself it tries again after 60 s; told, within seconds after the server is back."""
    seen = virtually(RESTARTED)
    assert seen.status == 0, seen.said
    for name, within in (("none", range(100, 102)), ("reconnect", range(45, 55))):
        bound = [line["t"] for line in seen.lines(name, "server", "binding") if line["state"] == "active"]
        assert int(bound[-1]) in within


TICKS = Cells(
    json.dumps(
        {
            "title": "linphone called once a second, and every 20 ms as its apps do",
            "topology": "home-nat",
            "middlebox": "silent-60s",
            "transport": "tcp",
            "matrix": {
                "client": [
                    {
                        "name": f"every-{tick}-ms",
                        "account": "register",
                        "command": [sys.executable, "-u", "-m", "lab.actors.stdio", "lab.clients.linphone.client:main"],
                        "environment": {"LAB_LINPHONE_TICK_MS": str(tick), "PYTHONPATH": str(ROOT)},
                    }
                    for tick in (1000, 20)
                ],
                "failure": [
                    {"name": "none"},
                    {"name": "restart", "faults": [{"server-restart": {"at": "20 s"}}]},
                ],
            },
            "probes": [{"at": "15 s", "kind": "invite"}, {"at": "60 s", "kind": "invite"}],
            "ends": "78 s",
        }
    ),
    name="linphone-ticks",
)


@pytest.mark.cells(TICKS)
def test_how_often_linphone_is_called(virtually: Virtually) -> None:
    """It changes no verdict, no cause, and no event by more than a second."""
    seen = virtually(TICKS)
    for failure in ("none", "restart"):
        slow, quick = (seen.cells[f"every-{tick}-ms,{failure}"] for tick in (1000, 20))
        assert slow["verdict"] == quick["verdict"] != "inconclusive", (slow, quick)
        assert (slow["cause"] or {}).get("kind") == (quick["cause"] or {}).get("kind")
