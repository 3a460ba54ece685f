"""A proxy in the middle: two connections are one flow, and its timeout is a cause."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.backends.base import BackendKind
from lab.engine import prepare
from lab.engine.sharing.world import named_alike
from lab.engine.twins.cells import without
from lab.errors import HostNotCapable
from lab.faults.expired_certificate import ExpiredCertificate
from lab.judge import probe_packets
from lab.loader import catalog
from lab.loader.unsupported import why_unsupported
from lab.model.scenario import Cell, ClientCertificate, Scenario, Transport
from lab.model.verdict import PROXY_TIMEOUT
from lab.model.when import When
from lab.model.without import WithoutProxyTimeout
from lab.proxies import catalog as programs
from lab.proxies import start
from tests.proxied import BEHIND, OWN, PROXY, ended, joined, proxied
from tests.records import (
    BOX,
    END,
    INSIDE,
    OUTSIDE,
    REMOTE,
    SERVER,
    Line,
    changed,
    evidence,
    forgot,
    judged,
    packet,
    probe,
    sentinel,
    server_flow,
    transport_over,
)


def lost(*entries: Line) -> tuple[str, float | None, str]:
    """The cause of the lost NOTIFY at 100 s: its kind, its moment, its words."""
    found = judged(proxied(), *joined(), *sentinel("delivered"), *entries, *probe(1, 100, answered=False), END).cause
    assert found is not None
    return found.kind.name, found.at_s, found.text


def fin(t: float, sender: str) -> Line:
    ends = (REMOTE, OUTSIDE) if sender == PROXY else (OUTSIDE, REMOTE)
    return packet(t, "core", sender, *ends, payload=0, flags="FA")


def test_one_flow_of_two_connections() -> None:
    """The server's peer is the proxy; the flow goes on to the client, and each end knows its other end."""
    flow = evidence(proxied(), *joined()).flows.get("f1")
    assert flow is not None
    assert (flow.peer, flow.hops, flow.inside) == (OWN, (OUTSIDE, INSIDE), INSIDE)
    assert flow.pairs == ((OWN, BEHIND), (OUTSIDE, REMOTE), (INSIDE, REMOTE))
    assert flow.client_ends == (OUTSIDE, INSIDE)
    before = evidence(proxied(), *joined()).flows.get("f1", -0.46)
    assert before is not None
    assert (before.hops, before.front) == ((), None)


def test_its_timeout_is_the_cause() -> None:
    """What client and server say of the end follows from it."""
    words = "the proxy closed both connections at 50.0 s, when its `timeout client` was over"
    follows = (
        transport_over(50.01, "End of file (PJ_EEOF)", state="disconnected"),
        server_flow(50.01, "closed", "fin"),
    )
    assert lost(ended(50.0), *follows) == (PROXY_TIMEOUT.name, 50.0, words)


def test_the_fin_has_the_moment() -> None:
    """haproxy logs after it has closed; a FIN of the client's before it is another reason."""
    follows = transport_over(50.01, "End of file (PJ_EEOF)", state="disconnected")
    assert lost(fin(50.0, PROXY), follows, ended(50.2))[:2] == (PROXY_TIMEOUT.name, 50.0)
    assert lost(fin(50.0, BOX), ended(50.2))[0] != PROXY_TIMEOUT.name


@pytest.mark.parametrize(
    "line",
    [
        ended(105.5),  # after the probe was given up
        ended(50.0, by="client", reason="reset"),
        ended(50.0, by="", reason=""),
        changed(ended(50.0), own=BEHIND),  # another pair
    ],
    ids=["later", "by-the-client", "in-order", "another-pair"],
)
def test_not_the_cause(line: Line) -> None:
    assert lost(line)[0] == "unknown"


def test_the_middlebox_had_forgotten_before() -> None:
    """Then the proxy's FIN did not reach the client; the twin without the proxy's timeout would lose the probe, too."""
    outcome = judged(
        proxied(30.0), *joined(), *sentinel("silent"), forgot(30.0), ended(50.0), *probe(1, 100, answered=False), END
    )
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "middlebox-forgot-flow"
    assert [type(each.without) for each in outcome.suspects[1:]] == [WithoutProxyTimeout]


def test_a_twin_with_a_patient_proxy() -> None:
    made = without(proxied(), [WithoutProxyTimeout()])
    assert made is not None
    assert made.proxy is not None
    assert (made.proxy.software, made.proxy.timeout_client, made.proxy.timeout_server) == ("haproxy", None, None)
    patient = without(replace(proxied(), proxy=catalog.proxy("nginx-default")), [WithoutProxyTimeout()])
    assert patient is not None
    assert patient.proxy is not None
    assert min(patient.proxy.proxy_timeout, patient.proxy.proxy_read_timeout) >= 86400


def test_a_probe_is_followed_through_the_proxy() -> None:
    """The proxy's segments have sequence numbers of their own."""
    on = [
        packet(100.0, "back", SERVER, BEHIND, OWN, seq=70_000),
        packet(100.0, "core", PROXY, REMOTE, OUTSIDE, seq=5),
        packet(100.2, "core", PROXY, REMOTE, OUTSIDE, seq=5),
        packet(100.0, "core", PROXY, REMOTE, OUTSIDE, seq=5, payload=0),
    ]
    seen = evidence(proxied(), *joined(), *probe(1, 100, answered=False), *on)
    (attempted,) = seen.probes
    found = probe_packets.packets(seen, attempted, seen.flows.get("f1"))
    assert {link: len(lines) for link, lines in found.items()} == {"back": 1, "core": 2}


def test_what_the_proxy_has_acknowledged_may_be_lost_behind_it() -> None:
    """Data of the server's that did not reach the client holds up what follows, though the proxy has it."""
    made_anew = changed(forgot(), t=62.0, state="new")
    sent = packet(61.0, "core", PROXY, REMOTE, OUTSIDE, seq=5)
    flow_of = evidence(proxied(), *joined(), forgot(60.0), sent, made_anew)
    flow = flow_of.flows.get("f1")
    assert flow is not None
    assert [end.t for end in flow_of.lost_mappings(flow, 70.0)] == [60.0]
    arrived = packet(63.0, "lan", BOX, REMOTE, INSIDE, seq=5)
    mended = evidence(proxied(), *joined(), forgot(60.0), sent, made_anew, arrived)
    assert mended.lost_mappings(flow, 70.0) == []


def test_udp_has_nothing_to_pass_on() -> None:
    assert why_unsupported(proxied()) == ""
    assert "no UDP" in why_unsupported(replace(proxied(), transport=Transport.UDP))


def of_http(transport: Transport, certificate: ClientCertificate = ClientCertificate.NONE) -> Cell:
    """A cell with SIP.js through an HTTP proxy."""
    plain = proxied()
    client, proxy = replace(plain.client, name="sipjs"), catalog.proxy("nginx-http-default")
    asks = replace(plain.server, client_certificate=certificate)
    return replace(plain, client=client, proxy=proxy, transport=transport, server=asks)


def test_http_carries_websocket_only() -> None:
    """Over TCP and TLS the proxy would answer SIP with 400."""
    assert why_unsupported(of_http(Transport.WS)) == why_unsupported(of_http(Transport.WSS)) == ""
    for transport in (Transport.TCP, Transport.TLS):
        over = replace(proxied(), transport=transport, proxy=catalog.proxy("aws-alb"))
        assert "speaks HTTP only" in why_unsupported(over)


def test_tls_ends_at_an_http_proxy() -> None:
    """So the server has no certificate to show, and sees none; through a TCP proxy it does."""
    assert of_http(Transport.WSS).server_transport is Transport.WS
    assert proxied().server_transport is Transport.TLS
    asks = of_http(Transport.WSS, ClientCertificate.REQUIRED)
    assert "sees no certificate" in why_unsupported(asks)
    expired = ExpiredCertificate(at=When(offset=5.0))
    assert expired.infeasible(proxied()) is None
    never = expired.infeasible(of_http(Transport.WSS))
    assert never is not None
    assert "ends at the proxy" in never.what


def test_where_it_listens_and_connects() -> None:
    """An HTTP proxy takes both kinds of WebSocket to the port without TLS; a TCP proxy each port to the same."""
    folder = Path("/cell")
    told = start.plan(_started(of_http(Transport.WSS), folder))
    assert (told.ports, told.own, told.address) == ({80: 80, 443: 80}, OWN.host, REMOTE.host)
    assert (told.ends_tls(443), told.ends_tls(80)) == (True, False)
    told = start.plan(_started(proxied(), folder))
    assert told.ports == {80: 80, 443: 443, 5060: 5060, 5061: 5061}
    assert not any(map(told.ends_tls, told.ports))


def _started(cell: Cell, folder: Path) -> dict[str, Any]:
    command = start.command(cell, folder, folder)
    return {key: value for key, value in command.items() if key not in ("do", "program")}


@pytest.mark.parametrize("installed", [True, False])
def test_a_program_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, *, installed: bool) -> None:
    """Its cells are unsupported, and say how to install it; others run."""
    lack = None if installed else HostNotCapable("the proxy haproxy needs haproxy", fix="apt-get install haproxy")
    monkeypatch.setattr(type(programs.find("haproxy")), "lack", lambda _: lack)
    cells = (replace(proxied(), unsupported=""),)
    whole = Scenario(name="s", file="s", text="", title="", why="", source="", cells=cells)
    (one,) = prepare.with_proxies(whole, BackendKind.NETNS).cells
    assert one.unsupported == ("" if installed else "the proxy haproxy needs haproxy; apt-get install haproxy")
    (one,) = prepare.with_proxies(whole, BackendKind.DOCKER).cells
    assert one.unsupported == "there is no container image of a proxy; use --backend netns"


def test_names_and_sources_decide_nothing() -> None:
    """Two proxies of the same settings share a record; those of others do not."""
    one = proxied()
    assert one.proxy is not None
    named = replace(one, proxy=replace(one.proxy, name="mine", source="me"))
    longer = replace(one, proxy=replace(one.proxy, timeout_client=None))
    assert named_alike(named) == named_alike(one) != named_alike(longer)
