"""Writes ``docs/record.md``, a page with every event of ``lab.record.events``, and their JSON schema."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator
from typing import Any

import msgspec

from lab.docstrings import attributes_of, paragraphs
from lab.model.endpoint import Endpoint
from lab.record.events import (
    CLIENT_EVENTS,
    EVENTS,
    LAB_EVENTS,
    PROXY_EVENTS,
    SERVER_EVENTS,
    VERSION,
    Event,
    MessageText,
    name_of,
)

HEAD = f"""\
# The record

`cells/<cell>/record.jsonl` is everything that was observed of a cell, one JSON object a line, and the only source of
verdicts. `lab reference --record` prints this page from the types in `lab/record/events.py`, and with `--json-schema`
the JSON Schema of a line. The format is version {VERSION}, which the first line says; records of version 1 can still be
judged.

Every line has `t` (seconds after time zero, negative before), `who` (the node it comes from; `runner` for what the lab
itself does and sees), `ev` (the event) and the event's fields. Endpoints are written `198.51.100.2:5060`; times in
fields are seconds, sizes bytes. A field marked `?` may be null or have the value that means nothing.
"""

_SIDES = (
    ("What a client says", "The public protocol too: see [your own client](actor-protocol.md).", CLIENT_EVENTS),
    ("What a server says", "", SERVER_EVENTS),
    ("What a proxy says", "Read from its program's log: see [proxies](proxies.md).", PROXY_EVENTS),
    ("What the lab sees and does", "", LAB_EVENTS),
)
_WORDS = {
    MessageText: "text",
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Endpoint: "endpoint",
}


def markdown() -> str:
    """Return the page."""
    lines = [HEAD]
    for title, what, kinds in _SIDES:
        lines += [f"## {title}", "", *((what, "") if what else ())]
        for kind in sorted(kinds, key=name_of):
            lines += _event(kind)
    return "\n".join(lines).rstrip() + "\n"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a line of a record."""

    def hook(kind: type) -> dict[str, Any]:
        if kind is Endpoint:
            return {"type": "string", "examples": ["198.51.100.2:5060"]}
        raise NotImplementedError(kind)

    schemas, components = msgspec.json.schema_components(EVENTS, schema_hook=hook)
    beside = {
        "type": "object",
        "properties": {"t": {"type": "number"}, "who": {"type": "string"}},
        "required": ["t", "who"],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A line of a record, version {VERSION}",
        "allOf": [beside, {"oneOf": list(schemas)}],
        "$defs": components,
    }


def _event(kind: type[Event]) -> Iterator[str]:
    what, _, attributes = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")
    meanings = attributes_of(attributes)
    yield from (f"### {name_of(kind)}", "", paragraphs(what), "")
    fields = [field for field in msgspec.structs.fields(kind) if field.name != "also"]
    if fields:
        yield from ("| field | holds | meaning |", "|---|---|---|")
        for field in fields:
            mark = "" if field.required else "?"
            yield f"| `{field.encode_name}`{mark} | {_holds(field.type)} | {meanings.get(field.name, '')} |"
        yield ""


def _holds(expected: Any) -> str:
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin is typing.Literal:
        return ", ".join(f"`{word}`" if word else "empty" for word in arguments)
    if origin in (typing.Union, types.UnionType):
        return _holds(next(argument for argument in arguments if argument is not type(None)))
    if origin is tuple:
        return f"list: {_holds(arguments[0])}"
    if origin is dict:
        return f"mapping to {_holds(arguments[1])}"
    return "mapping" if expected is msgspec.Raw else _WORDS[expected]
