"""Explains why a client stayed reachable: the traffic on its flows, and the silences between. Pure.

Pure function of the evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from lab.judge.account import GRANTED, changes
from lab.judge.probe_needs import Account
from lab.judge.sentinel import middleboxes_on_path
from lab.judge.tolerances import AT_ONCE_S, CLOCKS_S
from lab.model.middlebox import Middlebox
from lab.model.outcome import ChainStep
from lab.record.entry import Entry
from lab.record.events import CrlfPing, Event, FramePing, KeepAlive, Packet, Request
from lab.record.evidence import Evidence
from lab.record.flows import Flow

_KEEP_ALIVES = {"options": "OPTIONS", "crlf": "CRLF", "ws-ping": "ping frame"}
_OF_CALLS = ("ACK", "BYE", "CANCEL")
"""Requests that only end what a probe began."""


def kept_by(evidence: Evidence) -> tuple[ChainStep, ...]:
    """Return what kept the client reachable until its last answered probe, flow by flow."""
    reached: dict[str, float] = {}
    for probe in evidence.probes:
        flow = evidence.flow_of(probe)
        if probe.answered and flow is not None:
            reached[flow.id] = max(reached.get(flow.id, 0.0), probe.asked_s)
    found: list[ChainStep] = []
    for flow_id, until in reached.items():
        flow = evidence.flows.get(flow_id, until)
        if flow is not None:
            found += [*_moved(evidence, flow, until), *_crossed(evidence, flow, until), *_quiet(evidence, flow, until)]
    return tuple(found)


def _moved(evidence: Evidence, flow: Flow, until: float) -> Iterator[ChainStep]:
    """Find when the client moved to a flow, if it did not set up the account on it."""
    did_by: dict[Account, str] = {"subscription": "subscribed", "registration": "registered"}
    for account, did in did_by.items():
        grants = [entry for entry in changes(evidence, account) if entry.event.state in GRANTED and entry.t <= until]
        first = next((entry for entry in grants if entry.event.flow == flow.id), None)
        if first is not None and first.t > CLOCKS_S:
            yield ChainStep(
                at_s=first.t, text=f"the client {did} on {flow.id} at {first.t:.1f} s", evidence=(first.line,)
            )


def _crossed(evidence: Evidence, flow: Flow, until: float) -> Iterator[ChainStep]:
    """Find what was sent on a flow while the client was silent, each kind once."""
    sent: dict[str, list[Entry[Event]]] = defaultdict(list)
    for request in evidence.of(Request, flow=flow.id):
        if request.event.method not in _OF_CALLS:
            sent[f"the client's {request.event.method}"].append(request)
    for ping in evidence.of(CrlfPing, flow=flow.id):
        sent["the client's CRLF"].append(ping)
    for frame in evidence.of(FramePing, flow=flow.id):
        sent["the client's ping frame"].append(frame)
    for own in evidence.of(KeepAlive, flow=flow.id, state="sent"):
        sent[f"the server's {_KEEP_ALIVES[own.event.kind]}"].append(own)
    sent["segments without data (TCP keep-alive)"] = list(_bare_segments(evidence, flow))
    for what, entries in sent.items():
        during = [entry for entry in entries if CLOCKS_S < entry.t <= until]
        if not during:
            continue
        first, last, count = during[0], during[-1], len(during)
        how_often = f"at {first.t:.1f} s"
        if count > 1:
            how_often = f"{count} times, about every {(last.t - first.t) / (count - 1):.0f} s"
        lines = tuple(dict.fromkeys((first.line, last.line)))
        yield ChainStep(at_s=first.t, text=f"{what} crossed on {flow.id} {how_often}", evidence=lines)


def _bare_segments(evidence: Evidence, flow: Flow) -> Iterator[Entry[Event]]:
    """Find segments without data that do not acknowledge anything: nothing was sent shortly before."""
    if flow.proto == "udp":
        return
    before = float("-inf")
    for entry in _on_client_links(evidence, flow):
        if entry.event.payload == 0 and entry.t > before + AT_ONCE_S and not {"S", "F", "R"} & set(entry.event.flags):
            yield entry
        before = entry.t


def _quiet(evidence: Evidence, flow: Flow, until: float) -> Iterator[ChainStep]:
    """Say how long a flow was quiet at most, and what the middleboxes on its way allow."""
    entries = [entry for entry in _on_client_links(evidence, flow) if entry.t <= until]
    longest, end = 0.0, None
    for one, other in pairwise(entries):
        if other.t - max(one.t, 0.0) > longest:
            longest, end = other.t - max(one.t, 0.0), other
    if end is None:
        return
    boxes = dict(evidence.cell.middleboxes)
    allowed = [_allows(name, boxes[name], flow) for name in middleboxes_on_path(evidence.cell.topology)]
    text = "; ".join([f"{flow.id} was quiet for {longest:.1f} s at most, which ended at {end.t:.1f} s", *allowed])
    yield ChainStep(at_s=end.t, text=text, evidence=(end.line,))


def _allows(name: str, box: Middlebox, flow: Flow) -> str:
    timer = box.udp_mapping_timer if flow.proto == "udp" else box.established_idle_timeout
    return f"middlebox {name} never forgets" if timer is None else f"middlebox {name} forgets after {timer}"


def _on_client_links(evidence: Evidence, flow: Flow) -> Iterator[Entry[Packet]]:
    links = {link.name for link in evidence.cell.topology.client_links()}
    for entry in evidence.packets_of(flow):
        if entry.event.link in links and flow.inside in (entry.event.src, entry.event.dst):
            yield entry
