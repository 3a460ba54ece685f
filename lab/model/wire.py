"""Converts dataclasses to JSON and back, for cells that cross a process or machine boundary.

Only what the model uses: dataclasses, enums, literals, quantities, addresses, tuples, optionals, and unions of
dataclasses. A dataclass carries its class in the key ``kind``. The data comes from the lab itself, so a mismatch is a
lab fault, not a user's.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from enum import Enum
from ipaddress import IPv4Interface
from typing import Any, TypeVar

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """Turn a model value into what ``json.dumps`` takes; every dataclass becomes a mapping with its ``kind``."""
    if dataclasses.is_dataclass(value):
        fields = {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"kind": type(value).__name__, **fields}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return float(value)
    if isinstance(value, IPv4Interface):
        return str(value)
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return value


def from_json(cls: type[T], data: Any, *, plugins: dict[str, type] | None = None) -> T:
    """Rebuild a value of type ``cls``.

    Args:
        cls: the expected type.
        data: what ``to_json`` gave.
        plugins: classes by name: for fields typed ``Any`` (mitigations), and those that may stand in the place of a
            class that they derive from (faults).

    Raises:
        ValueError: the data does not have the shape of ``cls``.
    """
    try:
        return typing.cast("T", _read(cls, data, plugins or {}))
    except (LookupError, TypeError) as error:
        raise ValueError(f"not a {getattr(cls, '__name__', cls)}: {error!r}") from error


def learn(cls: type, *plugins: type) -> None:
    """Look up the types of all fields below ``cls`` and ``plugins``, which else the first ``from_json`` does."""
    seen: set[type] = set()
    waiting: list[Any] = [cls, *plugins]
    while waiting:
        each = waiting.pop()
        if dataclasses.is_dataclass(each) and isinstance(each, type) and each not in seen:
            seen.add(each)
            waiting += _hints(each).values()
        waiting += typing.get_args(each)


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _read(expected: Any, data: Any, plugins: dict[str, type]) -> Any:
    origin = typing.get_origin(expected)
    arguments = typing.get_args(expected)
    if expected is Any:
        return _read(plugins[data["kind"]], data, plugins)
    if origin in (typing.Union, types.UnionType):
        if data is None and type(None) in arguments:
            return None
        options = [option for option in arguments if option is not type(None)]
        if len(options) > 1:
            options = [option for option in options if option.__name__ == data["kind"]]
        return _read(options[0], data, plugins)
    if origin is typing.Literal:
        if data not in arguments:
            raise ValueError(f"not one of {arguments}: {data!r}")
        return data
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_read(arguments[0], item, plugins) for item in data)
        return tuple(_read(argument, item, plugins) for argument, item in zip(arguments, data, strict=True))
    if dataclasses.is_dataclass(expected) and isinstance(expected, type):
        cls = _named(expected, data, plugins)
        hints = _hints(cls)
        return cls(**{name: _read(hints[name], item, plugins) for name, item in data.items() if name != "kind"})
    return expected(data)


def _named(expected: type, data: Any, plugins: dict[str, type]) -> type:
    """Return the class that data names: the expected one, or a plugin that derives from it."""
    kind = data.get("kind") if isinstance(data, dict) else None
    cls = expected if kind == expected.__name__ else plugins.get(str(kind), object)
    if not issubclass(cls, expected):
        raise ValueError(f"not a {expected.__name__}: {data!r}")
    return cls
