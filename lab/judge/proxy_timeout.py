"""Finds flows that a proxy's timeout ended. Pure function of the evidence."""

from __future__ import annotations

from collections.abc import Iterator

from lab.model.outcome import Cause
from lab.model.verdict import PROXY_TIMEOUT
from lab.record.entry import Entry
from lab.record.events import TIMEOUT, Packet, ProxyConnection
from lab.record.evidence import Evidence, ProbeAttempt
from lab.record.flows import Flow


def causes(evidence: Evidence, flow: Flow, probe: ProbeAttempt) -> Iterator[Cause]:
    """Return the end of the probe's flow by a timeout of the proxy, if that came before the probe's fate.

    The proxy's log says so. The moment is that of the first FIN or RST that a link shows, on either of its connections.
    Where another node had sent one before, the end is not the proxy's doing.
    """
    for told in evidence.of(ProxyConnection, state="closed", own=flow.peer, reason=TIMEOUT):
        if flow.front is None or told.event.by != "proxy":
            continue
        first = _first_end(evidence, flow)
        if first is not None and first.t < told.t and first.event.from_ != told.who:
            continue
        at, lines = told.t, [told.line]
        if first is not None and first.t < told.t:
            at, lines = first.t, [first.line, told.line]
        if at <= probe.known_s:
            setting = told.event.setting
            text = f"the proxy closed both connections at {at:.1f} s, when its `{setting}` was over"
            yield Cause(kind=PROXY_TIMEOUT, at_s=at, text=text, evidence=tuple(lines))


def _first_end(evidence: Evidence, flow: Flow) -> Entry[Packet] | None:
    """Return the first FIN or RST on either of the two connections that a link shows."""
    for entry in evidence.packets_of(flow):
        if {"F", "R"} & set(entry.event.flags):
            return entry
    return None
