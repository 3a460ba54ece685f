"""Shared by faults that can keep a client from a new flow in the place of one that has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.faults.base import LostProbe, Occurrence
from lab.network.socket_checks import DNS_PORT
from lab.record.entry import Entry
from lab.record.events import ENDED_AT_CLIENT, ENDED_AT_SERVER, Binding, Packet, ServerFlow, ServerSubscription
from lab.record.evidence import Evidence
from lab.record.flows import Flow


def asked_anew(seen: Occurrence[Any], lost: LostProbe, t: float) -> float | None:
    """Return ``t``, when the client wanted a new flow, if its old one had ended by then; None: it had not."""
    ended = _ended(seen.evidence, lost.flow)
    return t if ended is not None and ended <= t else None


def lost_attempt(seen: Occurrence[Any], lost: LostProbe, loses: Callable[[Packet], bool]) -> Entry[Packet] | None:
    """Return the first packet that a fault lost of a new flow, which the client began when the probe's had ended.

    None: there is none, or the account was granted again before the probe, on whatever flow.

    Args:
        seen: the fault.
        lost: the probe.
        loses: whether the fault, while in force, loses a packet that a capture saw.
    """
    evidence = seen.evidence
    ended = _ended(evidence, lost.flow)
    if ended is None:
        return None
    since, until = max(ended, seen.at), min(seen.over, lost.probe.known_s)
    for first in evidence.between(Packet, since, until, from_=evidence.client):
        packet = first.event
        wanted = (packet.proto, packet.dst.port) in ((lost.flow.proto, lost.flow.own.port), ("udp", DNS_PORT))
        if not wanted or packet.src == lost.flow.inside:
            continue
        *near, peer = evidence.flows.translations(packet.src, until)
        anew = Flow(id="", proto=lost.flow.proto, own=packet.dst, peer=peer, hops=tuple(reversed(near)))
        gone = next((each for each in evidence.packets_of(anew, since, until) if loses(each.event)), None)
        if gone is not None:
            return None if _granted(evidence, lost, since=gone.t) else gone
    return None


def _ended(evidence: Evidence, flow: Flow) -> float | None:
    """Return when a connection had ended, as the first of its ends says; None: it lives, or is none."""
    if flow.proto == "udp":
        return None
    told = [entry.t for entry in evidence.transport(flow) if entry.event.state in ENDED_AT_CLIENT]
    told += [entry.t for entry in evidence.of(ServerFlow, id=flow.id) if entry.event.state in ENDED_AT_SERVER]
    return min(told, default=None)


def _granted(evidence: Evidence, lost: LostProbe, *, since: float) -> bool:
    """Return whether the account was granted in the time up to the probe."""
    kind: type[Binding | ServerSubscription] = Binding if lost.account == "registration" else ServerSubscription
    grants = evidence.between(kind, since, lost.probe.asked_s)
    return any(entry.event.state in ("active", "refreshed") for entry in grants)
