"""A real nginx and haproxy between NAT and server, in virtual time."""

from __future__ import annotations

import pytest

from lab.clients.sipjs import packages
from lab.proxies import catalog as proxies
from tests.e2e.together import Cells, Seen, Virtually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        any(proxies.find(name).lack() for name in proxies.names()),
        reason="needs `apt-get install nginx libnginx-mod-stream haproxy`",
    ),
]

FAULTS = Cells(
    """\
title: What befalls a connection through a proxy
topology: home-nat-proxy
middlebox: never-forgets
proxy: { name: patient, software: haproxy, timeout-tunnel: 1 h, timeout-client: 20 s }
transport: tcp
strategy: hold-transport
matrix:
  failure:
    - { name: nothing }
    - { name: black-hole, faults: [black-hole: { at: 20 s, node: internet }] }
    - { name: behind, faults: [link-down: { at: 20 s, link: core, lasts: 30 s }] }
    - { name: forged, faults: [forged-segment: { at: 20 s, node: internet }] }
    - { name: evicted, faults: [evict-flow: { at: 20 s, node: home-nat }] }
    - { name: closed, faults: [server-close: { at: 20 s }] }
probes: [{ at: 45 s }]
ends: 51 s
""",
    name="proxied-faults",
)


@pytest.mark.cells(FAULTS)
def test_faults_act_on_the_connection_that_is_there(virtually: Virtually) -> None:
    """Before and behind the proxy; each is the cause at its time. ``timeout tunnel`` outlasts ``timeout client``."""
    seen = virtually(FAULTS)
    assert seen.cells["nothing"]["verdict"] == "pass", seen.said
    causes = {name: cell["cause"] for name, cell in seen.cells.items() if name != "nothing"}
    assert {name: (cause["kind"], round(cause["at_s"])) for name, cause in causes.items()} == {
        "black-hole": ("flow-black-holed", 20),
        "behind": ("link-down", 20),
        "forged": ("forged-rst", 20),
        "evicted": ("middlebox-evicted-flow", 20),
        "closed": ("server-closed-flow", 20),
    }
    ends = [line for line in seen.lines("closed", "proxy", "proxy-connection") if line["state"] == "closed"]
    assert [line["reason"] for line in ends] == [""]


@pytest.mark.cells(FAULTS)
def test_nothing_is_left_but_what_belongs_to_the_cell(virtually: Virtually) -> None:
    """Configuration and log are in the cell's folder, and the proxy's version in the record."""
    folder = virtually(FAULTS).folder("nothing")
    assert {"haproxy.cfg", "haproxy.lua", "proxy.log"} <= {path.name for path in folder.iterdir()}
    (ready,) = virtually(FAULTS).lines("nothing", "proxy", "proxy-ready")
    assert ready["version"].startswith("haproxy/")


UPGRADED = Cells(
    """\
title: What befalls a WebSocket through an HTTP proxy, at which TLS ends
topology: home-nat-proxy
middlebox: never-forgets
proxy: { name: patient, base: nginx-http-default, proxy-read-timeout: 1 h }
transport: wss
client: { name: sipjs, account: register }
strategy: none
matrix:
  failure:
    - { name: nothing }
    - { name: forged, faults: [forged-segment: { at: 20 s, node: internet }] }
    - { name: closed, faults: [server-close: { at: 20 s }] }
probes: [{ at: 45 s }]
ends: 63 s
""",
    name="upgraded-faults",
)


@pytest.mark.cells(UPGRADED)
@pytest.mark.skipif(bool(packages.lack()), reason=packages.lack())
def test_an_upgraded_connection(virtually: Virtually) -> None:
    """The faults are the causes; the server has no TLS, the client's secrets decrypt the capture all the same."""
    seen = virtually(UPGRADED)
    assert seen.cells["nothing"]["verdict"] == "pass", seen.said
    causes = {name: cell["cause"]["kind"] for name, cell in seen.cells.items() if name != "nothing"}
    assert causes == {"forged": "forged-rst", "closed": "server-closed-flow"}
    assert [line["state"] for line in seen.lines("nothing", "server", "flow")][:2] == ["accepted", "upgraded"]
    assert "CLIENT_RANDOM" in (seen.folder("nothing") / "tls.keys").read_text()
    ended = {name: _last_end(seen, name) for name in ("forged", "closed")}
    assert ended == {"forged": ("client", ""), "closed": ("server", "")}  # OpenSSL keeps a reset to itself


def _last_end(seen: Seen, name: str) -> tuple[str, str]:
    """Who ended the first pair of connections, and why, as the proxy's log says."""
    ends = [line for line in seen.lines(name, "proxy", "proxy-connection") if line["state"] == "closed"]
    return ends[0]["by"], ends[0]["reason"]


@pytest.mark.cells(UPGRADED)
@pytest.mark.skipif(bool(packages.lack()), reason=packages.lack())
def test_sipjs_shows_its_messages(virtually: Virtually) -> None:
    """Each whole: what it received is byte for byte what the server says that it sent, so the record has it once."""
    said = virtually(UPGRADED).lines("nothing", "client", "sip-message")
    sent = [line["text"].split()[0] for line in said if line["way"] == "sent" and line["text"]]
    assert sent[0] == "REGISTER"
    assert {(line["text"], bool(line["same"])) for line in said if line["way"] == "received"} == {("", True)}
