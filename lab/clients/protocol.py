"""Checks what a client writes to the runner: the other half of ``lab.actors.channel``, for programs of other authors.

Every line is checked before anybody acts on it: known events have the fields they must have, of the right type, and
nothing else reaches the names that verdicts are made of. What breaks the protocol is told, never obeyed, and never
ends the lab. ``docs/actor-protocol.md`` says it to people who write clients; ``lab actor check`` tries one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from types import NoneType
from typing import Any, NoReturn, get_args, get_type_hints

import msgspec

from lab.model.endpoint import Endpoint
from lab.record.events import (
    CLIENT_EVENTS,
    CallState,
    ClientEvent,
    Event,
    MessageText,
    MessageWay,
    Other,
    SubscriptionState,
    TransportState,
    name_of,
)
from lab.visible_text import from_bytes, visible

LONGEST_LINE = 65_536
"""Bytes; the longest line of the lab's own client has a few hundred."""
LONGEST_TEXT = 1000
"""Characters of a text that are kept."""
DEEPEST = 20
"""Lists and mappings within each other; the lab's own client needs two."""
MOST_EVENTS = 300_000
"""Lines of one client; a ping every five seconds makes 120,000 in a week."""
MOST_EVENTS_BEFORE = 10_000
"""Lines before the client's account is set up, which takes two minutes at most. They wait in memory."""
MOST_BYTES = 64 << 20
"""Of all lines together; a day of pings every five seconds makes 4 MB."""
EARLIEST_S = 3600.0
"""How long before its arrival an event may have happened; a cell's set-up takes two minutes at most."""
_TOO_DEEP = f"nested more than {DEEPEST} levels deep"
LATEST_S = 0.01
"""How far in the future an event may seem: the grain of a kernel's clock, nothing more."""


def _one_of(choice: Any) -> str:
    return f"one of {', '.join(get_args(choice))}"


class FieldKind(Enum):
    """The type of a field, in the words of an error message."""

    TEXT = "text"
    TEXTS = "a list of texts"
    NUMBER = "a number"
    WHOLE = "a whole number"
    FLAG = "true or false"
    TRANSPORT_STATE = _one_of(TransportState)
    SUBSCRIPTION_STATE = _one_of(SubscriptionState)
    CALL_STATE = _one_of(CallState)
    MESSAGE_WAY = _one_of(MessageWay)
    MESSAGE = "the text of a message"
    ENDPOINT = "address:port"


_KINDS: dict[Any, FieldKind] = {
    str: FieldKind.TEXT,
    tuple[str, ...]: FieldKind.TEXTS,
    float: FieldKind.NUMBER,
    int: FieldKind.WHOLE,
    bool: FieldKind.FLAG,
    TransportState: FieldKind.TRANSPORT_STATE,
    SubscriptionState: FieldKind.SUBSCRIPTION_STATE,
    CallState: FieldKind.CALL_STATE,
    MessageWay: FieldKind.MESSAGE_WAY,
    MessageText: FieldKind.MESSAGE,
    Endpoint: FieldKind.ENDPOINT,
}
"""By the type of the field of an event."""


@dataclass(frozen=True, slots=True)
class EventSchema:
    """An event that the lab knows.

    Attributes:
        event: its type.
        must: fields it has; by key.
        may: fields it can have.
        names: the attribute of each key.
    """

    event: type[ClientEvent]
    must: dict[str, FieldKind]
    may: dict[str, FieldKind]
    names: dict[str, str]

    @classmethod
    def of(cls, kind: type[ClientEvent]) -> EventSchema:
        """Read what the type demands and allows."""
        types = get_type_hints(kind)
        fields = [one for one in msgspec.structs.fields(kind) if one.name not in ClientEvent.__struct_fields__]
        kinds = {one.encode_name: _kind(types[one.name]) for one in fields}
        must = {one.encode_name for one in fields if one.required}
        return cls(
            event=kind,
            must={key: value for key, value in kinds.items() if key in must},
            may={key: value for key, value in kinds.items() if key not in must},
            names={one.encode_name: one.name for one in fields},
        )


def _kind(hint: Any) -> FieldKind:
    """Return what a field of this type holds, whether or not it may be None."""
    if hint in _KINDS:
        return _KINDS[hint]
    (there,) = (one for one in get_args(hint) if one is not NoneType)
    return _KINDS[there]


EVENTS: dict[str, EventSchema] = {name_of(kind): EventSchema.of(kind) for kind in CLIENT_EVENTS}
"""What clients say; any other event is kept as ``Other``, which proves nothing."""


@dataclass(frozen=True, slots=True)
class ClientMessage:
    """An event.

    Attributes:
        event: what happened.
        at: CLOCK_MONOTONIC in seconds; None: it does not say.
    """

    event: Event
    at: float | None = None


@dataclass(frozen=True, slots=True)
class ProtocolViolation:
    """A line that breaks the protocol.

    Attributes:
        why: what is wrong, a clause.
        line: its beginning.
    """

    why: str
    line: str


class ClientLineDecoder:
    """Cuts what a client writes into checked events; keeps at most one incomplete line."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes, *, now: float) -> Iterator[ClientMessage | ProtocolViolation]:
        """Return the items that the data completes.

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


def read(line: bytes, *, now: float) -> ClientMessage | ProtocolViolation:
    """Check one line."""
    try:
        message = json.loads(line, parse_constant=_no_constant)
    except RecursionError:
        return ProtocolViolation(_TOO_DEEP, _short(line))
    except ValueError:  # UnicodeDecodeError is one
        return ProtocolViolation(
            "not JSON; standard output is for the protocol alone, all else goes to standard error", _short(line)
        )
    if not isinstance(message, dict):
        return ProtocolViolation("not a JSON object", _short(line))
    if _is_deep(message):
        return ProtocolViolation(_TOO_DEEP, _short(line))
    try:
        at = _time(message.pop("at", None), now)
        ev = message.pop("ev", None)
        if not isinstance(ev, str):
            raise _Violation("no event name in `ev`")
        return ClientMessage(_checked(ev, message), at)
    except _Violation as wrong:
        return ProtocolViolation(str(wrong), _short(line))


class _Violation(Exception):
    """The reason why a line breaks the protocol."""


def _checked(ev: str, message: dict[str, Any]) -> ClientEvent:
    known = EVENTS.get(ev)
    if known is None:
        return Other(said=_plain(ev), fields=_plain(json.dumps(message)))
    values: dict[str, Any] = {}
    for key, kind in {**known.must, **known.may}.items():
        value = message.pop(key, None)
        if value is not None:
            values[known.names[key]] = _value(ev, key, kind, value)
        elif key in known.must:
            raise _Violation(f"`{ev}` without `{key}` ({kind.value})")
    return known.event(**values, also=_plain(json.dumps(message)) if message else msgspec.UNSET)


def _value(ev: str, name: str, kind: FieldKind, value: Any) -> Any:  # noqa: C901  (one case per kind)
    def refuse() -> NoReturn:
        raise _Violation(f"`{name}` of `{ev}` is not {kind.value}")

    match kind:
        case FieldKind.TEXTS:
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                refuse()
            return tuple(_plain(item) for item in value)
        case FieldKind.NUMBER:
            if not _is_number(value):
                refuse()
            return float(value)
        case FieldKind.WHOLE:
            if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**63:
                refuse()
            return value
        case FieldKind.FLAG:
            if not isinstance(value, bool):
                refuse()
            return value
    if not isinstance(value, str):
        refuse()
    if kind is FieldKind.MESSAGE:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # whoever shows it makes it visible
    if kind.value.startswith("one of ") and value not in kind.value.removeprefix("one of ").split(", "):
        refuse()
    return _endpoint(value) or refuse() if kind is FieldKind.ENDPOINT else _plain(value)


def _endpoint(text: str) -> Endpoint | None:
    try:
        endpoint = Endpoint.parse(_plain(text))
    except ValueError:
        return None
    return None if endpoint.port is None else endpoint


def _time(at: Any, now: float) -> float | None:
    if at is None:
        return None
    if not _is_number(at):
        raise _Violation("`at` is not a number")
    if not now - EARLIEST_S <= at <= now + LATEST_S:
        raise _Violation("`at` is not a moment of CLOCK_MONOTONIC in seconds; leave it out if in doubt")
    return float(at)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e300 and math.isfinite(value)


def _no_constant(word: str) -> NoReturn:
    raise ValueError(word)  # NaN and infinities, which JSON does not have


def _too_long(line: bytes) -> ProtocolViolation:
    return ProtocolViolation(f"a line of more than {LONGEST_LINE} bytes", _short(line))


def _is_deep(value: Any) -> bool:
    """Return whether lists and mappings are nested too deeply; a loop, for a function that calls itself would fail."""
    level = [value]
    for _ in range(DEEPEST):
        held = [each for each in level if isinstance(each, list | dict)]
        level = [inner for each in held for inner in (each.values() if isinstance(each, dict) else each)]
    return any(isinstance(each, list | dict) for each in level)


def _short(line: bytes) -> str:
    return from_bytes(line[:200])


def _plain(text: str) -> str:
    """Return a text of the client's that can be shown anywhere."""
    return visible(text, most=LONGEST_TEXT)
