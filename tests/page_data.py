"""Reads ``report.html`` as a browser would before its program runs: the words, and the data in it."""

from __future__ import annotations

import base64
import json
import zlib
from html.parser import HTMLParser
from typing import Any


class PageData(HTMLParser):
    """The content of a page.

    Attributes:
        overview: the data of the overview.
        parts: the other data by their ids, unpacked.
        words: the text that is there without a program.
        loads: addresses that a browser would load.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.overview: dict[str, Any] = {}
        self.parts: dict[str, Any] = {}
        self.words = ""
        self.loads: list[str] = []
        self._inside = ""
        self._id = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.loads += [given[name] for name in ("src", "href", "rel") if name in given]
        self._inside, self._id = tag, given.get("id", "")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("script", "style"):
            self.words += data
        elif self._id == "overview":
            self.overview = json.loads(data)
        elif self._id:
            self.parts[self._id] = json.loads(zlib.decompress(base64.b64decode(data)))
