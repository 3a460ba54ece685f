"""Makes text safe for GitHub-flavoured Markdown: no markup, links, mentions or HTML of its own."""

from __future__ import annotations

import re

from lab.visible_text import visible

LONGEST_TEXT = 400
"""Characters of one text."""

_RUNS = re.compile(r"`+")


def code(text: str, *, most: int = LONGEST_TEXT) -> str:
    """Return text as a code span, whatever it contains."""
    shown = visible(text, most=most)
    fence = "`" * (1 + max((len(run) for run in _RUNS.findall(shown)), default=0))
    padding = " " if not shown.strip() or shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{padding}{shown}{padding}{fence}"


def code_in_table(text: str, *, most: int = LONGEST_TEXT) -> str:
    """Return text as code for a cell of a table, where a bar ends the cell even within a code span."""
    return code_element(text, most=most) if "|" in text else code(text, most=most)


def code_element(text: str, *, most: int = LONGEST_TEXT) -> str:
    """Return text as an HTML element of which neither HTML nor Markdown takes anything for markup."""
    return f"<code>{''.join(map(_entity, visible(text, most=most)))}</code>"


def _entity(letter: str) -> str:
    return letter if letter.isascii() and (letter.isalnum() or letter in " .,-") else f"&#{ord(letter)};"


def size(lines: list[str]) -> int:
    """Return how many bytes lines take."""
    return sum(len(line.encode("utf-8")) + 1 for line in lines)
