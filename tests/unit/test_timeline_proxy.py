"""The page of a cell whose connections end at a proxy before the server."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface

from lab.model.endpoint import Endpoint
from lab.model.topology import Link, Node, Role
from lab.record.events import MessageText, ProxyConnection, ProxyReady, ServerSipMessage, SipMessage
from lab.timeline.build import timeline
from tests.records import (
    CLIENT,
    END,
    HOME,
    MAPPED,
    OUTSIDE,
    REMOTE,
    SERVER,
    cell,
    changed,
    evidence,
    of_flow,
    packet,
    say,
    server_flow,
)

EDGE = "edge"
OWN, INNER = Endpoint("10.9.0.1", 50000), Endpoint("10.9.0.2", 5060)
BEHIND = replace(
    HOME,
    nodes=(*HOME.nodes, Node(name=EDGE, role=Role.PROXY)),
    links=(
        HOME.links[0],
        Link(
            name="core",
            ends=(("home-nat", IPv4Interface("203.0.113.1/24")), (EDGE, IPv4Interface("203.0.113.10/24"))),
        ),
        Link(name="inner", ends=((EDGE, IPv4Interface("10.9.0.1/24")), (SERVER, IPv4Interface("10.9.0.2/24")))),
    ),
)
TEXT = MessageText("OPTIONS sip:a SIP/2.0\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n")


def test_a_connection_ends_at_the_proxy() -> None:
    """Its segments arrive there, the message goes on to the server, and all have the name of the server's flow."""
    pair = ProxyConnection(id="1", state="accepted", client=OUTSIDE, front=REMOTE)
    made = timeline(
        evidence(
            replace(cell(), topology=BEHIND),
            MAPPED,
            say(-0.5, EDGE, ProxyReady(software="proxy", version="1")),
            *(of_flow(-0.45, link, "client", flags="S", seq=0, payload=0) for link in ("lan", "core")),
            say(-0.4, EDGE, pair),
            changed(say(-0.3, EDGE, pair), state="connected", own=OWN),
            changed(packet(-0.3, "inner", EDGE, OWN, INNER), flags="S", payload=0),
            server_flow(-0.2, "accepted", transport="tcp", peer=OWN, own=INNER),
            say(1.0, CLIENT, SipMessage(way="sent", text=TEXT)),
            say(1.1, SERVER, ServerSipMessage(way="received", flow="f1", text=TEXT)),
            changed(say(33.0, EDGE, pair), state="closed", own=OWN, by="proxy", reason="timeout", setting="client"),
            END,
        )
    )
    syn, message = made.messages
    assert (syn.first, syn.from_, syn.to, syn.flow, syn.lost) == ("SYN", CLIENT, EDGE, "f1", False)
    assert (message.from_, message.to, message.flow, message.lost) == (CLIENT, SERVER, "f1", False)
    (lane,) = (each for each in made.lanes if each.kind == "proxy")
    spans = [(span.from_s, span.to_s, span.kind) for span in lane.spans]
    assert spans == [(-0.4, -0.3, "accepted"), (-0.3, 33.0, "connected")]
    assert lane.spans[1].text.endswith("closed by the proxy: timeout, client")
    assert [mark.kind for mark in lane.marks] == ["ready", "closed"]
