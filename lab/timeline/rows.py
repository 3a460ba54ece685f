"""Collects spans in rows in which no two overlap, and marks."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.timeline.shapes import Mark, Span
from lab.visible_text import visible

LONGEST_TEXT = 300
"""Characters of a text beside a span or a mark: some lines of a page. The record has the whole."""


@dataclass
class _Open:
    since: float
    kind: str
    text: str
    evidence: tuple[int, ...]


@dataclass
class Rows:
    """The spans and marks of a lane while they are collected; in each row at most one span is open.

    Attributes:
        spans, marks: what there is so far.
    """

    spans: list[Span] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    _open: dict[str, _Open] = field(default_factory=dict)

    def begin(self, row: str, at: float, kind: str, text: str, *evidence: int) -> None:
        """Begin a span; the one that is open in its row ends at that moment."""
        if row in self._open:
            self.end(row, at)
        self._open[row] = _Open(at, kind, text, evidence)

    def end(self, row: str, at: float, text: str = "", *evidence: int) -> bool:
        """End the open span of a row; ``text`` is added to its own. False: none is open."""
        span = self._open.pop(row, None)
        if span is None:
            return False
        self._add(row, span, at, text, evidence)
        return True

    def is_open(self, row: str, kind: str = "") -> bool:
        """Return whether a span is open in a row; with ``kind`` whether it is of that kind."""
        return row in self._open and kind in ("", self._open[row].kind)

    def mark(self, at: float, kind: str, text: str, *evidence: int) -> None:
        """Add a mark."""
        self.marks.append(Mark(at_s=at, kind=kind, text=visible(text, most=LONGEST_TEXT), evidence=evidence))

    def close(self) -> tuple[tuple[Span, ...], tuple[Mark, ...]]:
        """Return all spans and marks, in the order of time; what is open lasts until the end."""
        for row in list(self._open):
            self._add(row, self._open.pop(row), None, "", ())
        spans = sorted(self.spans, key=lambda span: (span.from_s, span.row))
        return tuple(spans), tuple(sorted(self.marks, key=lambda mark: mark.at_s))

    def _add(self, row: str, span: _Open, to_s: float | None, text: str, evidence: tuple[int, ...]) -> None:
        self.spans.append(
            Span(
                from_s=span.since,
                to_s=to_s,
                row=visible(row, most=LONGEST_TEXT),
                kind=span.kind,
                text=visible(", ".join(filter(None, (span.text, text))), most=LONGEST_TEXT),
                evidence=(*span.evidence, *evidence),
            )
        )
