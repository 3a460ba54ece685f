"""Guesses the SIP messages of TLS connections that could not be opened, from sizes, directions and times alone. Pure.

A record of a few bytes is a keep-alive. The client's first message that is not an answer sets the account up; what the
server sends in answer to it tells a subscription (an answer, then a request of the server) from a registration. Later
messages that answer nothing are requests: the client's are refreshes or OPTIONS, the server's try to reach the client.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from lab.importing.accounts import SIP_PORTS
from lab.importing.facts import Fact, KeepAlive, Kept, Message, Record
from lab.importing.flows import Event, Flow

PING_BYTES, PONG_BYTES = (21, 28, 48), (19, 26, 32)
"""Sizes of records with 4 and 2 bytes: TLS 1.3 (17 bytes more), TLS 1.2 with GCM (24), with CBC and SHA-1 (padding)."""
LARGEST_KEPT = 48
"""Bytes; no SIP message is as short."""
ANSWER_S = 2.0
"""A message of the other end within this time is an answer."""


def guess(flows: Sequence[Flow]) -> bool:
    """Add guessed messages to flows whose TLS could not be opened; return whether any were."""
    guessed = False
    for flow in flows:
        if flow.transport == "tls" and not flow.carries_sip and flow.server.port in SIP_PORTS:
            guessed = _guess(flow) or guessed
    return guessed


def _guess(flow: Flow) -> bool:
    data = [(at, e) for at, e in enumerate(flow.events) if isinstance(e.fact, Record) and e.fact.kind == "data"]
    added: list[tuple[int, Event]] = []
    waiting: list[Message] = []
    number = 0
    method = _account(event for _, event in data)
    set_up = False
    for at, event in data:
        fact = event.fact
        assert isinstance(fact, Record)
        if fact.size <= LARGEST_KEPT:
            what = Kept.PING if fact.size in PING_BYTES else Kept.PONG if fact.size in PONG_BYTES else Kept.EMPTY
            added.append((at, _event(event, KeepAlive(**_common(fact), what=what))))
            continue
        asked = next((each for each in waiting if _is_answered(each, event)), None)
        if asked is not None:
            waiting.remove(asked)
            message = _message(fact, asked.method, 200, asked.cseq)
            set_up = set_up or asked.method == method
        else:
            number += 1
            name = (
                (method if not set_up else "OPTIONS") if event.up else ("NOTIFY" if method == "SUBSCRIBE" else "INVITE")
            )
            message = _message(fact, name, 0, number)
            waiting.append(message)
        added.append((at, _event(event, message)))
    for at, event in reversed(added):
        flow.events.insert(at + 1, event)
    flow.carries_sip = bool(added)
    return flow.carries_sip


def _account(data: Iterable[Event]) -> str:
    """Return the method of the set-up: after a SUBSCRIBE the server sends its answer and a NOTIFY."""
    ways: list[bool] = []
    first = 0.0
    for event in data:
        if not isinstance(event.fact, Record) or event.fact.size <= LARGEST_KEPT:
            continue
        first = first or event.t
        if event.t - first > ANSWER_S:
            break
        ways.append(event.up)
    return "SUBSCRIBE" if [True, False, False] in [ways[at : at + 3] for at in range(len(ways))] else "REGISTER"


def _is_answered(asked: Message, event: Event) -> bool:
    return asked.source != event.fact.source and event.t - asked.t <= ANSWER_S


def _common(fact: Fact) -> dict[str, Any]:
    return {field.name: getattr(fact, field.name) for field in fields(Fact)}


def _message(fact: Record, method: str, code: int, cseq: int) -> Message:
    return Message(
        **_common(fact), method=method, code=code, cseq=cseq, call="guessed", branch=str(cseq), size=fact.size
    )


def _event(event: Event, fact: Fact) -> Event:
    return Event(event.t, event.up, fact, event.arrived, event.sent, event.ttl)
