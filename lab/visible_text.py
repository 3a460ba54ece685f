"""Makes text from outside safe to show: files, the wire, what clients write, logs, names of folders.

Every place that shows such text uses these functions, and nothing else does the work: the terminal
(``lab.report.terminal.console``), error messages, and each report format when it writes its file.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_IN_DOUBT = re.compile(r"[^ -~]")
"""All but the printable characters of ASCII."""


def visible(text: str, *, most: int | None = None, lines: bool = False) -> str:
    r"""Return text in which each character can be seen: an escape character becomes ``\x1b``.

    Characters that nobody sees are control and format characters (among these what turns the direction of writing),
    halves of surrogate pairs, line and paragraph separators, and what Unicode gives no meaning.

    Args:
        text: from anywhere.
        most: how many characters the result has at most, the last then being ``…``; None: as many as it takes.
        lines: keep line ends and tabs; else they become a space.
    """
    if most is not None and len(text) > most:
        text = text[:most] + "…"  # cut twice: what is thrown away need not be made visible first
    if not text.isascii() or not text.isprintable():
        text = _IN_DOUBT.sub(_seen_with_lines if lines else _seen_in_line, text)
    return text if most is None or len(text) <= most else text[: most - 1] + "…"


def from_bytes(data: bytes, *, most: int | None = None) -> str:
    r"""Return bytes as visible text; what is not UTF-8 is shown as ``\xff``."""
    return visible(data.decode("utf-8", "backslashreplace"), most=most)


def all_visible(value: Any) -> Any:
    """Return JSON values, mappings and lists included, in which each text is visible; line ends stay."""
    if isinstance(value, str):
        return visible(value, lines=True)
    if isinstance(value, dict):
        return {visible(key) if isinstance(key, str) else key: all_visible(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [all_visible(each) for each in value]
    return value


def _seen_with_lines(match: re.Match[str]) -> str:
    return _seen(match[0], lines=True)


def _seen_in_line(match: re.Match[str]) -> str:
    return _seen(match[0], lines=False)


def _seen(character: str, *, lines: bool) -> str:
    if character in "\n\t\r":
        return character if lines and character != "\r" else " "
    if character.isprintable() or unicodedata.category(character) == "Zs":  # which includes the no-break space
        return character
    return character.encode("unicode-escape").decode("ascii")
