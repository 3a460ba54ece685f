"""Finds the web addresses in a text, so that a page can make a link of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_ADDRESS = re.compile(r"https?://[^\s;,<>\"']+[^\s;,<>\"'.)\]]")
"""Nothing but the web: no `javascript:`, no `file:`."""


class Part(NamedTuple):
    """A part of a text; ``address`` is empty where it is no link."""

    text: str
    address: str


def parts(text: str) -> Iterator[Part]:
    """Yield the text in parts: its web addresses, and what stands between them."""
    end = 0
    for match in _ADDRESS.finditer(text):
        if match.start() > end:
            yield Part(text[end : match.start()], "")
        yield Part(match.group(), match.group())
        end = match.end()
    if end < len(text):
        yield Part(text[end:], "")
