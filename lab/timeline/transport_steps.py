"""Makes the steps of the ladder that are no SIP: connections, TLS handshakes, keep-alives and ends, from packets. Pure.

What a segment within TLS carries is told by its length. A CRLF ping or pong is the shortest that there is; an alert has
the length of a pong, and comes when the connection ends.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from itertools import chain

from lab.model.endpoint import Endpoint
from lab.model.middlebox import SipAlg
from lab.record.entry import Entry
from lab.record.events import Packet
from lab.record.evidence import BEFORE_S, Evidence
from lab.timeline.client_flows import ClientFlows, secured_at
from lab.timeline.passages import Passage, Passages
from lab.timeline.shapes import Message, MessageKind
from lab.timeline.steps import Step

_PING, _PONG = 4, 2  # RFC 5626 §3.5.1
_TLS_ADDS = (22, 29, 21)
"""What a record of TLS adds: 1.3 (RFC 8446 §5.2: header 5, type 1, tag 16); 1.2 with AES-GCM (RFC 5288 §3: header 5,
nonce 8, tag 16) and with ChaCha20 (RFC 7905 §2: header 5, tag 16)."""
_WRAPS = 1 << 32  # sequence numbers: RFC 9293 §3.4
_HALF = 1 << 31


def steps(evidence: Evidence) -> Iterator[Step]:
    """Yield all steps that are no SIP, in no order."""
    flows = ClientFlows(evidence)
    secured = secured_at(evidence)
    passages = Passages(evidence)
    front = evidence.cell.topology.front().name
    alg = any(SipAlg.TCP in box.sip_alg for _, box in evidence.cell.middleboxes)
    both = passages.to_server(), passages.to_client()
    ends_of: dict[str | None, list[float]] = defaultdict(list)
    for each in chain(*both):
        if _end(each.entry.event):
            ends_of[_flow_of(each.entry, flows)].append(each.entry.t)
    for to_server, passed in zip((True, False), both, strict=True):
        ends = (evidence.client, front) if to_server else (front, evidence.client)
        connections: dict[tuple[Endpoint, Endpoint], list[Passage]] = defaultdict(list)
        for each in passed:
            if each.maker == ends[0]:
                connections[each.entry.event.src, each.entry.event.dst].append(each)
            elif not alg and (what := _made(each.entry.event)):
                yield _step(each, "tcp", what, ends[1], _flow_of(each.entry, flows), None)
        for packets in connections.values():
            yield from _Direction(packets, ends[1], flows, secured, ends_of, changes=alg).steps()


def _made(packet: Packet) -> str:
    """Return what a packet is that a node in between made; empty: a copy, or what a SIP ALG changed."""
    if packet.proto == "icmp":
        return "ICMP error"
    return _end(packet)


def _end(packet: Packet) -> str:
    return "RST" if "R" in packet.flags else "FIN" if "F" in packet.flags else ""


def _flow_of(entry: Entry[Packet], flows: ClientFlows) -> str | None:
    """Return the flow of a packet: one end of it is the client's own endpoint, or the one that the server sees."""
    packet = entry.event
    ends = (packet.dst, packet.src)
    found = (flows.at(end, entry.t) or flows.of_peer(end, entry.t) for end in ends)
    return next((name for name in found if name is not None), None)


class _Direction:
    """One direction of a connection.

    Args:
        packets: what its sender sent, in the order of time.
        receiver: the node at the other end.
        flows: the server's names for connections.
        secured: when handshakes were over, by flow.
        ends: when segments passed that end a connection, either way, by flow.
        changes: whether something on the way changes lengths, so that nobody can tell what arrived.
    """

    def __init__(
        self,
        packets: Sequence[Passage],
        receiver: str,
        flows: ClientFlows,
        secured: dict[str, float],
        ends: dict[str | None, list[float]],
        *,
        changes: bool,
    ) -> None:
        self._packets = packets
        self._receiver = receiver
        self._flows = flows
        self._secured = secured
        self._ends = ends
        self._changes = changes
        self._first: dict[int | None, float] = {}  # when each segment was sent first, by its sequence number
        self._next: int | None = None  # the sequence number that follows all that was sent

    def steps(self) -> Iterator[Step]:
        """Yield what its packets are, but for SIP and bare acknowledgements."""
        for passage in self._packets:
            flow = _flow_of(passage.entry, self._flows)
            packet = passage.entry.event
            if packet.proto == "udp":
                if 0 < packet.payload <= _PING:
                    yield self._step(passage, "keep-alive", "CRLF keep-alive", flow, None)
            elif packet.proto == "icmp":
                yield self._step(passage, "tcp", "ICMP error", flow, None)
            elif packet.proto == "tcp":
                kind, what, key = self._tcp(passage, flow)
                if what:
                    original = self._first.get(packet.seq, passage.entry.t)
                    again = original if original < passage.entry.t else None
                    yield self._step(passage, kind, what, flow, key)._replace(original_s=again)

    def _tcp(self, passage: Passage, flow: str | None) -> tuple[MessageKind, str, Hashable | None]:
        """Return kind, name and key of a segment; an empty name if it is told elsewhere or by nobody."""
        packet = passage.entry.event
        again = (packet.src, packet.dst, packet.flags, packet.seq)
        if "S" in packet.flags:
            self._sent(packet, 1)
            return "tcp", "SYN, ACK" if "A" in packet.flags else "SYN", again
        if end := _end(packet):
            self._sent(packet, packet.payload + 1)
            return "tcp", end, again
        before = self._before(packet)
        if packet.payload <= 1 and before == 1:
            return "keep-alive", "TCP keep-alive", None  # RFC 9293 §3.8.4
        if packet.payload == 0:
            return "tcp", "", None
        if before > 0:
            return "tcp", f"TCP retransmission, {packet.payload} bytes", again
        self._first[packet.seq] = passage.entry.t
        self._sent(packet, packet.payload)
        until = self._secured.get(flow or "")
        if until is not None and passage.entry.t <= until:
            return "tls", f"TLS handshake, {packet.payload} bytes", again
        sizes = {adds + size: size for adds in ((0,) if until is None else _TLS_ADDS) for size in (_PING, _PONG)}
        size = sizes.get(packet.payload)
        if size == _PONG and until is not None and self._ends_at(flow, passage.entry.t):
            return "tls", "TLS close_notify", again
        return "keep-alive", {_PING: "CRLF ping", _PONG: "CRLF pong"}.get(size or 0, ""), again

    def _ends_at(self, flow: str | None, t: float) -> bool:
        """Return whether the connection ends at a moment."""
        return any(abs(end - t) <= BEFORE_S for end in self._ends[flow])

    def _sent(self, packet: Packet, length: int) -> None:
        if packet.seq is not None:
            self._next = (packet.seq + length) % _WRAPS

    def _before(self, packet: Packet) -> int:
        """Return by how much a segment begins before what has not been sent yet."""
        if packet.seq is None or self._next is None:
            return 0
        before = (self._next - packet.seq) % _WRAPS
        return before if before < _HALF else 0

    def _step(self, passage: Passage, kind: MessageKind, what: str, flow: str | None, key: Hashable | None) -> Step:
        step = _step(passage, kind, what, self._receiver, flow, key)
        if not self._changes or passage.entry.event.proto != "tcp":
            return step
        return step._replace(message=_unknown(step.message))


def _step(
    passage: Passage, kind: MessageKind, what: str, receiver: str, flow: str | None, key: Hashable | None
) -> Step:
    arrived = passage.arrived
    lines = (passage.entry.line,) if arrived in (None, passage.entry) else (passage.entry.line, arrived.line)
    message = Message(
        at_s=passage.entry.t,
        arrived_s=None if arrived is None else max(passage.entry.t, arrived.t),
        from_=passage.maker,
        to=receiver,
        flow=flow,
        kind=kind,
        first=what,
        lost=passage.lost,
        evidence=lines,
    )
    return Step(message, key)


def _unknown(message: Message) -> Message:
    """Return a message of which nobody can tell whether it arrived."""
    return dataclasses.replace(message, arrived_s=None, lost=None)
