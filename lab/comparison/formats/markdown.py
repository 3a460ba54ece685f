"""Writes a comparison as GitHub-flavoured Markdown, short enough for a comment on a pull request.

Text from outside stands in code spans: there, GitHub makes no links, no mentions and no markup of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lab.comparison.changes import Direction, Kind
from lab.comparison.compare import CellComparison, Comparison
from lab.comparison.wording import about, limits, sections, sentences, summary, verdict
from lab.markdown_text import code, size
from lab.units import counted

OPTION = "markdown"

MOST_BYTES = 60_000
"""GitHub refuses a comment of more than 65,536 characters; some room is left for what the caller adds."""


def render(comparison: Comparison, fail_on: Iterable[Kind]) -> str:
    """Return the text: the worst cells at once, the rest folded; cells for which there is no room are counted."""
    kinds = frozenset(fail_on)
    sign = "❌" if comparison.failing(kinds) else "✅"
    lines = [f"### {sign} {verdict(comparison, kinds)}", "", summary(comparison, kinds), ""]
    end = ["", *(f"- {letter}: {code(text)}" for letter, text in about(comparison))]
    end += [f"- note: {code(note)}" for note in comparison.notes]
    end += ["", f"{limits(comparison)}", ""]
    room = MOST_BYTES - size(lines) - size(end)
    for direction, heading, cells in sections(comparison, kinds):
        folded = direction is not Direction.WORSE
        head = f"<details><summary>{heading}: {counted(len(cells), 'cell')}</summary>" if folded else f"**{heading}**"
        part, left_out = _fitting(cells, room - len(head) - 100)
        more = [f"- and {counted(left_out, 'more cell')}, for which there is no room here"] if left_out else []
        lines += [head, "", *part, *more, "", *(["</details>", ""] if folded else [])]
        room -= size(part) + len(head) + 100
    return "\n".join([*lines, *end])


def _fitting(cells: Iterable[CellComparison], room: int) -> tuple[list[str], int]:
    """Return the lines of as many cells as there is room for, and how many are left out."""
    lines: list[str] = []
    left_out = 0
    for cell in cells:
        more = list(_lines(cell))
        if left_out or size(more) > room:
            left_out += 1
            continue
        room -= size(more)
        lines += more
    return lines, left_out


def _lines(cell: CellComparison) -> Iterator[str]:
    yield f"- {code(cell.name)}"
    for _, sentence in sentences(cell):
        yield f"  - {sentence[0]} {code(sentence[2:])}"
