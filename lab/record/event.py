"""Defines the base of all events, with their names and keys."""

from __future__ import annotations

import re
from typing import Literal, NewType

import msgspec


def _name(class_name: str) -> str:
    """Return the event's name: the class's in kebab-case."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", class_name).lower()


def _key(field: str) -> str:
    """Return the key of a field; a closing underscore avoids a word of Python's (``from_``) and is not part of it."""
    return field.rstrip("_")


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", tag=_name, rename=_key):
    """Base of all events."""


MessageText = NewType("MessageText", str)
"""A whole SIP message as text, with its line ends; what is not UTF-8 in it is shown as ``\\xff``."""

MessageWay = Literal["sent", "received"]


def name_of(kind: type[Event]) -> str:
    """Return the event's name, as in ``ev``."""
    return str(kind.__struct_config__.tag)
