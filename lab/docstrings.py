"""Reads docstrings: their paragraphs, and their texts about attributes."""

from __future__ import annotations

import inspect
import re

_ATTRIBUTE = re.compile(r"^ {4}(?P<names>[\w, ]+):\s+(?P<text>.*)$")


def attributes_of(attributes: str) -> dict[str, str]:
    """Return the entries of a docstring's ``Attributes``, by field."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in attributes.splitlines():
        if match := _ATTRIBUTE.match(line):
            names = [name.strip() for name in match["names"].split(",")]
            found.update(dict.fromkeys(names, match["text"]))
        elif line.strip():
            found.update({name: f"{found[name]} {line.strip()}" for name in names})
    return {name: _plain(text) for name, text in found.items()}


def paragraphs(text: str, *, keep_lines: bool = False) -> str:
    """Return a docstring as text; lines of a paragraph are joined, unless it is indented or they are to be kept."""
    parts = (part for part in inspect.cleandoc(text).split("\n\n") if part.strip())
    joined = (part if keep_lines and part.startswith(" ") else " ".join(part.split()) for part in parts)
    return _plain("\n\n".join(joined)).replace("::\n", ":\n")


def _plain(text: str) -> str:
    return text.replace("``", "`")
