"""Turns outcomes into JSON and back, exactly.

A dataclass has its class in the key ``()``, an enumeration's member as well. Numbers stay what they are: an integer in
a field for fractions is one again.
"""

from __future__ import annotations

import dataclasses
from enum import Enum
from typing import Any

from lab.model import outcome, twin, verdict, without

FORMAT = 1
"""Of what is written: raise it if it changes its meaning."""
_CLASS = "()"
_CLASSES: dict[str, type] = {
    name: cls
    for module in (outcome, twin, verdict, without)
    for name, cls in vars(module).items()
    if isinstance(cls, type) and cls.__module__ == module.__name__
}


def to_json(value: Any) -> Any:
    """Return a value of the outcome's classes as ``json.dumps`` takes it."""
    if dataclasses.is_dataclass(value):
        fields = {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {_CLASS: type(value).__name__, **fields}
    if isinstance(value, Enum):
        return {_CLASS: type(value).__name__, "value": value.value}
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    return value


def from_json(data: Any) -> Any:
    """Return the value that `to_json` was given; what was a list is a tuple.

    Raises:
        ValueError: the data is nothing that `to_json` gives.
    """
    if isinstance(data, list):
        return tuple(map(from_json, data))
    if not isinstance(data, dict):
        return data
    cls = _CLASSES.get(str(data.get(_CLASS)))
    if cls is None:
        raise ValueError("of no class of an outcome")
    try:
        return cls(**{name: from_json(item) for name, item in data.items() if name != _CLASS})
    except TypeError as problem:
        raise ValueError(f"not a {cls.__name__}: {problem}") from problem
