"""Digest authentication in whole cells: what it costs, to the packet, with both servers, and who cannot do it."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import pytest

from lab.servers.kamailio import child
from lab.sip.ports import PORTS
from tests.e2e.lab_command import ROOT
from tests.e2e.together import Cells, Seen, Virtually

pytestmark = pytest.mark.e2e

needs_kamailio = pytest.mark.skipif(
    child.program() is None, reason=f"needs `apt-get install {' '.join(child.PACKAGES)}`"
)

LIBRARY = Cells(ROOT / "scenarios" / "article" / "authentication-cost.yaml")
KEEPS_NONCE = Path(__file__).parent / "clients" / "keeps_nonce.py"

OF_PJSIP = """\
title: What pjsip pays for authentication
topology: home-nat
transport: udp
middlebox: never-forgets
matrix:
  strategy: [none, register-60s, short-expiry-60s, options-ping-25s]
  server:
    - {{ name: open, software: {software} }}
    - {{ name: challenges, software: {software}, authentication: {{ nonce-lifetime: 300 s }} }}
    - {{ name: as-proxy, software: {software}, authentication: {{ nonce-lifetime: 30 s, as: proxy }} }}
    - {{ name: pings-too, software: {software}, authentication: {{ methods: [REGISTER, SUBSCRIBE, OPTIONS] }} }}
probes: [{{ at: 205 s }}]    # apart from everything that the client sends by itself
ends: 290 s
claims: [{{ verdict: pass }}]
"""

OF_ONE_THAT_KEEPS_NONCES = """\
title: A client that keeps its nonce
topology: home-nat
transport: tcp
middlebox: never-forgets
client: {{ command: [python3, keeps_nonce.py] }}
matrix:
  server:
    - {{ name: long, software: {software}, authentication: {{ nonce-lifetime: 300 s }} }}
    - {{ name: short, software: {software}, authentication: {{ nonce-lifetime: 30 s }} }}
probes: [{{ at: 195 s }}]
ends: 202 s
claims: [{{ verdict: pass }}]
"""

OF_A_CALL = """\
title: A call whose refreshes are challenged
topology: home-nat
transport: tcp
middlebox: never-forgets
matrix:
  strategy: [none, {{ name: refreshed, mitigations: [session-timer: {{ expiry: 90 s, min-expiry: 90 s }}] }}]
server: {{ software: {software}, authentication: {{ methods: [INVITE, UPDATE, BYE], as: proxy }} }}
probes: [{{ at: 10 s, kind: invite, hold: 100 s }}]
ends: 125 s
claims:
  - {{ strategy: refreshed, verdict: pass }}
"""

CANNOT = Cells(
    """\
title: Clients that can authenticate, and one that cannot
topology: home-nat
transport: tcp
middlebox: never-forgets
server: { authentication: { algorithm: SHA-256 } }
matrix:
  client:
    - pjsip
    - plain
    - { name: mine, command: [python3, wrong_password.py] }
probes: [{ at: 10 s }]
ends: 15 s
claims:
  - { client: pjsip, verdict: pass }
  - { client: plain, verdict: pass }
  - { client: mine, verdict: inconclusive }
""",
    name="cannot-authenticate",
    beside=(ROOT / "docs" / "examples" / "client.py", ROOT / "tests" / "e2e" / "clients" / "wrong_password.py"),
)


PINGS_TOO = ("options-ping-25s", "pings-too")


def _cells(text: str, name: str, **more: Any) -> list[Any]:
    """The same with either server, as parameters of a test."""
    made = [Cells(text.format(software=server), name=f"{name}-{server}", **more) for server in ("scripted", "kamailio")]
    return [
        pytest.param(made[0], marks=pytest.mark.cells(made[0]), id="scripted"),
        pytest.param(made[1], marks=[pytest.mark.cells(made[1]), needs_kamailio], id="kamailio"),
    ]


def _packets(seen: Seen, name: str) -> int:
    metrics = seen.cells[name]["metrics"]
    return int(metrics["packets_up"] + metrics["packets_down"])


PING_BYTES = 33
"""Of a double CRLF in a TLS record (RFC 5246 §6.2.3.3: 29 bytes more with AES-GCM); no SIP message is as short.

pjsip sends one 90 s after its last one if nothing went out since, and also if something did within that very second.
"""


def _refreshes(seen: Seen, name: str) -> list[list[dict[str, Any]]]:
    """The packets on the client's link of each refresh: in the second from its request on, if it has no ping."""
    sent = [line["t"] for line in seen.lines(name, "client", "request-sent") if line["t"] > 0]
    begun = [t for t, before in zip(sent, [0.0, *sent], strict=False) if t - before > 1]
    tls = [line for line in seen.lines(name, "client", "packet") if line["link"] == "lan" and _is_tls(line)]
    seconds = [[packet for packet in tls if t <= packet["t"] < t + 1] for t in begun]
    return [packets for packets in seconds if not any(0 < packet["payload"] <= PING_BYTES for packet in packets)]


def _is_tls(packet: dict[str, Any]) -> bool:
    return any(packet[end].endswith(f":{PORTS['tls']}") for end in ("src", "dst"))


@pytest.mark.parametrize("cells", _cells(OF_PJSIP, "pjsip-pays"))
def test_a_refresh_of_pjsip_costs_two_packets_more(cells: Cells, virtually: Virtually) -> None:
    """Over UDP a challenge is exactly these, request and answer, however long the nonce lives; it wakes no radio."""
    seen = virtually(cells)
    assert seen.status == 0, seen.said
    challenges = {}
    pings = len(seen.lines("options-ping-25s,pings-too", "client", "options-answer"))
    assert pings == 11
    for name, cell in seen.cells.items():
        strategy, server = cell["axes"]["strategy"], cell["axes"]["server"]
        metrics, without = cell["metrics"], seen.cells[f"{strategy},open"]["metrics"]
        challenges[strategy, server] = metrics["challenges"]
        twice = metrics["challenges"] - pings * ((strategy, server) == PINGS_TOO)
        assert _packets(seen, name) == _packets(seen, f"{strategy},open") + 2 * twice
        assert metrics["radio_wakeups_per_hour"] == pytest.approx(without["radio_wakeups_per_hour"], rel=0.02)
    once = {"open": 0, "challenges": 1, "as-proxy": 1, "pings-too": 1}
    for strategy, refreshes in (("none", 0), ("register-60s", 5), ("short-expiry-60s", 5), ("options-ping-25s", 0)):
        for server, each in once.items():
            expected = refreshes * each + pings * ((strategy, server) == PINGS_TOO)
            assert challenges[strategy, server] == expected, (strategy, server)


@pytest.mark.parametrize("cells", _cells(OF_PJSIP, "pjsip-pays"))
def test_a_challenged_ping_is_no_failure(cells: Cells, virtually: Virtually) -> None:
    """pjsip leaves it at the 401, which is as good an answer as another: the client notices nothing."""
    seen = virtually(cells)
    cell = seen.cells["options-ping-25s,pings-too"]
    codes = {line["code"] for line in seen.lines("options-ping-25s,pings-too", "client", "options-answer")}
    assert codes == {401}
    assert cell["metrics"]["repair"]["client_noticed_after_s"] is None


@pytest.mark.parametrize("cells", _cells(OF_ONE_THAT_KEEPS_NONCES, "keeps-nonce", beside=(KEEPS_NONCE,)))
def test_who_keeps_a_nonce_pays_when_it_is_too_old(cells: Cells, virtually: Virtually) -> None:
    """Ten refreshes, one every 20 s: none is challenged with a nonce for 300 s, every other one with 30 s."""
    seen = virtually(cells)
    assert seen.status == 0, seen.said
    assert {name: cell["metrics"]["challenges"] for name, cell in seen.cells.items()} == {"long": 0, "short": 5}
    assert _packets(seen, "short") - _packets(seen, "long") == 2 * 5


@pytest.mark.parametrize("cells", _cells(OF_A_CALL, "challenged-call"))
def test_a_call_is_refreshed_in_spite_of_a_challenge(cells: Cells, virtually: Virtually) -> None:
    """Twice, by a re-INVITE that is sent again with credentials; the call goes on until the server ends it."""
    seen = virtually(cells)
    assert seen.status == 0, seen.said
    answered = [
        line["code"] for line in seen.lines("refreshed", "server", "response-sent") if line["method"] == "INVITE"
    ]
    assert answered == [407, 200, 407, 200]
    assert seen.cells["refreshed"]["metrics"]["challenges"] == 2


@pytest.mark.cells(CANNOT)
def test_who_cannot_authenticate(virtually: Virtually) -> None:
    """Never passes; the documented example can, by either hash."""
    seen = virtually(CANNOT)
    assert seen.status == 0, seen.said
    assert seen.cells["plain"]["metrics"]["challenges"] == 0  # before the silence
    assert "it said `ready`, never `subscribed`" in seen.cells["mine"]["doubt"]


@pytest.mark.cells(LIBRARY)
def test_what_is_said_of_the_cost(virtually: Virtually) -> None:
    """The numbers in the scenario's text."""
    seen = virtually(LIBRARY)
    assert seen.status == 0, seen.said
    costs = {name: cell["metrics"] for name, cell in seen.cells.items()}
    for strategy in ("none", "register-60s", "refresh-25s", "options-ping-25s", "crlf-30s-hold"):
        servers = [f"{strategy},{server}" for server in ("open", "nonces-300s", "nonces-30s", "pings-too")]
        assert len({seen.cells[name]["verdict"] for name in servers}) == 1
        assert len({costs[name]["radio_wakeups_per_hour"] for name in servers}) == 1
        assert costs[servers[1]]["challenges"] == costs[servers[2]]["challenges"]

    def per_hour(one: str, other: str) -> float:
        return float(costs[one]["bytes_per_hour"] / costs[other]["bytes_per_hour"])

    usual = {}
    for strategy, server, messages in (
        ("register-60s", "open", 2),
        ("register-60s", "nonces-300s", 4),
        ("refresh-25s", "open", 4),
        ("refresh-25s", "nonces-300s", 6),
    ):
        refreshes = _refreshes(seen, f"{strategy},{server}")
        assert len(refreshes) >= 9
        for packets in refreshes:
            with_data = sum(1 for packet in packets if packet["payload"])
            assert with_data == messages
            assert 1 <= len(packets) - with_data <= messages  # how many acknowledgements is up to the two kernels
        usual[strategy, server] = (
            statistics.median(map(len, refreshes)),
            statistics.median(sum(packet["bytes"] for packet in packets) for packets in refreshes),
        )
    assert [packets for packets, _ in usual.values()] == [3, 6, 7, 9]
    registers = [octets for (strategy, _), (_, octets) in usual.items() if strategy == "register-60s"]
    assert registers[1] / registers[0] == pytest.approx(2.4, abs=0.1)
    assert per_hour("refresh-25s,open", "options-ping-25s,open") < 2.3
    assert per_hour("refresh-25s,pings-too", "options-ping-25s,pings-too") > 3
    assert costs["options-ping-25s,pings-too"]["challenges"] == 23
    assert costs["crlf-30s-hold,pings-too"]["challenges"] == 0
