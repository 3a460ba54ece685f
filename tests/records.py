"""Builds records for tests out of the events themselves, and the cells they are of.

`say` makes an entry, `changed` a copy that differs in something, `evidence` sorts entries by time and numbers them. The
other functions make what happens in most records. Their cell is one home: client —lan— home-nat —core— server.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Interface
from typing import Any, Literal, TypeVar

import msgspec

from lab.faults.base import Fault
from lab.faults.client_move import ClientMove
from lab.faults.forged_segment import SentSegment
from lab.judge.verdict import judge
from lab.model.endpoint import Endpoint
from lab.model.middlebox import ForgottenFlow, Middlebox
from lab.model.outcome import Outcome
from lab.model.scenario import (
    Cell,
    Claim,
    Client,
    ClientCertificate,
    Expectation,
    Server,
    Strategy,
    Transport,
)
from lab.model.scenario import Probe as ProbeToSend
from lab.model.topology import Link, Node, Role, Topology
from lab.record import codec
from lab.record.entry import Entry
from lab.record.events import (
    ClientCall,
    ClientTransport,
    Event,
    FaultBegan,
    FaultEnded,
    FlowState,
    Mapping,
    Obeyed,
    Packet,
    Probe,
    ProbeState,
    RunEnded,
    SentinelChallenged,
    SentinelFlow,
    SentinelOpened,
    SentinelOutcome,
    SentinelState,
    ServerFlow,
    ServerSubscription,
    Subscribed,
)
from lab.record.evidence import Evidence
from lab.record.writer import RUNNER
from lab.units import Seconds

E = TypeVar("E", bound=Event)
Line = Entry[Any]

CLIENT, BOX, SERVER = "client", "home-nat", "server"
SENTINEL = Endpoint("203.0.113.10", 5099)
INSIDE, OUTSIDE = Endpoint("10.0.0.2", 40001), Endpoint("203.0.113.1", 40001)
REMOTE = Endpoint("203.0.113.10", 5061)

HOME = Topology(
    name="home-nat",
    nodes=(
        Node(name="client", role=Role.CLIENT),
        Node(name="home-nat", role=Role.MIDDLEBOX, inside="lan", outside="core"),
        Node(name="server", role=Role.SERVER),
    ),
    links=(
        Link(
            name="lan",
            ends=(("client", IPv4Interface("10.0.0.2/24")), ("home-nat", IPv4Interface("10.0.0.1/24"))),
        ),
        Link(
            name="core",
            ends=(("home-nat", IPv4Interface("203.0.113.1/24")), ("server", IPv4Interface("203.0.113.10/24"))),
        ),
    ),
)


def say(t: float, who: str, event: E) -> Entry[E]:
    """An entry, not numbered yet."""
    return Entry(t, who, 0, event)


def changed(entry: Entry[E], *, t: float | None = None, **fields: Any) -> Entry[E]:
    """The same at another time, or with other fields."""
    event = msgspec.structs.replace(entry.event, **fields)
    return dataclasses.replace(entry, t=entry.t if t is None else t, event=event)


def numbered(*entries: Line) -> list[Line]:
    """A record: in time order, with the numbers of its lines."""
    ordered = sorted(entries, key=lambda entry: entry.t)
    return [dataclasses.replace(entry, line=number) for number, entry in enumerate(ordered, start=1)]


def evidence(subject: Cell, *entries: Line) -> Evidence:
    """What a record of these entries shows."""
    return Evidence(subject, numbered(*entries))


def judged(subject: Cell, *entries: Line) -> Outcome:
    """What the judge makes of it."""
    return judge(evidence(subject, *entries))


def cell(*, timeout: float | None = None, probes: tuple[float, ...] = (100.0,), claim: Claim | None = None) -> Cell:
    """A cell of 110 s; ``timeout``: when its middlebox forgets idle connections."""
    idle = None if timeout is None else Seconds(timeout)
    box = Middlebox(name="box", established_idle_timeout=idle, forgotten=ForgottenFlow.SILENT)
    return Cell(
        scenario="story",
        name="none",
        axes=(("strategy", "none"),),
        seed=1,
        topology=HOME,
        middleboxes=((BOX, box),),
        transport=Transport.TLS,
        server=Server(),
        client=Client(),
        strategy=Strategy(name="none"),
        faults=(),
        probes=tuple(ProbeToSend(at=Seconds(t)) for t in probes),
        expect=Expectation(),
        ends=Seconds(110),
        claim=claim,
    )


def with_fault(fault: Fault) -> Cell:
    """A cell in which any fault can happen."""
    return replace(cell(), faults=(fault,), server=Server(by_name=True, client_certificate=ClientCertificate.REQUIRED))


# What happens on the way to silence, and at the end

MAPPED = say(
    -0.5,
    BOX,
    Mapping(
        state="new", proto="tcp", inside=INSIDE, outside=OUTSIDE, remote=REMOTE, id=1, tcp_state="SYN_SENT", seen=0.0
    ),
)
CONNECTED = say(-0.4, CLIENT, ClientTransport(id="tp1", state="connected", type="tls", local=INSIDE, remote=REMOTE))
ACCEPTED = say(
    -0.4,
    SERVER,
    ServerFlow(id="f1", state="accepted", transport="tls", peer=OUTSIDE, own=REMOTE, reason=""),
)
SUBSCRIPTION = say(
    -0.2,
    SERVER,
    ServerSubscription(id="s1", state="active", expires=600, flow="f1", contact="sip:alice@10.0.0.2:40001"),
)
SUBSCRIBED = say(0.0, CLIENT, Subscribed())
END = say(110.0, RUNNER, RunEnded())


def flow_set_up() -> list[Line]:
    """The client's connection, and its subscription on it."""
    return [MAPPED, CONNECTED, ACCEPTED, SUBSCRIPTION, SUBSCRIBED]


def sentinel(
    *outcomes: SentinelState, at: float = 62.0, idle: float = 62.5, found: Literal["open", "reset", "closed"] = "open"
) -> list[Line]:
    """The sentinel's flows opened, challenged at ``at``, and what came of it: from inside, from outside."""
    entries: list[Line] = []
    flows: tuple[SentinelFlow, ...] = ("from-inside", "from-outside")
    for port, flow, outcome in zip((50001, 50002), flows, (outcomes * 2)[:2], strict=True):
        opened = SentinelOpened(flow=flow, local=Endpoint("10.0.0.2", port), remote=SENTINEL)
        entries.append(say(at - idle, RUNNER, opened))
        entries.append(say(at, RUNNER, SentinelChallenged(flow=flow, idle=idle, found=found)))
        came = SentinelOutcome(flow=flow, state=outcome, reason="", peer="", took=1.0)
        entries.append(say(at + 1, RUNNER, came))
    return entries


# What breaks


def transport_over(t: float, reason: str, *, state: Literal["disconnected", "shutdown", "destroyed"]) -> Line:
    """The end of the client's connection, as it says."""
    return changed(CONNECTED, t=t, state=state, reason=reason)


def idle_timer(t: float = 33.0) -> Line:
    """The client's idle timer ends its connection."""
    return transport_over(t, "idle-timer", state="destroyed")


def forgot(t: float = 60.0) -> Line:
    """The middlebox forgets the connection."""
    return changed(MAPPED, t=t, state="destroyed", tcp_state="ESTABLISHED")


def server_flow(t: float, state: FlowState, reason: str = "", **fields: Any) -> Line:
    """A state of the server's flow f1."""
    return changed(ACCEPTED, t=t, state=state, reason=reason, **fields)


# Packets


def packet(
    t: float,
    link: str,
    sender: str,
    src: Endpoint,
    dst: Endpoint,
    *,
    size: int = 752,
    payload: int = 700,
    flags: str = "PA",
    seq: int = 1,
) -> Entry[Packet]:
    """A TCP segment on a link, put there by the node ``sender``."""
    here = {link.name: link.ends[0][0] for link in HOME.links}.get(link, CLIENT)
    event = Packet(
        link=link, from_=sender, proto="tcp", src=src, dst=dst, bytes=size, payload=payload, flags=flags, seq=seq
    )
    return say(t, here, event)


def on_lan(t: float, sender: str, size: int, *, port: int = 40001) -> Entry[Packet]:
    """A packet with data on the client's link, of the flow; or, from another port, of the sentinel."""
    client, server = Endpoint("10.0.0.2", port), REMOTE if port == 40001 else SENTINEL
    ends = (client, server) if sender == CLIENT else (server, client)
    return packet(t, "lan", sender, *ends, size=size, payload=1)


def of_flow(t: float, link: str, sender: Literal["client", "server"], **fields: Any) -> Entry[Packet]:
    """A packet of the flow with data from one of its ends, as seen on a link."""
    here = INSIDE if link == "lan" else OUTSIDE
    ends = (here, REMOTE) if sender == "client" else (REMOTE, here)
    names = {("lan", "client"): CLIENT, ("core", "server"): SERVER}
    return changed(packet(t, link, names.get((link, sender), BOX), *ends), **fields)


def exchanged(t: float) -> list[Line]:
    """A request and its answer on the client's link."""
    return [on_lan(t, BOX, 752), on_lan(t, CLIENT, 452)]


# Probes


def attempt(t: float, state: ProbeState, **fields: Any) -> Entry[Probe]:
    """A step of probe p1, a NOTIFY on f1."""
    step = Probe(probe="p1", kind="notify", state=state, code=None, flow="f1", peer=OUTSIDE, reason="")
    return changed(say(t, SERVER, step), **fields)


def probe(number: int, t: float, *, answered: bool) -> list[Line]:
    """A NOTIFY that is answered at once, or not within 5 s."""
    name = f"p{number}"
    if not answered:
        return [attempt(t, "sent", probe=name), attempt(t + 5.0, "failed", probe=name, reason="timeout")]
    return [attempt(t, "sent", probe=name), *exchanged(t), attempt(t + 0.1, "answered", probe=name, code=200)]


def frozen_probe(t: float) -> Line:
    """Probe p1, due while the server is frozen."""
    return dataclasses.replace(attempt(t, "failed", flow=None, peer=None, reason="server-frozen"), who=RUNNER)


def call(*states: tuple[ProbeState, float], flow: str = "f1") -> list[Line]:
    """The steps of a call."""
    return [
        attempt(t, state, kind="invite", flow=flow, code=200 if state in ("talking", "answered") else None)
        for state, t in states
    ]


CONFIRMED = say(20.1, CLIENT, ClientCall(state="confirmed", call_id="c", code=200))
BEGUN: tuple[tuple[ProbeState, float], ...] = (("sent", 20.0), ("talking", 20.1))


# Faults


def begins(
    fault: Fault, proof: msgspec.Struct, *, t: float = 50.0, until: float | None = None, number: int = 0
) -> list[Line]:
    """The beginning of a fault and its end: at once unless ``until`` says when."""
    name = type(fault).__name__
    return [
        say(t, RUNNER, FaultBegan(n=number, fault=name, proof=codec.proof(proof))),
        say(t if until is None else until, RUNNER, FaultEnded(n=number, fault=name)),
    ]


def as_long(fault: Fault, entries: Sequence[Line]) -> Fault:
    """The fault, to last as long as the entries tell; those without a duration as they are."""
    began = [entry.t for entry in entries if isinstance(entry.event, FaultBegan)]
    over = [entry.t for entry in entries if isinstance(entry.event, FaultEnded)]
    if getattr(fault, "lasts", None) is None or not began or not over:
        return fault
    return replace(fault, lasts=Seconds(over[-1] - began[-1]))  # type: ignore[call-arg]  # not every fault lasts


MOVED = ClientMove.Proof(rules=2, left=(), address="10.64.0.2/24", source="10.64.0.2")
RST = SentSegment(link="lan", to="client", src=REMOTE, dst=INSIDE, flags="R", seq=7)


def on_the_wire(t: float = 50.001, **fields: Any) -> Line:
    """The forged segment `RST`, as a capture saw it."""
    seen = packet(t, RST.link, BOX, RST.src, RST.dst, size=40, payload=0, flags=RST.flags, seq=RST.seq)
    return changed(seen, **fields)


def closed_by_server(t: float = 50.01) -> Line:
    """The server ends the flow by itself."""
    return server_flow(t, "closed", "by server")


def answers_from_now(mode: Literal["mute", "late"], by: float | None = None) -> Line:
    """The server says that it has changed its way of answering."""
    return say(50.01, SERVER, Obeyed(do="answer", mode=mode, by=by))
