"""Converts a YAML node to a value of the model, or reports problems in plain words.

Pydantic judges each value; which words are allowed is read off the type the error speaks of. Values go through JSON's
strict mode, where ``"1"`` is no number and ``yes`` is no truth value, but a word may become an enum and a list a tuple.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Annotated, Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from lab.errors import Problem
from lab.loader.yaml_lines import Node, shown
from lab.model.rules import AllowedValues, Yaml, kebab
from lab.model.when import When
from lab.units import Quantity

T = TypeVar("T")

MOST_WORDS = 60
"""Of these few an error names all; the catalog has fewer of each kind."""
SOME_WORDS = 3
"""Of more words, as many as resemble most what was given."""


def build(
    cls: type[T], node: Node, problems: list[Problem], *, given: Mapping[str, Any] = types.MappingProxyType({})
) -> T | None:
    """Read one dataclass from a mapping.

    Args:
        cls: a dataclass; its keys are its fields in kebab-case.
        node: the mapping.
        problems: where problems go.
        given: fields by key that are known from elsewhere (a name that is the mapping's own key), as JSON; the mapping
            must not have them.

    Returns: the value, or None if there were problems.
    """
    if not isinstance(node.value, dict):
        if node.value is not None:
            problems.append(
                node.problem("not a mapping", allowed=_mapping(key for key in keys(cls) if key not in given))
            )
        return None
    taken = [key for key in given if key in node.value]
    problems += [unknown_key(node.value[key], [key for key in keys(cls) if key not in given]) for key in taken]
    data = {**node.plain(), **given}
    value: T | None = _validate(cls, data, node, problems, frozenset(given))
    return None if taken else value


def value_of(expected: Any, node: Node, problems: list[Problem]) -> Any:
    """Read one value of any type; None, with problems added, if it is not one."""
    return _validate(expected, node.plain(), node, problems, frozenset())


def ruled(rule: Callable[..., T], value: Any, node: Node, problems: list[Problem], **how: Any) -> T | None:
    """Apply a rule of ``lab.model.rules`` to a value that is not a field; None, with a problem added, if it fails."""
    try:
        return rule(value, **how)
    except ValueError as error:
        what, _, allowed = str(error).partition("; ")
        problems.append(node.problem(what, got=shown(value) if isinstance(value, str) else None, allowed=allowed))
        return None


def unknown_key(node: Node, allowed: Iterable[str]) -> Problem:
    """Report an unknown key; ``node`` is its value."""
    return node.problem("unknown key", got="", allowed=choice(node.key, allowed))


def choice(word: str, allowed: Iterable[str]) -> str:
    """Return what may stand here, the likeliest first: ``did you mean `tls`? one of tcp, tls, udp``.

    Every answer to a name that is not there comes from here: in files, and on the command line.
    """
    words = list(allowed)
    if not words:
        return "leave it out: there are none here"
    close = difflib.get_close_matches(word, words, n=1)
    meant = f"did you mean `{close[0]}`? " if close else ""
    if len(words) > MOST_WORDS:
        some = difflib.get_close_matches(word, words, n=SOME_WORDS, cutoff=0.0)
        return f"{meant}one of {len(words)}, such as {', '.join(some)}"
    return f"{meant}one of {', '.join(words)}"


def describe(expected: Any) -> str:
    """Describe the values of this type, in words."""
    said = next(_said(expected), None)
    expected, optional = _bare(expected)
    if said is not None:
        text = str(said)
    elif isinstance(expected, type) and issubclass(expected, Quantity):
        text = f"a quantity such as `{expected.example}`"
    elif isinstance(expected, type) and issubclass(expected, Enum):
        text = f"one of {', '.join(_words(expected))}"
    elif expected is When:
        text = f"a moment such as {When.example}"
    elif dataclasses.is_dataclass(expected):
        text = _mapping(keys(expected))
    else:
        text = _DESCRIPTIONS.get(typing.get_origin(expected) or expected, "another value")
    return f"{text}, or nothing" if optional else text


def _said(expected: Any) -> Iterator[AllowedValues]:
    """Return the words beside a type, or beside one of its alternatives."""
    if typing.get_origin(expected) is Annotated:
        inner, *beside = typing.get_args(expected)
        yield from (word for word in beside if isinstance(word, AllowedValues))
        yield from _said(inner)
    elif typing.get_origin(expected) in (typing.Union, types.UnionType):
        for one in typing.get_args(expected):
            yield from _said(one)


def _mapping(allowed: Iterable[str]) -> str:
    words = ", ".join(allowed)
    return f"a mapping with {words}" if words else "an empty mapping"


def keys(cls: Any) -> list[str]:
    """Return the YAML keys of a dataclass."""
    return [kebab(field.name) for field in dataclasses.fields(cls) if field.init]


def hint(cls: Any, key: str) -> Any:
    """Return the type of the field for a YAML key, with its rules."""
    return _hints(cls)[key]


_DESCRIPTIONS: dict[Any, str] = {
    str: "text",
    bool: "`true` or `false`",
    int: "a whole number",
    float: "a number",
    tuple: "a list",
    dict: "a mapping",
}

_WHAT = {
    "bool_type": "not a truth value",
    "dataclass_type": "not a mapping",
    "dict_type": "not a mapping",
    "float_type": "not a number",
    "int_type": "not a whole number",
    "missing": "missing",
    "string_type": "not text",
    "tuple_type": "not a list",
}


@functools.cache
def _adapter(expected: Any) -> TypeAdapter[Any]:
    if isinstance(expected, type) and dataclasses.is_dataclass(expected) and not issubclass(expected, Yaml):
        setattr(expected, "__pydantic_config__", Yaml.__pydantic_config__)  # noqa: B010  (a mitigation, which need not know of YAML)
    return TypeAdapter(expected)


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return {kebab(name): expected for name, expected in hints.items()}


def _words(cls: type[Enum]) -> list[str]:
    return [str(member.value) for member in cls]


def _bare(expected: Any) -> tuple[Any, bool]:
    """Return a type without rules and without None, and whether None was allowed."""
    optional = False
    while True:
        if typing.get_origin(expected) is Annotated:
            expected = typing.get_args(expected)[0]
        elif typing.get_origin(expected) in (typing.Union, types.UnionType):
            options = [option for option in typing.get_args(expected) if option is not type(None)]
            if len(options) != 1:
                return expected, True
            expected, optional = options[0], True
        else:
            return expected, optional


def _inside(expected: Any, step: str | int) -> Any:
    """Return the type of the value at a key or index of a value of type ``expected``."""
    expected, _ = _bare(expected)
    if dataclasses.is_dataclass(expected):
        return _hints(typing.cast("Any", expected)).get(str(step), Any)
    arguments = typing.get_args(expected)
    if typing.get_origin(expected) is dict:
        return arguments[1]
    if typing.get_origin(expected) is tuple and isinstance(step, int):
        return arguments[0] if arguments[-1] is Ellipsis else arguments[step]
    return Any


def _validate(expected: Any, data: Any, node: Node, problems: list[Problem], given: frozenset[str]) -> Any:
    try:
        return _adapter(expected).validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            problem = _translate(detail, expected, node, given)
            if problem is not None:
                problems.append(problem)
        return None


def _translate(detail: ErrorDetails, expected: Any, node: Node, given: frozenset[str]) -> Problem | None:
    kind = detail["type"]
    parent = expected
    for step in detail["loc"]:
        parent, expected = expected, _inside(expected, step)
        child = _child(node, step)
        if child is None:  # a missing key, or one that is given from elsewhere
            if kind == "missing":
                path = f"{node.path}.{step}" if node.path else str(step)
                return Problem(node.file, node.line, path, "missing", allowed=describe(expected))
            break
        node = child
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        return unknown_key(node, [key for key in keys(_bare(parent)[0]) if key not in given])
    if node.value is None:  # reported when it was read
        return None
    if kind == "enum":
        words = _words(_bare(expected)[0])
        return node.problem("unknown word", allowed=choice(node.text, words))
    if kind == "value_error":
        what, _, allowed = str(detail["ctx"]["error"]).partition("; ")
        return node.problem(what, got=_name_of(node, given, detail), allowed=allowed)
    return node.problem(_WHAT.get(kind, "not acceptable"), allowed=describe(expected))


def _name_of(node: Node, given: frozenset[str], detail: ErrorDetails) -> str | None:
    """Return the given text if the wrong value is the mapping's own key."""
    return shown(node.key) if detail["loc"] and detail["loc"][-1] in given else None


def _child(node: Node, step: str | int) -> Node | None:
    if isinstance(node.value, dict):
        return node.value.get(str(step))
    if isinstance(node.value, list) and isinstance(step, int):
        return node.value[step]
    return None
