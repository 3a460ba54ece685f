"""Defines the events of the lab itself."""

from __future__ import annotations

from typing import Literal

import msgspec

from lab.model.endpoint import Endpoint
from lab.record.event import Event

SENTINEL_PORT = 5099
"""Of the server's node, for the sentinel alone: what is seen there is not counted as cost."""

SentinelFlow = Literal["from-inside", "from-outside"]
SentinelState = Literal["delivered", "reset", "closed", "unreachable", "silent", "failed"]


class Mapping(Event, frozen=True, kw_only=True):
    """A mapping of a middlebox came or went; ``who`` is the middlebox.

    Attributes:
        inside: the endpoint behind the middlebox.
        outside: as which endpoint that appears outside.
        remote: with whom it talks.
        id: conntrack's number for it.
        tcp_state: conntrack's state of it; empty of UDP.
        seen: how many seconds after the fact the lab noticed.
    """

    state: Literal["new", "destroyed"]
    proto: Literal["tcp", "udp"]
    inside: Endpoint
    outside: Endpoint
    remote: Endpoint
    id: int
    tcp_state: str
    seen: float


class Packet(Event, frozen=True, kw_only=True):
    """An IPv4 packet passed a link; ``who`` is the node at whose end it was captured.

    Attributes:
        from_: the node that sent it onto the link.
        bytes: length of the IP packet.
        payload: bytes above TCP, UDP or IP.
        flags: of TCP: letters of ``FSRPAUEC``.
        seq: of TCP: its sequence number.
    """

    link: str
    from_: str
    proto: Literal["tcp", "udp", "icmp", "other"]
    src: Endpoint
    dst: Endpoint
    bytes: int
    payload: int
    flags: str = ""
    seq: int | None = None


class SentinelOpened(Event, frozen=True, kw_only=True):
    """A flow of the sentinel is established; from now on it is silent.

    Attributes:
        flow: by the side from which it will be challenged.
        local: the client node's end.
        remote: the server node's end, as the client node sees it.
    """

    flow: SentinelFlow
    local: Endpoint
    remote: Endpoint


class SentinelChallenged(Event, frozen=True, kw_only=True):
    """Something was sent on a flow of the sentinel.

    Attributes:
        idle: for how many seconds nothing had been sent on it.
        found: how the sender's end was found: ``open``, ``reset``, or ``closed`` by a FIN.
    """

    flow: SentinelFlow
    idle: float
    found: Literal["open", "reset", "closed"]


class SentinelOutcome(Event, frozen=True, kw_only=True):
    """The result of a challenge, as the sender sees it.

    Attributes:
        state: ``unreachable``: ICMP said so; ``silent``: nothing came of it within 3 s.
        reason: of ``failed``: the error.
        peer: ``reset`` if the receiver's end was reset as well, else empty.
        took: seconds.
    """

    flow: SentinelFlow
    state: SentinelState
    reason: str
    peer: Literal["", "reset"]
    took: float


class RecordBegan(Event, frozen=True, kw_only=True, tag="record"):
    """The first line of a record: the version of its format."""

    version: int


class FaultBegan(Event, frozen=True, kw_only=True, tag="fault"):
    """A fault of the scenario has begun.

    Attributes:
        n: its place in the scenario, from 0.
        fault: its kind, as scenarios write it.
        proof: what shows that it took effect, as read back from the kernel or said by the actor; its fields are the
            ``Proof`` of ``lab.faults``'s module of that name.
    """

    n: int
    fault: str
    proof: msgspec.Raw


class FaultEnded(Event, frozen=True, kw_only=True, tag="fault-over"):
    """A fault of the scenario is over.

    Attributes:
        n: its place in the scenario, from 0.
        fault: its kind, as scenarios write it.
        dropped: packets that its rules have lost; None: it has no such rules.
    """

    n: int
    fault: str
    dropped: int | None = None


class FaultMoot(Event, frozen=True, kw_only=True, tag="fault-moot"):
    """A fault of the scenario did not begin, because its moment did not come, or something forbade it then.

    Attributes:
        n: its place in the scenario, from 0.
        fault: its kind, as scenarios write it.
        why: a clause.
    """

    n: int
    fault: str
    why: str


class ClientProcess(Event, frozen=True, kw_only=True):
    """The lab stopped, resumed, killed or started the client's process; ``who`` is the client's node."""

    state: Literal["suspended", "resumed", "killed", "started"]


class ClientRadio(Event, frozen=True, kw_only=True):
    """The radio of the client's device changed state; ``who`` is the client's node.

    Attributes:
        state: ``idle``: it sleeps, and what comes for it waits; ``paged``: something waits, and it is being woken;
            ``connected``: packets pass.
    """

    state: Literal["idle", "paged", "connected"]


class ClientNetwork(Event, frozen=True, kw_only=True):
    """The lab took the network from the client's program, or gave it back; ``who`` is the client's node."""

    state: Literal["blocked", "open"]


class ClientAddresses(Event, frozen=True, kw_only=True):
    """The lab gave the client's node another address, or took one from it; ``who`` is the client's node.

    Attributes:
        usable: the addresses that it has on links that carry packets.
        source: the address from which packets to the server leave now, as the kernel says; empty: there is no way.
        closed: how many TCP connections of an address that is gone the kernel has closed.
    """

    usable: tuple[str, ...]
    source: str
    closed: int = 0


class ProtocolError(Event, frozen=True, kw_only=True):
    """An actor of the scenario's author broke the actor protocol.

    Attributes:
        actor: ``client``.
        why: what is wrong, a clause.
        wrote: the beginning of the line.
    """

    actor: str
    why: str
    wrote: str


class LimitPassed(Event, frozen=True, kw_only=True):
    """An actor took more than the lab allows; the lab ended the cell then.

    Attributes:
        actor: ``client``.
        what: what it did, a clause that follows its name: ``wrote more than 300,000 events``.
    """

    actor: str
    what: str


class Step(Event, frozen=True, kw_only=True):
    """``lab actor check`` asked the client to end: by ``stop``, or by ``hang-up``."""

    step: Literal["stop", "hang-up"]


class NeverSilent(Event, frozen=True, kw_only=True):
    """The client was never set up; times of this record count from the cell's start."""


class RunEnded(Event, frozen=True, kw_only=True, tag="end"):
    """The timeline has run to its end."""


class Aborted(Event, frozen=True, kw_only=True):
    """An actor's process has ended.

    Attributes:
        how: a signal's name, or an exit status.
        last: the last lines of its log.
    """

    how: str
    last: str
