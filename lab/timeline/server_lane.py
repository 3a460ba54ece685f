"""Makes the server's lane: its flows, subscriptions and bindings, and what else it says of itself. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.record.entry import Entry
from lab.record.events import (
    ENDED_AT_SERVER,
    Aborted,
    Binding,
    ClientBack,
    ClientGivenUp,
    CrlfPing,
    Ignored,
    KeepAlive,
    Malformed,
    Obeyed,
    ResponseLost,
    ServerFlow,
    ServerReady,
    ServerSubscription,
)
from lab.record.evidence import Evidence
from lab.timeline.rows import Rows
from lab.timeline.shapes import Lane

PROCESS = "process"
ANSWERS = "answers"


def lane(evidence: Evidence) -> Lane:
    """Return the server's lane."""
    rows = Rows()
    for entry in evidence.entries:
        if entry.who == evidence.server and (told := _SAID.get(type(entry.event))) is not None:
            told(rows, entry)
    spans, marks = rows.close()
    return Lane(id=evidence.server, kind="server", title=evidence.server, spans=spans, marks=marks)


def _flow(rows: Rows, entry: Entry[ServerFlow]) -> None:
    flow, row = entry.event, f"flow {entry.event.id}"
    what = f"{flow.transport.upper()} from {flow.peer}"
    why = f": {flow.reason}" if flow.reason else ""
    if flow.state in ENDED_AT_SERVER:
        rows.end(row, entry.t, f"{flow.state}{why}", entry.line)
        rows.mark(entry.t, flow.state, f"flow {flow.id} {flow.state}{why}", entry.line)
    elif flow.state == "secured":
        subject = f", {flow.subject}" if flow.subject else ""
        rows.begin(row, entry.t, "open", f"{what}, TLS handshake done{subject}", entry.line)
    else:
        kind = "handshake" if flow.transport == "tls" else "open"
        rows.begin(row, entry.t, kind, f"{what}, {flow.state}", entry.line)


def _granted(rows: Rows, entry: Entry[ServerSubscription] | Entry[Binding]) -> None:
    event = entry.event
    name = "binding" if isinstance(event, Binding) else "subscription"
    row = f"{name} {event.id}"
    granted = f"for {event.expires} s on {event.flow}"
    if event.state == "active" or (event.state == "refreshed" and not rows.is_open(row)):
        rows.begin(row, entry.t, "active", f"{name} {event.id} {granted}", entry.line)
    elif event.state == "refreshed":
        rows.mark(entry.t, "refreshed", f"{name} {event.id} refreshed {granted}", entry.line)
    else:
        rows.end(row, entry.t, event.state, entry.line)
        rows.mark(entry.t, "ended", f"{name} {event.id} {event.state}", entry.line)


def _obeyed(rows: Rows, entry: Entry[Obeyed]) -> None:
    said = entry.event
    if said.do == "go-down":
        forgot = ", its subscriptions and bindings are lost" if said.forgot else ""
        rows.begin(PROCESS, entry.t, "down", f"down{forgot}", entry.line)
    elif said.do == "come-up":
        rows.end(PROCESS, entry.t, "", entry.line)
    elif said.do == "answer" and said.mode == "at-once":
        rows.end(ANSWERS, entry.t, "", entry.line)
    elif said.do == "answer":
        by = f" by {said.by:g} s" if said.by else ""
        rows.begin(ANSWERS, entry.t, said.mode, f"answers requests: {said.mode}{by}", entry.line)
    else:
        told = " ".join(filter(None, (said.do, said.mode, said.flow)))
        rows.mark(entry.t, "told", f"told to {told}", entry.line)


def _keep_alive(rows: Rows, entry: Entry[KeepAlive]) -> None:
    said = entry.event
    if said.state == "failed":
        why = f": {said.reason}" if said.reason else ""
        rows.mark(entry.t, "failed", f"{said.kind} ping of the server on {said.flow} failed{why}", entry.line)


def _plain(kind: str, words: Callable[[Any], str]) -> Callable[[Rows, Entry[Any]], None]:
    def told(rows: Rows, entry: Entry[Any]) -> None:
        rows.mark(entry.t, kind, words(entry.event), entry.line)

    return told


def _ignored_ping(rows: Rows, entry: Entry[CrlfPing]) -> None:
    if not entry.event.answered:
        rows.mark(entry.t, "ignored", f"CRLF ping on {entry.event.flow}, not answered", entry.line)


_SAID: dict[type, Callable[[Rows, Entry[Any]], None]] = {
    ServerFlow: _flow,
    ServerSubscription: _granted,
    Binding: _granted,
    Obeyed: _obeyed,
    KeepAlive: _keep_alive,
    CrlfPing: _ignored_ping,
    ServerReady: _plain("ready", lambda _: "listens"),
    ClientGivenUp: _plain("given-up", lambda said: f"client on {said.flow} {said.how} after {said.misses} misses"),
    ClientBack: _plain("back", lambda said: f"client on {said.flow} is back"),
    Ignored: _plain("ignored", lambda said: f"{said.what} on {said.flow} left unanswered"),
    Malformed: _plain("failed", lambda said: f"malformed on {said.flow}: {said.reason}"),
    ResponseLost: _plain("failed", lambda said: f"{said.code} to {said.method} not sent: {said.reason}"),
    Aborted: _plain("aborted", lambda said: f"the server's process has ended: {said.how}"),
}
