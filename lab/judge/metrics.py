"""Counts what a cell delivered and cost, from its record."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from lab.judge.device_metrics import device_metrics
from lab.judge.radio import radio
from lab.judge.recovery import leaked_sockets, repair, stale_contacts
from lab.judge.tolerances import AT_ONCE_S
from lab.model.endpoint import Endpoint
from lab.model.outcome import Cause, Metrics, Outage
from lab.record.entry import Entry
from lab.record.events import SENTINEL_PORT, ClientTransport, Packet, ResponseSent, ServerFlow
from lab.record.evidence import Evidence, ProbeAttempt
from lab.sip.status import CHALLENGES


def measure(evidence: Evidence, causes: dict[str, Cause]) -> Metrics:
    """Count traffic, probes and outages of one cell.

    Args:
        evidence: of the cell.
        causes: of the lost probes, by name; empty if nothing can be said.
    """
    cell = evidence.cell
    ends = evidence.ended() or float(cell.ends)
    probes = evidence.probes
    shadows = sorted({0.0, *(t for probe in probes for t in (probe.sent_s, probe.asked_s))})
    everything = list(client_packets(evidence))
    packets = [entry for entry in everything if 0 <= entry.t <= ends and not _in_shadow(entry.t, shadows)]
    up = [entry.event.bytes for entry in packets if entry.event.from_ == evidence.client]
    down = [entry.event.bytes for entry in packets if entry.event.from_ != evidence.client]
    observed = ends - _covered(shadows, ends)
    per_hour = 3600 / observed if observed > 0 else 0.0
    air = radio((entry.t for entry in packets), until=ends, kind=cell.radio)
    connects = sum(1 for t in _connects(evidence) if 0 < t <= ends)
    handshakes = sum(1 for entry in evidence.of(ServerFlow, state="secured") if 0 < entry.t <= ends)
    challenges = sum(1 for entry in evidence.of(ResponseSent) if entry.event.code in CHALLENGES and 0 < entry.t <= ends)
    delivered = sum(1 for probe in probes if probe.answered)
    return Metrics(
        probes=len(cell.probes),
        delivered=delivered,
        delivered_share=round(delivered / len(cell.probes), 4) if cell.probes else 0.0,
        outages=tuple(_outages(probes, causes)),
        packets_up=len(up),
        packets_down=len(down),
        bytes_up=sum(up),
        bytes_down=sum(down),
        packets_per_hour=round(len(packets) * per_hour, 1),
        bytes_per_hour=round((sum(up) + sum(down)) * per_hour, 1),
        radio_wakeups_per_hour=round(air.wakeups * per_hour, 1),
        radio_active_s_per_hour=min(3600.0, round(air.active_s * per_hour, 1)),
        connects=connects,
        tls_handshakes=handshakes,
        challenges=challenges,
        stale_contacts=stale_contacts(evidence, ends),
        leaked_sockets=leaked_sockets(evidence, ends),
        repair=repair(evidence, causes, ends),
        observed_s=round(observed, 3),
        device=device_metrics(evidence, everything),
    )


def _connects(evidence: Evidence) -> list[float]:
    """Return when the client's connections were made; where it does not speak of them, when their SYN,ACK came."""
    told = [entry.t for entry in evidence.of(ClientTransport, state="connected")]
    if told:
        return told
    seen: dict[tuple[Endpoint, Endpoint], float] = {}
    for entry in client_packets(evidence):
        packet = entry.event
        if packet.from_ != evidence.client and {"S", "A"} <= set(packet.flags):
            seen.setdefault((packet.src, packet.dst), entry.t)  # not those that were sent again
    return list(seen.values())


def client_packets(evidence: Evidence) -> Iterator[Entry[Packet]]:
    """Return the packets on the client's links, but for the sentinel's."""
    links = {link.name for link in evidence.cell.topology.client_links()}
    for entry in evidence.of(Packet):
        if entry.event.link in links and SENTINEL_PORT not in (entry.event.src.port, entry.event.dst.port):
            yield entry


def _in_shadow(t: float, shadows: list[float]) -> bool:
    """Return whether a moment is within ``AT_ONCE_S`` after one of these, which are in time order."""
    before = bisect_right(shadows, t)
    return before > 0 and t < shadows[before - 1] + AT_ONCE_S


def _covered(shadows: list[float], ends: float) -> float:
    """Return the total time within ``AT_ONCE_S`` after any of these moments, before the end."""
    covered, reached = 0.0, 0.0
    for t in sorted(shadows):
        start, stop = max(t, reached), min(t + AT_ONCE_S, ends)
        covered += max(0.0, stop - start)
        reached = max(reached, stop)
    return covered


def _outages(probes: Sequence[ProbeAttempt], causes: dict[str, Cause]) -> Iterable[Outage]:
    """Find the times from a lost probe, or its cause if that is known, to the next answered probe.

    A probe that was answered ends an outage and is never within one, however old the cause of the next lost one is.
    """
    began: float | None = None
    reached = float("-inf")
    for probe in sorted(probes, key=lambda one: one.asked_s):
        if not probe.answered and began is None:
            cause = causes.get(probe.name)
            known = probe.asked_s if cause is None or cause.at_s is None else min(cause.at_s, probe.asked_s)
            began = max(known, reached)
        elif probe.answered:
            reached = max(reached, probe.known_s)
            if began is not None:
                yield Outage(from_s=began, to_s=probe.sent_s)
                began = None
    if began is not None:
        yield Outage(from_s=began, to_s=None)
