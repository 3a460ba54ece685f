"""What a client may say to the runner: the other half of ``lab.actors.channel``, for programs that are not the lab's.

Every line is checked before anybody acts on it: known events have the fields they must have, of the right type, and
nothing else reaches the names that verdicts are made of. What breaks the protocol is told, never obeyed, and never
ends the lab. ``docs/actor-protocol.md`` says it to people who write clients; ``lab actor check`` tries one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NoReturn

LONGEST_LINE = 65_536
"""Bytes; the longest line of the lab's own client has a few hundred."""
LONGEST_TEXT = 1000
"""Characters of a text that are kept."""
EARLIEST_S = 3600.0
"""How long before its arrival an event may have happened; a cell's set-up takes two minutes at most."""
LATEST_S = 0.01
"""How far in the future an event may seem: the grain of a kernel's clock, nothing more."""


class Kind(Enum):
    """What a field holds, in the words of a complaint."""

    TEXT = "text"
    TEXTS = "a list of texts"
    NUMBER = "a number"
    WHOLE = "a whole number"
    FLAG = "true or false"
    TRANSPORT_STATE = "one of connected, disconnected, shutdown, destroyed"
    SUBSCRIPTION_STATE = "one of pending, active, terminated"
    CALL_STATE = "one of incoming, early, connecting, confirmed, disconnected"
    ENDPOINT = "address:port"


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a client.

    Attributes:
        must: fields it has; by name.
        may: fields it can have.
    """

    must: dict[str, Kind] = field(default_factory=dict)
    may: dict[str, Kind] = field(default_factory=dict)


_ID = {"id": Kind.TEXT}
_REASON = {"reason": Kind.TEXT}

EVENTS: dict[str, Event] = {
    "ready": Event(may={"version": Kind.TEXT, "mitigations": Kind.TEXTS}),
    "subscribed": Event(),
    "transport": Event(
        must={**_ID, "state": Kind.TRANSPORT_STATE, "local": Kind.ENDPOINT},
        may={"type": Kind.TEXT, "remote": Kind.ENDPOINT, **_REASON},
    ),
    "registration": Event(must={"code": Kind.WHOLE}, may={**_REASON, "expires": Kind.NUMBER}),
    "subscription": Event(must={"state": Kind.SUBSCRIPTION_STATE}, may={**_REASON, "code": Kind.WHOLE}),
    "notify": Event(may={"note": Kind.TEXT}),
    "message": Event(may={"text": Kind.TEXT}),
    "call": Event(must={"state": Kind.CALL_STATE}, may={"call_id": Kind.TEXT, "code": Kind.WHOLE}),
    "ip-changed": Event(must={"code": Kind.WHOLE}),
    "request-sent": Event(
        must={"method": Kind.TEXT, "call_id": Kind.TEXT, "cseq": Kind.WHOLE},
        may={"via": Kind.TEXT, "contact": Kind.TEXT},
    ),
    "options-sent": Event(may={"n": Kind.WHOLE}),
    "options-answer": Event(must={"code": Kind.WHOLE}, may={"n": Kind.WHOLE, **_REASON}),
    "unanswered": Event(may={**_ID, "patience": Kind.NUMBER}),
    "ref": Event(must=_ID, may={"held": Kind.FLAG}),
    "setting": Event(
        must={"name": Kind.TEXT}, may=dict.fromkeys(("t1", "t2", "interval", "time", "expires"), Kind.NUMBER)
    ),
    "socket-option": Event(must={**_ID, "name": Kind.TEXT, "value": Kind.WHOLE}),
    "interval-tried": Event(must={"interval": Kind.NUMBER, "safe": Kind.FLAG}),
    "interval-used": Event(must={"interval": Kind.NUMBER}),
}
"""What clients say; any other event is kept as ``other`` {said, fields}, which proves nothing."""

DEFAULTS: dict[str, dict[str, Any]] = {
    "transport": {"reason": ""},
    "subscription": {"code": 0},
    "call": {"code": 0},
    "options-answer": {"reason": ""},
    "registration": {"reason": ""},
}
"""What an event has that does not say it."""


@dataclass(frozen=True, slots=True)
class Said:
    """An event.

    Attributes:
        ev: its name.
        fields: all else.
        at: CLOCK_MONOTONIC in seconds; None: it does not say.
    """

    ev: str
    fields: dict[str, Any]
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that breaks the protocol.

    Attributes:
        why: what is wrong, a clause.
        line: its beginning.
    """

    why: str
    line: str


class ClientLines:
    """Cuts what a client writes into checked events; keeps at most one incomplete line."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes, *, now: float) -> Iterator[Said | Broken]:
        """What the data completes.

        Args:
            data: as read.
            now: CLOCK_MONOTONIC in seconds, against which events' times are checked.
        """
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            if self._skipping:
                self._skipping = False  # the end of a line that was given up
            elif len(line) > LONGEST_LINE:
                yield _too_long(line)
            elif line.strip():
                yield read(line, now=now)
        if len(self._rest) > LONGEST_LINE:
            if not self._skipping:
                yield _too_long(self._rest)
            self._skipping, self._rest = True, b""


def read(line: bytes, *, now: float) -> Said | Broken:
    """Check one line."""
    try:
        message = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return Broken(
            "not JSON; standard output is for the protocol alone, all else goes to standard error", _short(line)
        )
    if not isinstance(message, dict):
        return Broken("not a JSON object", _short(line))
    try:
        at = _time(message.pop("at", None), now)
        ev = message.pop("ev", None)
        if not isinstance(ev, str):
            raise _Wrong("no event name in `ev`")
        return Said(*_checked(ev, message), at)
    except _Wrong as wrong:
        return Broken(str(wrong), _short(line))


class _Wrong(Exception):
    """Why a line breaks the protocol."""


def _checked(ev: str, message: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    known = EVENTS.get(ev)
    if known is None:
        return "other", {"said": _plain(ev), "fields": _plain(json.dumps(message))}
    fields = dict(DEFAULTS.get(ev, {}))
    for name, kind in {**known.must, **known.may}.items():
        if message.get(name) is not None:
            fields[name] = _value(ev, name, kind, message.pop(name))
        elif name in known.must:
            raise _Wrong(f"`{ev}` without `{name}` ({kind.value})")
        else:
            message.pop(name, None)
    if message:
        fields["also"] = _plain(json.dumps(message))
    return ev, fields


def _value(ev: str, name: str, kind: Kind, value: Any) -> Any:  # noqa: C901  (one case per kind)
    def refuse() -> NoReturn:
        raise _Wrong(f"`{name}` of `{ev}` is not {kind.value}")

    match kind:
        case Kind.TEXTS:
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                refuse()
            return [_plain(item) for item in value]
        case Kind.NUMBER:
            if not _is_number(value):
                refuse()
            return value
        case Kind.WHOLE:
            if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**63:
                refuse()
            return value
        case Kind.FLAG:
            if not isinstance(value, bool):
                refuse()
            return value
    if not isinstance(value, str):
        refuse()
    if kind.value.startswith("one of ") and value not in kind.value.removeprefix("one of ").split(", "):
        refuse()
    if kind is Kind.ENDPOINT and not value.rpartition(":")[2].isdecimal():
        refuse()
    return _plain(value)


def _time(at: Any, now: float) -> float | None:
    if at is None:
        return None
    if not _is_number(at):
        raise _Wrong("`at` is not a number")
    if not now - EARLIEST_S <= at <= now + LATEST_S:
        raise _Wrong("`at` is not a moment of CLOCK_MONOTONIC in seconds; leave it out if in doubt")
    return float(at)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e300 and math.isfinite(value)


def _no_constant(word: str) -> NoReturn:
    raise ValueError(word)  # NaN and infinities, which JSON does not have


def _too_long(line: bytes) -> Broken:
    return Broken(f"a line of more than {LONGEST_LINE} bytes", _short(line))


def _short(line: bytes) -> str:
    return _plain(line[:200].decode("utf-8", "replace"))


def _plain(text: str) -> str:
    """A text that can be shown anywhere: short, and without control characters or halves of a surrogate pair."""
    shown = "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text[:LONGEST_TEXT])
    return shown if len(text) <= LONGEST_TEXT else shown + "…"
