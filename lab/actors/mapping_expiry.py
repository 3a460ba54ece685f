"""Expires NAT mappings in user space, where conntrack's own timers cannot.

Behaviors that conntrack cannot express: refresh by one direction only, absolute lifetime, RST or FIN at expiry.

Reads the headers of what passes the middlebox, keeps a timer for each flow, and takes the entry out of conntrack's
table when it has run out. So the mapping's end is announced, and what the flow then meets is decided, as with any
other. nft's dynamic sets could keep the time as well, but nobody hears when an element of theirs expires, and they know
sessions no better than conntrack.

A packet counts as it leaves, by either interface: one that a fault drops on its arrival has refreshed nothing. What
leaves by the outside has the outside endpoint, and conntrack has said whose that is. Two kinds of packets from inside
count as they arrive: those to another inside host (hairpinned), which do not leave by the outside, and all where the
link to the outside delays or loses packets, since they are seen behind that.

UDP sessions of one mapping share its age, and what refreshes it: a session that a packet from outside opens does not,
where only outbound packets refresh. Which mapping it opened, conntrack says. The mapping ends with the last of them
(``lab.network.udp_memory``). Conntrack tells of sessions that others end (an eviction, a reboot), so that the next
packet begins a new one.

Timers run on CLOCK_MONOTONIC from each packet's kernel timestamp: reading late does not shift them.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass, field

from lab.actors.kernel_clock import to_monotonic
from lab.model.endpoint import Endpoint
from lab.model.middlebox import (
    ForgottenFlow,
    MappingBehavior,
    Middlebox,
    RefreshDirection,
    RefreshingSegments,
    SipAlg,
)
from lab.network import conntrack, forge, netns
from lab.network.conntrack import Mapping
from lab.network.netlink import RECEIVE
from lab.network.nft import SIP_PORT
from lab.units import Seconds

_ETH_ALL, _ETH_IP = 0x0003, 0x0800  # linux/if_ether.h
_OUTGOING = 4  # linux/if_packet.h: PACKET_OUTGOING
_SO_TIMESTAMPNS = 35
_HEADERS = 120  # IPv4 and TCP with all options
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16  # RFC 9293 §3.1

_STREAM_AFTER_S = 2.0  # nf_conntrack_proto_udp.c: a UDP flow is a stream from then on
_SIP_TIMEOUT_S = 3600  # nf_conntrack_sip.h: SIP_TIMEOUT, of the kernel's own ALG

_SPEAKS = (ForgottenFlow.RST_TO_BOTH, ForgottenFlow.FIN_TO_INSIDE)
"""What makes a middlebox speak to the ends when it forgets."""


@dataclass(slots=True)
class _Flow:
    """One flow as seen from inside.

    Attributes:
        born: when its first packet passed; of UDP, the first packet of the mapping that it shares.
        refreshed: when its idle timer last started.
        begun: of UDP, when its own first packet passed.
        ways: of UDP, the directions in which packets have passed: whether outbound.
        answered: whether packets passed both ways and one after ``_STREAM_AFTER_S``: then the longer timer holds.
        established: of TCP, whether the inside has acknowledged the SYN.
        expected_inside, expected_outside: the sequence number each end waits for, as it said itself.
    """

    born: float
    refreshed: float
    begun: float = 0.0
    ways: set[bool] = field(default_factory=set)
    answered: bool = False
    established: bool = False
    expected_inside: int = 0
    expected_outside: int = 0
    timer: asyncio.TimerHandle | None = None


_NUMBERS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}

Key = tuple[int, Endpoint, Endpoint]
"""Protocol, inside endpoint, remote endpoint."""


class MappingExpiry:
    """The timers of one middlebox.

    Args:
        box: what it does.
        namespace: its network namespace.
        inside: name of its inside interface.
        outside: name of its outside interface.
        delays: whether the outside interface delays or loses what leaves by it.
    """

    def __init__(self, box: Middlebox, *, namespace: int, inside: str, outside: str, delays: bool = False) -> None:
        self._box = box
        self._namespace = namespace
        self._inside, self._out, self._delays = inside, outside, delays
        self._flows: dict[Key, _Flow] = {}
        self._outside: dict[Key, Endpoint] = {}
        self._sessions: dict[Key, Key] = {}  # by protocol, outside endpoint, remote endpoint
        self._loop: asyncio.AbstractEventLoop | None = None
        if box.forgotten in _SPEAKS:
            forge.prepare()
        with netns.entered(namespace):
            # of all interfaces, so that packets are read in the order in which they passed
            self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_ALL))
            self._speaker = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            self._announcements = conntrack.announcements()
        self._announcements.sock.settimeout(0)
        self._sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._sock.settimeout(0)
        for mapping in conntrack.table(namespace):
            self._learn(mapping)

    def watch(self) -> None:
        """Keep the timers in the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._sock.fileno(), self._drain)
        self._loop.add_reader(self._announcements.sock.fileno(), self._drain)

    def expires_at(self, mapping: Mapping) -> float | None:
        """Return when a mapping expires unless something refreshes it (CLOCK_MONOTONIC); None: no timer of it runs."""
        self._drain()
        key = (_NUMBERS[mapping.proto], mapping.inside, mapping.remote)
        flow = self._flows.get(key)
        return None if flow is None or flow.timer is None else self._deadline(key, flow)

    def close(self) -> None:
        """Stop; mappings stay as they are."""
        if self._loop is not None:
            self._loop.remove_reader(self._sock)
            self._loop.remove_reader(self._announcements.sock)
        for flow in self._flows.values():
            if flow.timer is not None:
                flow.timer.cancel()
        self._sock.close()
        self._speaker.close()
        self._announcements.close()

    def _drain(self) -> None:
        self._hear()
        while True:
            try:
                data, ancillary, _, address = self._sock.recvmsg(_HEADERS, 64)
            except BlockingIOError:
                return
            if address[1] != _ETH_IP:
                continue
            ((_, _, stamp),) = ancillary
            seconds, nanoseconds = struct.unpack("=qq", stamp)
            at = to_monotonic(seconds * 10**9 + nanoseconds)
            self._pass(data, at, interface=address[0], leaves=address[2] == _OUTGOING)

    def _pass(self, packet: bytes, at: float, *, interface: str, leaves: bool) -> None:
        """Note a packet where it counts."""
        read = _ends(packet)
        if read is None or interface not in (self._inside, self._out):
            return
        protocol, source, target = read
        if leaves and interface == self._inside:
            self._note((protocol, target, source), packet, at, outbound=False)
        elif leaves and not self._delays:
            key = self._session(protocol, source, target)
            if key is not None:
                self._note(key, packet, at, outbound=True)
        elif not leaves and interface == self._inside:
            key = (protocol, source, target)
            if self._delays or target.host in {endpoint.host for endpoint in self._outside.values()}:
                self._note(key, packet, at, outbound=True)
            elif protocol == socket.IPPROTO_TCP and key in self._flows:  # before a SIP ALG changes the number
                self._flows[key].expected_inside = _acknowledged(packet)

    def _session(self, protocol: int, outside: Endpoint, remote: Endpoint) -> Key | None:
        """Return which session of the inside has this outside endpoint; None: the packet is the middlebox's own."""
        if (protocol, outside, remote) not in self._sessions:
            self._hear()  # a packet leaves after its session was announced
        return self._sessions.get((protocol, outside, remote))

    def _learn(self, mapping: Mapping) -> Key:
        key = (_NUMBERS[mapping.proto], mapping.inside, mapping.remote)
        self._outside[key] = mapping.outside
        self._sessions[key[0], mapping.outside, mapping.remote] = key
        return key

    def _hear(self) -> None:
        """Forget flows that others have ended; one that goes on as another entry, answered from the start, stays."""
        ended: dict[Key, _Flow] = {}
        while True:
            try:
                data = self._announcements.sock.recv(RECEIVE)
            except BlockingIOError:
                break
            for is_new, mapping in conntrack.announced(data):
                key = (_NUMBERS[mapping.proto], mapping.inside, mapping.remote)
                if is_new:
                    self._learn(mapping)
                else:
                    self._outside.pop(key, None)
                    self._sessions.pop((key[0], mapping.outside, mapping.remote), None)
                if is_new and mapping.answered and key in ended:
                    self._flows[key] = ended.pop(key)
                elif not is_new and key in self._flows:
                    ended[key] = self._flows.pop(key)
        for flow in ended.values():
            if flow.timer is not None:
                flow.timer.cancel()

    def _note(self, key: Key, packet: bytes, at: float, *, outbound: bool) -> None:
        if key[0] == socket.IPPROTO_UDP:
            self._note_udp(key, at, outbound=outbound)
        else:
            header = _header(packet)
            length = int.from_bytes(packet[2:4], "big")
            self._note_tcp(key, at, packet[header:], length - header, outbound=outbound)

    def _note_udp(self, key: Key, at: float, *, outbound: bool) -> None:
        flow = self._flows.get(key)
        refreshes = outbound or self._box.refresh_direction is RefreshDirection.BOTH
        if flow is None:
            shares = self._sessions_beside(key)
            born = min((other.born for other in shares), default=at)
            last = at if refreshes else max((other.refreshed for other in shares), default=at)
            self._begin(key, _Flow(born, last, begun=at, ways={outbound}))
            return
        flow.ways.add(outbound)
        was_answered, flow.answered = flow.answered, len(flow.ways) > 1 and at - flow.begun > _STREAM_AFTER_S
        flow.answered |= was_answered
        if refreshes:
            flow.refreshed = at
        if flow.answered and not was_answered:  # its timer may be shorter from now on
            if flow.timer is not None:
                flow.timer.cancel()
            self._arm(key, flow)

    def _sessions_beside(self, key: Key) -> list[_Flow]:
        """Return the sessions that share a new session's mapping: by the behavior, or by their outside endpoint."""
        if key not in self._outside:
            self._hear()  # a packet from outside is seen here after its session was announced
        outside = self._outside.get(key)
        shared = self._mapping(key)
        return [
            flow
            for other, flow in self._flows.items()
            if self._mapping(other) == shared or (outside is not None and self._outside.get(other) == outside)
        ]

    def _mapping(self, key: Key) -> tuple[int, Endpoint, str | Endpoint]:
        """Return what sessions that the inside opened have in common if they share a mapping."""
        protocol, inside, remote = key
        shared = {MappingBehavior.ENDPOINT_INDEPENDENT: "", MappingBehavior.ADDRESS_DEPENDENT: remote.host}
        return protocol, inside, shared.get(self._box.mapping, remote)

    def _note_tcp(self, key: Key, at: float, segment: bytes, length: int, *, outbound: bool) -> None:
        flags, payload = segment[13], length - (segment[12] >> 4) * 4
        flow = self._flows.get(key)
        if flow is None:
            if outbound and flags & _SYN:
                self._flows[key] = _Flow(at, at)
            elif outbound and self._box.forgotten.picks_up and not flags & (_FIN | _RST):
                self._begin(key, _Flow(at, at, established=True))
            return
        if flags & (_FIN | _RST):
            self._end(key)  # conntrack's own timers see to the rest
            return
        if not outbound:
            flow.expected_outside = int.from_bytes(segment[8:12], "big")
        elif self._delays:  # else it is noted as it arrives
            flow.expected_inside = int.from_bytes(segment[8:12], "big")
        if outbound and not flow.established:
            flow.established, flow.refreshed = True, at
            self._begin(key, flow)
            return
        if (outbound or self._box.refresh_direction is RefreshDirection.BOTH) and (
            payload > 0 or self._box.refreshing_segments is RefreshingSegments.ANY
        ):
            flow.refreshed = at

    def _begin(self, key: Key, flow: _Flow) -> None:
        self._flows[key] = flow
        self._arm(key, flow)

    def _end(self, key: Key) -> None:
        flow = self._flows.pop(key)
        if flow.timer is not None:
            flow.timer.cancel()

    def _deadline(self, key: Key, flow: _Flow) -> float:
        box = self._box
        idle = box.established_idle_timeout
        if key[0] == socket.IPPROTO_UDP:
            idle = box.udp_mapping_timer if flow.answered else box.new_udp_timer
            if SipAlg.UDP in box.sip_alg and key[2].port == SIP_PORT:
                idle = Seconds(_SIP_TIMEOUT_S)
        ends = [flow.refreshed + idle] if idle is not None else []
        return min([*ends, *([flow.born + box.lifetime] if box.lifetime is not None else [])], default=float("inf"))

    def _arm(self, key: Key, flow: _Flow) -> None:
        deadline = self._deadline(key, flow)
        if deadline != float("inf"):
            assert self._loop is not None
            flow.timer = self._loop.call_at(deadline, self._due, key, flow)

    def _due(self, key: Key, flow: _Flow) -> None:
        self._drain()  # what came before the deadline counts, read or not
        if self._flows.get(key) is not flow:
            return
        if self._deadline(key, flow) > time.monotonic():
            self._arm(key, flow)
            return
        del self._flows[key]
        protocol, inside, remote = key
        name = "tcp" if protocol == socket.IPPROTO_TCP else "udp"
        for mapping in conntrack.table(self._namespace):
            if (mapping.proto, mapping.inside, mapping.remote) == (name, inside, remote):
                with suppress(FileNotFoundError):
                    conntrack.forget(self._namespace, mapping)
                if protocol == socket.IPPROTO_TCP:
                    self._tell_ends(flow, mapping)

    def _tell_ends(self, flow: _Flow, mapping: Mapping) -> None:
        """Speak to the ends as each other, with the sequence number each waits for (RFC 5961 §3.2 takes no other)."""
        if self._box.forgotten is ForgottenFlow.RST_TO_BOTH:
            self._say(mapping.remote, mapping.inside, "R", flow.expected_inside, 0)
            self._say(mapping.outside, mapping.remote, "R", flow.expected_outside, 0)
        if self._box.forgotten is ForgottenFlow.FIN_TO_INSIDE:
            self._say(mapping.remote, mapping.inside, "FA", flow.expected_inside, flow.expected_outside)

    def _say(self, source: Endpoint, target: Endpoint, flags: str, seq: int, ack: int) -> None:
        segment = forge.Segment(source=source, target=target, flags=flags, seq=seq, ack=ack)
        self._speaker.sendto(forge.packet(segment), (target.host, 0))


def _header(packet: bytes) -> int:
    """Return the length of the IP header."""
    return (packet[0] & 0xF) * 4


def _ends(packet: bytes) -> tuple[int, Endpoint, Endpoint] | None:
    """Return protocol, source and destination of a packet; None: it is neither TCP nor UDP."""
    protocol = packet[9]
    if protocol not in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
        return None
    ports = struct.unpack_from("!HH", packet, _header(packet))
    source, target = (
        Endpoint(socket.inet_ntoa(packet[start : start + 4]), port) for start, port in zip((12, 16), ports, strict=True)
    )
    return protocol, source, target


def _acknowledged(packet: bytes) -> int:
    """Return the acknowledgement number of a TCP segment."""
    start = _header(packet) + 8
    return int.from_bytes(packet[start : start + 4], "big")
