"""Reads YAML into a tree in which each value knows its line.

Built from the parser's events, so nothing is expanded, constructed or nested beyond a bound before it has been looked
at. Of YAML's implicit types only ``true``/``false``, ``null`` and whole numbers are known (YAML 1.2's spelling); all
else is text as written. Anchors, aliases and tags are refused: a scenario needs none, and a YAML bomb is made of them.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from lab.errors import Problem
from lab.loader.text_file import CONTROL
from lab.visible_text import visible

MOST_VALUES = 20_000
"""Keys and values; the parser reads about as many in a second, and a matrix of 5000 cells is written with 400."""
DEEPEST = 20
"""Nesting; a scenario needs 6."""

_WHOLE_NUMBER = re.compile(r"[-+]?[0-9]{1,18}")
_LONG_ESCAPE = re.compile(r"\\U([0-9a-fA-F]{8})")
_LONGEST_SHOWN = 50

_IN_PLAIN_WORDS = (
    ("'\\t'", "a tab where YAML wants spaces", "indent with spaces"),
    (
        "mapping values are not allowed",
        "a `:` where none can be",
        "quote text that contains `: `, or mend the indentation",
    ),
    ("expected ',' or ']'", "a list without its `]` or a comma", "[a, b]"),
    ("expected ',' or '}'", "a mapping without its `}` or a comma", "{a: 1, b: 2}"),
    ("expected the node content", "a bracket or a comma where a value should be", "mend the brackets"),
    ("unexpected end of stream", "a quote that is never closed", "close it"),
    ("cannot start any token", "text that starts with a character YAML reserves", "put it in quotes"),
    ("unknown escape character", "an unknown escape in double quotes", "use single quotes"),
    ("<block end>", "wrong indentation, or a list and a mapping mixed", "one indentation for all keys of a mapping"),
    ("<document start>", "something after the end of the value", "`key: value` lines"),
    ("could not find expected ':'", "a line without `:`", "`key: value`"),
)


@dataclass(slots=True, eq=False)
class Node:
    """A value in a file.

    Attributes:
        file: as the user named it.
        line: 1-based; where the key stands for a mapping's value.
        path: key path from the top.
        key: for a mapping's value, its key.
        text: as written; empty for mappings and lists.
        value: children by key, children in order, or the scalar.
    """

    file: str
    line: int
    path: str
    key: str = ""
    text: str = ""
    value: dict[str, Node] | list[Node] | str | int | bool | None = None

    def plain(self) -> Any:
        """Return the value without positions, as JSON values."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def get(self, key: str) -> Node | None:
        """Return the value of a key; None if there is none or this is not a mapping."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def items(self) -> list[Node]:
        """Return the children of a list; none if this is not a list."""
        return self.value if isinstance(self.value, list) else []

    def got(self) -> str:
        """Return the given value, for a report."""
        if isinstance(self.value, dict):
            return "a mapping" if self.value else "an empty mapping"
        if isinstance(self.value, list):
            return "a list" if self.value else "an empty list"
        return shown(self.text) if self.text else "nothing"

    def problem(self, what: str, *, got: str | None = None, allowed: str = "") -> Problem:
        """Return a problem with this value; ``got`` defaults to the value as written."""
        given = self.got() if got is None else got
        return Problem(self.file, self.line, self.path, what, got=given, allowed=allowed)


@dataclass(slots=True, eq=False)
class _Open:
    """A mapping or list whose end has not been read."""

    node: Node
    key: str | None = None
    key_line: int = 0
    seen: dict[str, int] = field(default_factory=dict)


def shown(text: str) -> str:
    """Return text from a file as a short, harmless part of a line."""
    return f"`{visible(' '.join(text.split()), most=_LONGEST_SHOWN)}`"


def read_yaml(text: str, name: str, problems: list[Problem]) -> Node | None:
    """Read one YAML mapping; None, with problems added, if the text is not one.

    Problems that leave the rest readable (a key given twice) are added, too, and the tree is returned.
    """
    at = _Place()
    try:
        root = _compose(text, name, problems, at)
    except _UnreadableYaml as gave_up:
        problems.append(gave_up.problem)
        return None
    except MarkedYAMLError as error:
        problems.append(_syntax(text, name, error))
        return None
    except YAMLError as error:
        problems.append(Problem(name, at.line, "", "not YAML", got=shown(str(error))))
        return None
    except (ValueError, OverflowError):  # the parser makes a character of each escape, and does not look at its number
        problems.append(_no_character(text, name, at))
        return None
    if root is None:
        problems.append(Problem(name, 0, "", "empty", allowed="`key: value` lines"))
        return None
    if not isinstance(root.value, dict):
        problems.append(root.problem("not a mapping", allowed="`key: value` lines"))
        return None
    return root


@dataclass(slots=True)
class _Place:
    """The position up to which a text has been read.

    Attributes:
        line: 1-based, where what was read last begins.
        index: where it ends.
    """

    line: int = 1
    index: int = 0


class _UnreadableYaml(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


def _syntax(text: str, name: str, error: MarkedYAMLError) -> Problem:
    said = error.problem or ""
    opened = error.context is not None and ("flow" in error.context or "quoted" in error.context)
    mark = error.context_mark if opened else error.problem_mark
    number = mark.line if mark is not None else 0
    lines = text.splitlines() or [""]
    got = shown(lines[min(number, len(lines) - 1)])
    for piece, what, allowed in _IN_PLAIN_WORDS:
        if piece in said:
            return Problem(name, number + 1, "", what, got=got, allowed=allowed)
    return Problem(name, number + 1, "", f"not YAML ({said})", got=got)


def _no_character(text: str, name: str, at: _Place) -> Problem:
    """Return the problem of an escape whose number is no character's; the first behind what could be read."""
    for found in _LONG_ESCAPE.finditer(text, at.index):
        if int(found.group(1), 16) > sys.maxunicode:
            line = text.count("\n", 0, found.start()) + 1
            return Problem(name, line, "", "an escape that is no character", found.group(), r"at most \U0010FFFF")
    return Problem(name, at.line, "", "not YAML", allowed="`key: value` lines")


def _events(text: str) -> Iterator[Any]:
    return iter(YAML(typ="safe", pure=True).parse(io.StringIO(text)))


def _compose(text: str, name: str, problems: list[Problem], at: _Place) -> Node | None:
    root: Node | None = None
    stack: list[_Open] = []
    documents = 0
    values = 0
    for event in _events(text):
        line = event.start_mark.line + 1
        at.line, at.index = line, event.end_mark.index
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _UnreadableYaml(
                    Problem(name, line, "", "a second document", allowed="one document for each file")
                )
        elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            stack.pop()
        elif isinstance(event, (AliasEvent, ScalarEvent, MappingStartEvent, SequenceStartEvent)):
            written = text[event.start_mark.index : event.end_mark.index]
            _refuse(event, written, name, line)
            values += 1
            if values > MOST_VALUES:
                raise _UnreadableYaml(
                    Problem(name, line, "", "too many keys and values", allowed=f"at most {MOST_VALUES}")
                )
            if _takes_key(event, stack, name, line, problems):
                continue
            node = _place(event, stack, Node(name, line, "", text=written), problems)
            root = root or node
            if not isinstance(event, ScalarEvent):
                node.text = ""
                node.value = {} if isinstance(event, MappingStartEvent) else []
                stack.append(_Open(node))
                if len(stack) > DEEPEST:
                    raise _UnreadableYaml(
                        Problem(name, line, "", "nested too deeply", allowed=f"at most {DEEPEST} levels")
                    )
    return root


def _refuse(event: Any, written: str, name: str, line: int) -> None:
    """Stop at what a scenario never needs."""
    if isinstance(event, AliasEvent):
        raise _UnreadableYaml(
            Problem(name, line, "", "an alias", got=shown(f"*{event.anchor}"), allowed="write the value out")
        )
    if event.anchor is not None:
        raise _UnreadableYaml(
            Problem(name, line, "", "an anchor", got=shown(f"&{event.anchor}"), allowed="write the value out")
        )
    if event.tag is not None:
        tag = written.split(maxsplit=1)[0]
        raise _UnreadableYaml(Problem(name, line, "", "a tag", got=shown(tag), allowed="write the value without it"))


def _takes_key(event: Any, stack: list[_Open], name: str, line: int, problems: list[Problem]) -> bool:
    """Take the event as the key of the innermost mapping if one is due."""
    if not stack or not isinstance(stack[-1].node.value, dict) or stack[-1].key is not None:
        return False
    if not isinstance(event, ScalarEvent):
        raise _UnreadableYaml(
            Problem(name, line, stack[-1].node.path, "a key that is not text", allowed="`key: value`")
        )
    mapping = stack[-1]
    mapping.key, mapping.key_line = event.value, line
    if event.value in mapping.seen:
        first = f"remove one; the first is in line {mapping.seen[event.value]}"
        problems.append(Problem(name, line, _below(mapping.node.path, event.value), "given twice", allowed=first))
    mapping.seen.setdefault(event.value, line)
    return True


def _place(event: Any, stack: list[_Open], node: Node, problems: list[Problem]) -> Node:
    """Put a new node where it belongs; of a key given twice the first stays."""
    if stack and isinstance(stack[-1].node.value, dict):
        mapping = stack[-1]
        key = mapping.key or ""
        node.line, node.path, node.key = mapping.key_line, _below(mapping.node.path, key), key
        mapping.key = None
        mapping.node.value.setdefault(key, node)  # type: ignore[union-attr]
    elif stack:
        siblings = stack[-1].node.items()
        node.path = f"{stack[-1].node.path}[{len(siblings)}]"
        siblings.append(node)
    if isinstance(event, ScalarEvent):
        node.value = _scalar(event)
        if isinstance(node.value, str) and CONTROL.search(node.value):
            problems.append(node.problem("a control character", allowed="text only"))
            node.value = CONTROL.sub("\ufffd", node.value)
        if node.value is None:
            problems.append(node.problem("no value", got="", allowed="give one, or leave the key out"))
    return node


def _below(path: str, key: str) -> str:
    plain = shown(key)[1:-1]
    return f"{path}.{plain}" if path else plain


def _scalar(event: ScalarEvent) -> str | int | bool | None:
    text: str = event.value
    if event.style is not None:
        return text
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else text
