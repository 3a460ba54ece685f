"""Finds flows that the server's idle timeout ended. Pure function of the evidence."""

from __future__ import annotations

from collections.abc import Iterator

from lab.model.outcome import Cause
from lab.model.verdict import SERVER_IDLE_TIMEOUT
from lab.record.entry import Entry
from lab.record.events import IDLE_TIMEOUT, Packet, ServerFlow
from lab.record.evidence import Evidence, ProbeAttempt
from lab.record.flows import Flow


def causes(evidence: Evidence, flow: Flow, probe: ProbeAttempt) -> Iterator[Cause]:
    """Return the end of the probe's flow by the server's idle timeout, if that came before the probe's fate.

    The server says that it was the idle timeout. The moment is that of its FIN or RST where a link shows it, for
    Kamailio is asked for its connections up to two seconds later. Where somebody else ended the connection first,
    its end is not the server's doing.
    """
    timeout = evidence.cell.server.idle_timeout
    if timeout is None:
        return
    for told in evidence.of(ServerFlow, id=flow.id, reason=IDLE_TIMEOUT):
        first = _first_end(evidence, flow)
        by_server = first is None or (first.event.src == flow.own and first.event.from_ == evidence.server)
        if not by_server and first is not None and first.t < told.t:
            continue
        at, lines = told.t, [told.line]
        if by_server and first is not None and first.t < told.t:
            at, lines = first.t, [first.line, told.line]
        if at <= probe.known_s:
            text = f"server closed the connection after {timeout.after} without traffic at {at:.1f} s"
            yield Cause(kind=SERVER_IDLE_TIMEOUT, at_s=at, text=text, evidence=tuple(lines))


def _first_end(evidence: Evidence, flow: Flow) -> Entry[Packet] | None:
    """Return the first FIN or RST of a flow that a link shows."""
    ends = set(flow.endpoints)
    for entry in evidence.of(Packet, proto="tcp"):
        if {"F", "R"} & set(entry.event.flags) and ends & {entry.event.src, entry.event.dst}:
            return entry
    return None
