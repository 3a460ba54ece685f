"""Compares two runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lab.comparison.changes import OUT_OF_REACH, Change, Direction, Kind, changes, foremost
from lab.comparison.figures import Tolerances
from lab.comparison.gate import FAIL_ON, fails
from lab.comparison.matching import Mapped, Match, match
from lab.comparison.side import Side, read
from lab.engine.run import Run
from lab.units import counted


@dataclass(frozen=True)
class CellComparison:
    """A cell in both runs.

    Attributes:
        match: the cells; None in it: that run has none.
        changes: what differs, the verdict first; empty: nothing.
    """

    match: Match
    changes: tuple[Change, ...]

    @property
    def name(self) -> str:
        """The labels, joined by commas; ``old → new`` where they differ."""
        return self.match.name

    def direction(self, fail_on: Iterable[Kind | str] = FAIL_ON) -> Direction | None:
        """Return what the changes come to: worse, if one of them counts, else the most important one; None: nothing."""
        return Direction.WORSE if self.failing(fail_on) else foremost(self.changes)

    def failing(self, fail_on: Iterable[Kind | str] = FAIL_ON) -> tuple[Change, ...]:
        """Return the changes that make the comparison fail; ``fail_on``: the kinds that count, or their words."""
        kinds = frozenset(map(Kind, fail_on))
        return tuple(each for each in self.changes if fails(each, kinds))


@dataclass(frozen=True)
class Comparison:
    """Two runs, cell by cell. Iterating gives the cells.

    Attributes:
        a, b: the runs.
        cells: those of A in its order, then those that are new in B.
        tolerances: the differences that are none.
    """

    a: Side
    b: Side
    cells: tuple[CellComparison, ...]
    tolerances: Tolerances

    def __iter__(self) -> Iterator[CellComparison]:
        return iter(self.cells)

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def changed(self) -> list[CellComparison]:
        """The cells in which something differs."""
        return [each for each in self.cells if each.changes]

    def failing(self, fail_on: Iterable[Kind | str] = FAIL_ON) -> list[CellComparison]:
        """Return the cells that make the comparison fail; ``fail_on``: the kinds that count, or their words."""
        kinds = frozenset(map(Kind, fail_on))
        return [each for each in self.cells if each.failing(kinds)]

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Reasons to trust the comparison less, as sentences."""
        return tuple(_notes(self))


def compare(
    a: Side | Run | Path | str,
    b: Side | Run | Path | str,
    *,
    mapped: Sequence[Mapped] = (),
    tolerances: Tolerances | None = None,
) -> Comparison:
    """Compare two runs.

    Args:
        a: what was before: a run, a run folder, or the path of a ``report.json``.
        b: what is now, likewise; it may be the same run.
        mapped: labels that are compared although they differ: axis, label of A, label of B.
        tolerances: the differences that are none; None: the usual ones.

    Raises:
        ScenarioError: one of them is no run, or they have no cell in common.
    """
    first, second = (each if isinstance(each, Side) else read(each) for each in (a, b))
    bounds = tolerances or Tolerances()
    cells = (CellComparison(each, tuple(changes(each, bounds))) for each in match(first, second, mapped))
    return Comparison(first, second, tuple(cells), bounds)


def _notes(comparison: Comparison) -> Iterator[str]:
    a, b = comparison.a, comparison.b
    for letter, side in (("A", a), ("B", b)):
        if not side.finished:
            yield f"{letter} was interrupted: cells that did not end are inconclusive"
    for what in ("scenario", "lab", "clock"):
        before, after = getattr(a, what), getattr(b, what)
        if before != after:
            yield f"A and B differ in the {what}: {before or 'unknown'} and {after or 'unknown'}"
    yield from _notes_of_moments(comparison)
    befores = [each.match.a for each in comparison.cells if each.match.a is not None]
    if unknown := sum(1 for cell in befores if cell.word in ("inconclusive", "error")):
        yield f"{counted(unknown, 'cell')} of A {'has' if unknown == 1 else 'have'} no verdict: B cannot be worse there"
    pairs = [(each.match.a, each.match.b) for each in comparison.cells]
    both = [(one, other) for one, other in pairs if one is not None and other is not None]
    longer = sum(1 for one, other in both if one.ends_s and other.ends_s and one.ends_s != other.ends_s)
    if longer:
        cells = f"{longer} of {counted(len(both), 'cell')}"
        yield f"{cells}: A and B do not last equally long; what lasted to the end ends with the shorter"
    judged = [(one.metrics, other.metrics) for one, other in both if one.judged and other.judged]
    estimated = sum(1 for one, other in judged if one and other and one.measured != other.measured)
    if estimated:
        yield f"{estimated} of {counted(len(both), 'cell')}: costs are not compared; one run has estimates only"
    if any(each.kind is Kind.COST and OUT_OF_REACH in each.before + each.after for each in _all(comparison)):
        yield f"{OUT_OF_REACH} out of reach for some time of the silent hour"
    if any(each.numbers for each in _all(comparison)) and not any(one.seeds for one, _ in both):
        yield "A has one seed, so its own noise is not known; `lab run --seeds 5` measures it"


def _notes_of_moments(comparison: Comparison) -> Iterator[str]:
    """Say if clients that pass were probed again at weak moments in one run only (``lab run --moments``)."""
    pairs = [(each.match.a, each.match.b) for each in comparison.cells]
    both = [(one, other) for one, other in pairs if one is not None and other is not None]
    probed = any(one.tried for one, _ in both), any(other.tried for _, other in both)
    if probed[0] != probed[1]:
        without, other = ("B", "A") if probed[0] else ("A", "B")
        yield f"{without} did not probe at weak moments (`--moments 0`), {other} did: a pass says less there"


def _all(comparison: Comparison) -> Iterator[Change]:
    for cell in comparison:
        yield from cell.changes
