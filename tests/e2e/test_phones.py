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
