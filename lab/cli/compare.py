"""Implements ``lab compare``: compares two runs, prints what changed and writes it in other formats."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from lab.comparison import gate, matching, side
from lab.comparison import terminal as comparison_terminal
from lab.comparison.compare import compare
from lab.comparison.figures import Tolerances
from lab.comparison.files import formats
from lab.errors import EXIT_CLAIM_BROKEN, EXIT_CLAIMS_HOLD, HostNotCapable, Problem, ScenarioError
from lab.report import terminal
from lab.units import Percent, Seconds

STDOUT = "-"
T = TypeVar("T")


def compare_runs(
    a: Path,
    b: Path,
    *,
    mapped: Sequence[str],
    tolerance: str,
    tolerance_s: str,
    fail_on: str,
    files: Mapping[str, Path],
) -> int:
    """Compare two runs; 1 if the second is worse, else 0.

    Args:
        a: what was before.
        b: what is now.
        mapped: ``AXIS=OLD:NEW`` of the command line.
        tolerance: of costs, a share.
        tolerance_s: of outages, a time.
        fail_on: the kinds of change that count, with commas.
        files: what else to write, by the name of the format; ``-`` is standard output.

    Raises:
        ScenarioError: something in these is wrong; all that is.
        HostNotCapable: a file cannot be written.
    """
    problems: list[Problem] = []

    def checked(what: Callable[[], T]) -> T | None:
        try:
            return what()
        except ScenarioError as error:
            problems.extend(error.problems)
            return None

    console = terminal.console(stderr=any(str(path) == STDOUT for path in files.values()))
    with console.status("judging the records"):  # some hundredths of a second for each cell
        first = checked(lambda: side.read(a))
        second = first if first and a.resolve() == b.resolve() else checked(lambda: side.read(b))
    share = checked(lambda: _quantity("--tolerance", Percent, tolerance))
    seconds = checked(lambda: _quantity("--tolerance-s", Seconds, tolerance_s))
    kinds = checked(lambda: gate.parse(fail_on))
    pairs = checked(lambda: matching.parse(mapped, first, second)) if first and second else None
    if first is None or second is None or share is None or seconds is None or kinds is None or pairs is None:
        raise ScenarioError(list(dict.fromkeys(problems)))  # A and B may be the same run
    comparison = compare(first, second, mapped=pairs, tolerances=Tolerances(cost=share / 100, time_s=seconds))
    comparison_terminal.show(console, comparison, kinds)
    for name, path in files.items():
        _write(path, formats()[name].render(comparison, kinds))
    return EXIT_CLAIM_BROKEN if comparison.failing(kinds) else EXIT_CLAIMS_HOLD


def _quantity(option: str, kind: type[Percent | Seconds], text: str) -> float:
    try:
        return float(kind.parse(text))
    except ValueError as problem:
        what, _, allowed = str(problem).partition("; ")
        raise ScenarioError([Problem(option, 0, "", what, f"`{text}`", allowed)]) from problem


def _write(path: Path, text: str) -> None:
    if str(path) == STDOUT:
        sys.stdout.write(text)
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        what = f"cannot write {path}: {(problem.strerror or '').lower()}"
        raise HostNotCapable(what, fix="choose a file that can be written") from problem
