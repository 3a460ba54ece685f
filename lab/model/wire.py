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
from collections.abc import Callable
from enum import Enum
from ipaddress import IPv4Interface
from typing import Any, TypeVar

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """Turn a model value into what ``json.dumps`` takes; every dataclass becomes a mapping with its ``kind``."""
    cls: type = type(value)
    if cls in _PLAIN:
        return value
    if (names := _names(cls)) is not None:
        told = {"kind": cls.__name__}
        for name in names:
            told[name] = to_json(getattr(value, name))
        return told
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return float(value)
    if isinstance(value, IPv4Interface):
        return str(value)
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return value


_PLAIN = frozenset({str, int, bool, float, type(None)})


@functools.cache
def _names(cls: type) -> tuple[str, ...] | None:
    """Return the names of a dataclass's fields; None if it is none."""
    return tuple(field.name for field in dataclasses.fields(cls)) if dataclasses.is_dataclass(cls) else None


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
            _readers(each)
            _names(each)
        waiting += typing.get_args(each)


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


Reader = Callable[[Any, dict[str, type]], Any]
"""Given data and plugins, returns the value."""


def _read(expected: Any, data: Any, plugins: dict[str, type]) -> Any:
    return _reader(expected)(data, plugins)


@functools.cache
def _reader(expected: Any) -> Reader:
    """Return what reads a type, worked out once: a cell has some hundred values."""
    origin = typing.get_origin(expected)
    arguments = typing.get_args(expected)
    if expected is Any:
        return lambda data, plugins: _read(plugins[data["kind"]], data, plugins)
    if origin in (typing.Union, types.UnionType):
        return _union_reader(arguments)
    if origin is typing.Literal:
        return functools.partial(_read_literal, arguments)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            item = _reader(arguments[0])
            return lambda data, plugins: tuple([item(each, plugins) for each in data])
        items = [_reader(argument) for argument in arguments]
        return lambda data, plugins: tuple([read(each, plugins) for read, each in zip(items, data, strict=True)])
    if dataclasses.is_dataclass(expected) and isinstance(expected, type):
        return functools.partial(_read_dataclass, expected)
    return lambda data, _: expected(data)


def _union_reader(arguments: tuple[Any, ...]) -> Reader:
    options = [option for option in arguments if option is not type(None)]
    optional = len(options) < len(arguments)
    if len(options) == 1:
        (only,) = map(_reader, options)
        return lambda data, plugins: None if data is None and optional else only(data, plugins)
    named = {option.__name__: _reader(option) for option in options}
    return lambda data, plugins: None if data is None and optional else named[data["kind"]](data, plugins)


def _read_literal(allowed: tuple[Any, ...], data: Any, _: dict[str, type]) -> Any:
    if data not in allowed:
        raise ValueError(f"not one of {allowed}: {data!r}")
    return data


def _read_dataclass(expected: type, data: Any, plugins: dict[str, type]) -> Any:
    cls = _named(expected, data, plugins)
    readers = _readers(cls)
    return cls(**{name: readers[name](item, plugins) for name, item in data.items() if name != "kind"})


@functools.cache
def _readers(cls: type) -> dict[str, Reader]:
    """Return what reads each field of a dataclass."""
    return {name: _reader(hint) for name, hint in _hints(cls).items()}


def _named(expected: type, data: Any, plugins: dict[str, type]) -> type:
    """Return the class that data names: the expected one, or a plugin that derives from it."""
    kind = data.get("kind") if isinstance(data, dict) else None
    cls = expected if kind == expected.__name__ else plugins.get(str(kind), object)
    if not issubclass(cls, expected):
        raise ValueError(f"not a {expected.__name__}: {data!r}")
    return cls
