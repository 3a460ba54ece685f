"""Makes the client's lane: what the client says of its connections, its account, its calls and its timers. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.model.endpoint import Endpoint
from lab.record.entry import Entry
from lab.record.events import (
    ENDED_AT_CLIENT,
    Aborted,
    ClientAddresses,
    ClientCall,
    ClientNetwork,
    ClientProcess,
    ClientRadio,
    ClientReady,
    ClientSubscription,
    ClientTransport,
    IntervalTried,
    IntervalUsed,
    IpChanged,
    OptionsAnswer,
    PushReceived,
    Registered,
    Registration,
    RegistrationRefused,
    SettingMade,
    Subscribed,
    TransportReference,
    Unanswered,
)
from lab.record.evidence import Evidence
from lab.sip.status import CHALLENGES, is_success
from lab.timeline.rows import Rows
from lab.timeline.shapes import Lane

SUBSCRIPTION = "subscription"
REGISTRATION = "registration"
PROCESS = "process"
NETWORK = "network"
RADIO = "radio"


def lane(evidence: Evidence) -> Lane:
    """Return the client's lane."""
    rows = Rows()
    _connections(evidence, rows)
    calls: dict[str | None, str] = {}
    for entry in evidence.entries:
        if entry.who == evidence.client and (told := _SAID.get(type(entry.event))) is not None:
            told(rows, entry)
        if entry.who == evidence.client and isinstance(entry.event, ClientCall):
            _call(rows, entry.t, entry.line, entry.event, calls)
    spans, marks = rows.close()
    return Lane(id=evidence.client, kind="client", title=evidence.client, spans=spans, marks=marks)


# Connections


def _connections(evidence: Evidence, rows: Rows) -> None:
    names = _rows_of_transports(evidence)
    for entry in evidence.of(ClientTransport):
        transport = entry.event
        row = names[transport.id]
        ends = f"{transport.local} to {transport.remote}" if transport.remote else str(transport.local)
        what = f"{(transport.type or 'transport').upper()} {ends}"
        why = f": {transport.reason}" if transport.reason else ""
        if transport.state == "connected":
            rows.begin(row, entry.t, "connected", what, entry.line)
        elif transport.state == "destroyed":
            if not rows.end(row, entry.t, f"destroyed{why}", entry.line):
                rows.mark(entry.t, "ended", f"{what} destroyed{why}", entry.line)
        elif not rows.is_open(row, transport.state):
            rows.begin(row, entry.t, transport.state, f"{what} {transport.state}{why}", entry.line)
        if transport.state in ENDED_AT_CLIENT:
            rows.mark(entry.t, "ended", f"{what} {transport.state}{why}", entry.line)


def _rows_of_transports(evidence: Evidence) -> dict[str, str]:
    """Return the row of each of the client's connections: named after the server's flow, if it has one of its own."""
    insides: dict[Endpoint, str] = {}
    for name in evidence.flows.ids():
        flow = evidence.flows.get(name)
        if flow is not None:
            insides.setdefault(flow.inside, name)
    rows: dict[str, str] = {}
    for entry in evidence.of(ClientTransport):
        if entry.event.id not in rows:
            flow_id = insides.pop(entry.event.local, None)
            rows[entry.event.id] = f"transport {entry.event.id}" if flow_id is None else f"flow {flow_id}"
    return rows


# Account and calls


def _subscription(rows: Rows, entry: Entry[ClientSubscription]) -> None:
    said, line = entry.event, entry.line
    why = " ".join(filter(None, (str(said.code or ""), said.reason)))
    if said.state != "terminated":
        if not rows.is_open(SUBSCRIPTION, said.state):
            rows.begin(SUBSCRIPTION, entry.t, said.state, f"subscription {said.state}", line)
        return
    rows.end(SUBSCRIPTION, entry.t, f"terminated: {why}" if why else "terminated", line)
    rows.mark(entry.t, "ended", f"subscription terminated{': ' * bool(why)}{why}", line)


def _registration(rows: Rows, entry: Entry[Registration]) -> None:
    said, line = entry.event, entry.line
    told = f"{said.code} {said.reason}".strip()
    if is_success(said.code):
        granted = "" if said.expires is None else f" for {said.expires:g} s"
        if said.expires == 0:
            rows.end(REGISTRATION, entry.t, "removed", line)
        elif rows.is_open(REGISTRATION):
            rows.mark(entry.t, "refreshed", f"registered again{granted}", line)
        else:
            rows.begin(REGISTRATION, entry.t, "active", f"registered{granted}", line)
    elif said.code in CHALLENGES:
        rows.mark(entry.t, "challenged", f"REGISTER challenged: {told}", line)
    else:
        rows.end(REGISTRATION, entry.t, told, line)
        rows.mark(entry.t, "failed", f"REGISTER failed: {told}", line)


def _call(rows: Rows, at: float, line: int, said: ClientCall, calls: dict[str | None, str]) -> None:
    row = calls.setdefault(said.call_id, f"call {len(calls) + 1}")
    code = f" {said.code}" if said.code else ""
    if said.state == "disconnected":
        rows.end(row, at, f"disconnected{code}", line)
    elif not rows.is_open(row, said.state):
        rows.begin(row, at, said.state, f"call {said.state}", line)


# Timers, and what else it says


def _reference(rows: Rows, entry: Entry[TransportReference]) -> None:
    row = f"reference {entry.event.id}"
    if entry.event.held is False:
        rows.end(row, entry.t, "given back", entry.line)
    else:
        rows.begin(row, entry.t, "held", f"a mitigation holds {entry.event.id}", entry.line)


def _process(rows: Rows, entry: Entry[ClientProcess]) -> None:
    state = entry.event.state
    if state != "suspended":
        rows.end(PROCESS, entry.t, "", entry.line)
    if state in ("suspended", "killed") and not rows.is_open(PROCESS):
        rows.begin(PROCESS, entry.t, state, f"the client's process is {state}", entry.line)


def _radio(rows: Rows, entry: Entry[ClientRadio]) -> None:
    rows.end(RADIO, entry.t, "", entry.line)
    if entry.event.state != "connected":
        told = {"idle": "the radio sleeps", "paged": "a packet waits while the radio wakes"}[entry.event.state]
        rows.begin(RADIO, entry.t, entry.event.state, told, entry.line)


def _network(rows: Rows, entry: Entry[ClientNetwork]) -> None:
    if entry.event.state == "open":
        rows.end(NETWORK, entry.t, "", entry.line)
    elif not rows.is_open(NETWORK):
        rows.begin(NETWORK, entry.t, "blocked", "the client's program has no network", entry.line)


def _addresses(rows: Rows, entry: Entry[ClientAddresses]) -> None:
    said = entry.event
    has = ", ".join(said.usable) or "no address"
    closed = f"; the system closed {said.closed} connections" if said.closed else ""
    rows.mark(entry.t, "moved", f"has {has}; sends from {said.source or 'none'}{closed}", entry.line)


def _setting(rows: Rows, entry: Entry[SettingMade]) -> None:
    said = entry.event
    values = {name: getattr(said, name) for name in ("t1", "t2", "interval", "time", "expires")}
    shown = ", ".join(f"{name} {value:g} s" for name, value in values.items() if value is not None)
    rows.mark(entry.t, "setting", f"{said.name}{': ' * bool(shown)}{shown}", entry.line)


def _options_answer(rows: Rows, entry: Entry[OptionsAnswer]) -> None:
    said = entry.event
    kind = "failed" if said.code >= 400 and said.code not in CHALLENGES else "answered"
    rows.mark(entry.t, kind, f"OPTIONS ping {said.n or ''}: {said.code} {said.reason}".strip(), entry.line)


def _aborted(rows: Rows, entry: Entry[Aborted]) -> None:
    rows.mark(entry.t, "aborted", f"the client's process has ended: {entry.event.how}", entry.line)


def _plain(kind: str, words: Callable[[Any], str]) -> Callable[[Rows, Entry[Any]], None]:
    def told(rows: Rows, entry: Entry[Any]) -> None:
        rows.mark(entry.t, kind, words(entry.event), entry.line)

    return told


_SAID: dict[type, Callable[[Rows, Entry[Any]], None]] = {
    ClientSubscription: _subscription,
    Registration: _registration,
    TransportReference: _reference,
    ClientNetwork: _network,
    ClientAddresses: _addresses,
    ClientProcess: _process,
    ClientRadio: _radio,
    SettingMade: _setting,
    OptionsAnswer: _options_answer,
    Aborted: _aborted,
    ClientReady: _plain("ready", lambda said: f"ready{': ' * bool(said.version)}{said.version or ''}"),
    Registered: _plain("set-up", lambda _: "registered for the first time"),
    Subscribed: _plain("set-up", lambda _: "subscribed: the first NOTIFY has come"),
    RegistrationRefused: _plain("failed", lambda said: f"the library refused to send a REGISTER: {said.reason}"),
    Unanswered: _plain("failed", lambda said: f"no answer within {said.patience or 0:g} s: {said.id or ''} given up"),
    IpChanged: _plain("moved", lambda said: f"has noted its new address: {said.code}"),
    PushReceived: _plain("received", lambda _: "a push has woken the app"),
    IntervalTried: _plain("timer", lambda said: f"interval {said.interval:g} s is {'' if said.safe else 'not '}safe"),
    IntervalUsed: _plain("timer", lambda said: f"uses the interval {said.interval:g} s from now on"),
}
