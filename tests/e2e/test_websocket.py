"""SIP.js over WebSocket: the same at Kamailio, each kind of probe, and what it registers for."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lab.clients.sipjs import packages
from lab.servers.kamailio import child
from tests.e2e.lab_command import ROOT
from tests.e2e.together import Cells, Virtually

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(packages.lack()), reason=packages.lack())]

AT_KAMAILIO = Cells(
    ROOT / "scenarios" / "websocket" / "idle-registration.yaml",
    only=("strategy=server-ws-ping-25s", "transport=wss"),
    server="kamailio",
)
REGISTERED = Cells(
    ROOT / "scenarios" / "clients" / "registered.yaml",
    only=("client=sipjs", "transport=wss", "failure=server-close", "failure=server-mute", "failure=link-down"),
)
"""A sample of the scenario; ``scripts/test --all`` runs the whole of it."""
PROBES = Cells(
    """\
title: Each kind of probe, and the mitigations that SIP.js does
topology: home-nat
middlebox: never-forgets
client: { name: sipjs, account: register-and-subscribe }
server: { registration-expires: 3600 s, authentication: {} }
transport: wss
matrix:
  strategy:
    - name: several
      mitigations: [ register: { expiry: 90 s }, crlf-keepalive: { interval: 20 s }, options-ping: { interval: 30 s } ]
probes:
  - { at: 40 s, kind: notify }
  - { at: 50 s, kind: options }
  - { at: 60 s, kind: message }
  - { at: 70 s, kind: invite, ring: 3 s }
ends: 120 s
claims:
  - { verdict: pass }
""",
    name="sipjs-probes",
)


@pytest.mark.cells(AT_KAMAILIO)
@pytest.mark.skipif(child.program() is None, reason=f"needs `apt-get install {' '.join(child.PACKAGES)}`")
def test_kamailios_own_pings_keep_it(virtually: Virtually) -> None:
    seen = virtually(AT_KAMAILIO)
    assert seen.status == 0, seen.said
    states = [line["state"] for line in seen.lines("wss,server-ws-ping-25s", "server", "flow")]
    assert states[:3] == ["accepted", "secured", "upgraded"]


@pytest.mark.cells(PROBES)
def test_each_probe_and_mitigation(virtually: Virtually) -> None:
    """With authentication; OPTIONS and CRLF come as asked, and so does the second REGISTER."""
    seen = virtually(PROBES)
    assert seen.status == 0, seen.said
    crlf = [line["t"] for line in seen.lines("several", "server", "crlf-ping")]
    between = [later - earlier for earlier, later in pairwise(crlf)]
    assert all(16 <= pause <= 20.1 for pause in between)  # SIP.js draws from the upper fifth, once
    assert max(between) - min(between) < 0.1
    pings = [line for line in seen.lines("several", "client", "options-answer") if line["code"] == 200]
    assert len(pings) == 3  # those at 30, 60 and 90 s; the one at 120 s is the run's end
    bound = [line for line in seen.lines("several", "server", "binding") if line["state"] == "refreshed"]
    assert [round(line["t"]) for line in bound] == [89]  # 99 % of what was granted
    assert {line["expires"] for line in seen.lines("several", "server", "binding")} == {90}
    ready = seen.lines("several", "client", "ready")[0]
    assert ready["version"].startswith("SIP.js 0.21.2 on Node ")


@pytest.mark.cells(REGISTERED)
def test_a_registered_sipjs(virtually: Virtually) -> None:
    """Its own refresh that is not answered is told as 408; after that it takes itself for unregistered for good."""
    seen = virtually(REGISTERED)
    assert seen.status == 0, seen.said
    told = [(round(line["t"]), line["code"]) for line in seen.lines("sipjs,wss,server-mute", "client", "registration")]
    assert told == [(0, 200), (329, 408)]
    sent = [line["t"] for line in seen.lines("sipjs,wss,server-mute", "client", "request-sent")]
    assert len(sent) == 2  # REGISTER at 0 s and 297 s, and never again
