"""Encodes events as lines of JSON: in a record, and on the channel between an actor and the runner."""

from __future__ import annotations

from functools import cache, reduce
from operator import or_
from typing import Any

import msgspec

from lab.model.endpoint import Endpoint
from lab.record.entry import Entry
from lab.record.events import EVENTS, Event


class _Head(msgspec.Struct, frozen=True):
    """The fields beside an event in a record."""

    t: float
    who: str


class _ChannelHead(msgspec.Struct, frozen=True):
    """The field beside an event on a channel: CLOCK_MONOTONIC in seconds."""

    at: float


def _write_value(value: Any) -> str | float:
    if isinstance(value, Endpoint):
        return str(value)
    if isinstance(value, float):  # a quantity of ``lab.units``
        return float(value)
    raise NotImplementedError(f"no JSON for {type(value).__name__}")


def read_endpoint(kind: type, value: Any) -> Any:
    """Make an `Endpoint` of its text; a hook for msgspec's decoders.

    Raises:
        ValueError: it is none.
        NotImplementedError: another type is asked for.
    """
    if kind is Endpoint and isinstance(value, str):
        return Endpoint.parse(value)
    raise NotImplementedError(f"no {kind.__name__} from JSON")


_ENCODER = msgspec.json.Encoder(enc_hook=_write_value)
_HEAD = msgspec.json.Decoder(_Head)
_MOMENT = msgspec.json.Decoder(_ChannelHead)


@cache
def _decoder() -> msgspec.json.Decoder[Event]:
    """Return the decoder of all events; made when first needed, as it takes some milliseconds."""
    return msgspec.json.Decoder(reduce(or_, EVENTS), dec_hook=read_endpoint)


def to_json(event: Event) -> bytes:
    """Return the event alone as JSON, ``{"ev": …}``; halves of surrogate pairs in its texts become U+FFFD."""
    try:
        return _ENCODER.encode(event)
    except UnicodeEncodeError:  # pjsua2 makes such texts of bytes that are not UTF-8
        return _ENCODER.encode(_in_whole_characters(event))


def _in_whole_characters(event: Event) -> Event:
    texts = {name: value for name in event.__struct_fields__ if isinstance(value := getattr(event, name), str)}
    whole = {name: text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for name, text in texts.items()}
    return msgspec.structs.replace(event, **whole)


def from_json(data: bytes) -> Event:
    """Read an event; other keys than its own are passed over.

    Raises:
        ValueError: the data is not JSON, names no event, or lacks a field of it.
    """
    return _decoder().decode(data)


def convert(data: dict[str, Any]) -> Event:
    """Make an event of a mapping such as JSON gives; ``ev`` names it.

    Raises:
        ValueError: it names no event, or a field is missing or of the wrong type.
    """
    return from_json(_ENCODER.encode(data))


def proof(value: msgspec.Struct) -> msgspec.Raw:
    """Return what a fault proves as it goes into ``FaultBegan``."""
    return msgspec.Raw(_ENCODER.encode(value))


def to_line(t: float, who: str, event: Event) -> bytes:
    """Return the line of a record, with its end."""
    return b'{"t":%s,"who":%s,%s\n' % (_ENCODER.encode(t), _ENCODER.encode(who), to_json(event)[1:])


def from_line(line: bytes, *, number: int) -> Entry[Event]:
    """Read a line of a record.

    Raises:
        ValueError: it is none.
    """
    head = _HEAD.decode(line)
    return Entry(head.t, head.who, number, from_json(line))


def to_message(event: Event, *, at: float) -> bytes:
    """Return the line an actor sends, with its end."""
    return b'{"at":%s,%s\n' % (_ENCODER.encode(at), to_json(event)[1:])


def from_message(line: bytes) -> tuple[float, Event]:
    """Read a line of an actor of the lab's own.

    Raises:
        ValueError: it is none.
    """
    return _MOMENT.decode(line).at, from_json(line)
