"""Says in sentences what changed; all formats share them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from lab.comparison.changes import Change, Direction, Kind
from lab.comparison.compare import CellComparison, Comparison
from lab.comparison.gate import fails
from lab.units import counted

SECTIONS: tuple[tuple[Direction, str], ...] = (
    (Direction.WORSE, "worse"),
    (Direction.BETTER, "better"),
    (Direction.OTHER, "neither worse nor better"),
    (Direction.NOISE, "within the noise of A's seeds"),
)
"""The parts of a comparison, in their order, and their headings."""

SIGNS = {Direction.WORSE: "✗", Direction.BETTER: "✓", Direction.OTHER: "≠", Direction.NOISE: "~"}


def sections(comparison: Comparison, fail_on: Iterable[Kind]) -> Iterator[tuple[Direction, str, list[CellComparison]]]:
    """Yield each part that has cells: its direction, its heading, its cells; those that fail the comparison first."""
    kinds = frozenset(fail_on)
    for direction, heading in SECTIONS:
        cells = [each for each in comparison.changed if each.direction(kinds) is direction]
        if cells:
            yield direction, heading, sorted(cells, key=lambda each: not each.failing(kinds))


def sentences(cell: CellComparison) -> list[tuple[Direction, str]]:
    """Return what changed in a cell: a sentence for each kind of change and direction."""
    grouped = groupby(cell.changes, key=lambda each: (each.kind, each.direction))
    return [(direction, _sentence(direction, list(those))) for (_, direction), those in grouped]


def _sentence(direction: Direction, those: Sequence[Change]) -> str:
    return f"{SIGNS[direction]} {', '.join(map(said, those))}"


def said(change: Change) -> str:
    """Return a change in words: ``packets/h 477 → 520 (+9 %)``."""
    if change.numbers is None:
        what = "" if change.what in ("verdict", change.kind.value) and change.kind is not Kind.CAUSE else "cause "
        why = f": {change.why}" if change.why else ""
        return f"{what}{change.before} → {change.after}{why}"
    before, after = change.numbers
    by = f"{100 * (after - before) / before:+,.0f} %" if change.kind is Kind.COST and before else ""
    noise = f"A's seeds are {_number(change, change.noise)} apart" if change.direction is Direction.NOISE else ""
    told = "; ".join(filter(None, (by, noise)))
    return f"{change.what} {change.before} → {change.after}{told and f' ({told})'}"


def _number(change: Change, value: float) -> str:
    return f"{value:,.0f}" if change.kind is Kind.COST else f"{value:,.1f}"


def summary(comparison: Comparison, fail_on: Iterable[Kind]) -> str:
    """Say how many cells came out how."""
    kinds = frozenset(fail_on)
    of = [each.direction(kinds) for each in comparison.cells]
    words = {
        Direction.WORSE: "worse",
        Direction.BETTER: "better",
        Direction.OTHER: "different",
        Direction.NOISE: "within noise",
        None: "the same",
    }
    told = ", ".join(f"{of.count(direction):,} {word}" for direction, word in words.items() if direction in of)
    return f"{counted(len(of), 'cell')} compared: {told}"


def verdict(comparison: Comparison, fail_on: Iterable[Kind]) -> str:
    """Say whether the comparison fails, and because of what."""
    kinds = frozenset(fail_on)
    failing = comparison.failing(kinds)
    counts = [
        (kind, sum(any(fails(change, (kind,)) for change in each.changes) for each in failing))
        for kind in Kind
        if kind in kinds
    ]
    if not failing:
        looked = ", ".join(kind.value for kind in Kind if kind in kinds)
        return f"no regression ({looked})" if looked else "nothing can fail this comparison"
    because = ", ".join(f"{kind.value} {count:,}" for kind, count in counts if count)
    return f"{counted(len(failing), 'cell fails', 'cells fail')} the comparison: {because}"


def about(comparison: Comparison) -> list[tuple[str, str]]:
    """Return the two runs with their letters."""
    return [
        (letter, f"{side.name} ({side.scenario}, {counted(len(side.cells), 'cell')}, lab {side.lab or 'unknown'})")
        for letter, side in (("A", comparison.a), ("B", comparison.b))
    ]


def limits(comparison: Comparison) -> str:
    """Say which differences are none."""
    bounds = comparison.tolerances
    return f"Up to {100 * bounds.cost:.3g} % of a cost and {bounds.time_s:g} s of an outage are no difference."
