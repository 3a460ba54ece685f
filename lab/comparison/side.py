"""Reads one side of a comparison: a run folder, a ``report.json``, or a run in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from lab.engine.about import RUN_FILE
from lab.engine.run import Run
from lab.errors import Problem, ScenarioError
from lab.kept_file import read_kept
from lab.report.formats import report_json
from lab.report.paths import shown
from lab.visible_text import visible

Amount = Annotated[float, msgspec.Meta(ge=0)]
"""A count, a size or a length of time: never below zero."""

Part = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""A share."""


class Outage(msgspec.Struct):
    """A time without an answered probe; ``to_s`` is None if it was not over at the end."""

    from_s: float
    to_s: float | None


class Metrics(msgspec.Struct):
    """The metrics that are compared, as of ``report.json``."""

    outages: list[Outage]
    packets_per_hour: Amount
    bytes_per_hour: Amount
    radio_wakeups_per_hour: Amount
    radio_active_s_per_hour: Amount
    observed_s: Amount
    measured: bool
    lost: dict[str, float] | None


class Trial(msgspec.Struct):
    """A probe at a weak moment."""

    at_s: float
    reached: bool | None
    gap_s: Amount | None


class Reachability(msgspec.Struct):
    """The results of probes that each have a cell of their own."""

    share: Part
    longest_gap_s: Amount


class Cause(msgspec.Struct):
    """The cause of a ``fail``."""

    kind: str
    at_s: float | None
    text: str = ""


Word = Literal["pass", "fail", "inconclusive", "unsupported"]


class Seed(msgspec.Struct):
    """The outcome of a cell with one seed; reports before 0.3 have the first three only."""

    seed: int
    verdict: Word
    text: str = ""
    cause: Cause | None = None
    metrics: Metrics | None = None
    tried: list[Trial] = []
    reachability: Reachability | None = None


class Failure(msgspec.Struct):
    """The error that kept a cell from running."""

    side: str
    text: str


class Cell(msgspec.Struct):
    """A cell; ``ends_s`` is None in reports before 0.3, and the rest is empty if it could not run."""

    name: str
    axes: dict[str, str]
    verdict: Word | None
    ends_s: float | None = None
    doubt: str = ""
    cause: Cause | None = None
    metrics: Metrics | None = None
    tried: list[Trial] = []
    reachability: Reachability | None = None
    seeds: list[Seed] = []
    error: Failure | None = None

    @property
    def word(self) -> str:
        """The verdict, or ``error``."""
        return self.verdict or "error"

    @property
    def judged(self) -> bool:
        """True if it passed or failed."""
        return self.verdict in ("pass", "fail")

    @property
    def why(self) -> str:
        """The cause, the doubt or the error."""
        if self.error is not None:
            return self.error.text
        return self.cause.text if self.cause is not None else self.doubt


class _Scenario(msgspec.Struct):
    name: str
    title: str = ""


class _Report(msgspec.Struct):
    scenario: _Scenario
    cells: list[Cell]
    lab: str = ""
    clock: str = ""
    finished: bool = True


@dataclass(frozen=True)
class Side:
    """One of the two runs.

    Attributes:
        name: as people are told: its path.
        scenario: the scenario's name.
        title: the scenario's.
        lab: the version that judged it.
        clock: ``real`` or ``virtual``.
        finished: False if it was interrupted.
        cells: by their labels on each axis.
    """

    name: str
    scenario: str
    title: str
    lab: str
    clock: str
    finished: bool
    cells: tuple[Cell, ...]

    @property
    def axes(self) -> dict[str, list[str]]:
        """The labels of each axis, in the order of the cells."""
        found: dict[str, list[str]] = {}
        for cell in self.cells:
            for axis, label in cell.axes.items():
                if label not in found.setdefault(axis, []):
                    found[axis].append(label)
        return found


def read(what: Run | Path | str) -> Side:
    """Return a side.

    Args:
        what: a run, its folder, or a ``report.json``. Records of a run are judged again; a report is taken as it is.

    Raises:
        ScenarioError: it is none, or is damaged.
    """
    if isinstance(what, Run):
        return _of_run(what)
    path = Path(what)
    name = shown(path)
    if path.is_dir():
        if not (path / RUN_FILE).exists() and not (path / "cells").is_dir():
            allowed = f"use the folder of a run, which has a {RUN_FILE}, or the path of a {report_json.FILE}"
            raise ScenarioError([Problem(name, 0, "", "not a run's folder", allowed=allowed)])
        return _of_run(Run.open(path))
    try:
        data = read_kept(path, within=Path("/"))
    except FileNotFoundError:
        allowed = f"use a run folder or a {report_json.FILE}"
        raise ScenarioError([Problem(name, 0, "", "no such file or folder", allowed=allowed)]) from None
    return _checked(name, data)


def _of_run(run: Run) -> Side:
    damage = [problem for _, each in run.results if isinstance(each, ScenarioError) for problem in each.problems]
    if damage:
        raise ScenarioError(damage)
    return _converted(shown(run.folder), report_json.document(run))


def _checked(name: str, data: bytes) -> Side:
    """Return the side that a ``report.json`` tells of."""
    try:
        about = msgspec.json.decode(data)
    except (ValueError, RecursionError) as problem:
        raise _no_report(name, problem) from problem
    if not isinstance(about, dict) or "format" not in about or "cells" not in about:
        raise _no_report(name, ValueError("no `format` and `cells` in it"))
    if about["format"] != report_json.FORMAT:
        got = visible(str(about["format"]), most=40)
        allowed = f"expected {report_json.FORMAT}, or the release of the lab that wrote it"
        raise ScenarioError([Problem(name, 0, "format", "of another format", got, allowed)])
    return _converted(name, about)


def _converted(name: str, about: object) -> Side:
    try:
        report = msgspec.convert(about, _Report)
    except (ValueError, RecursionError) as problem:
        raise _no_report(name, problem) from problem
    seen: set[frozenset[tuple[str, str]]] = set()
    for cell in report.cells:
        key = frozenset(cell.axes.items())
        if key in seen:
            twice = Problem(name, 0, "cells", "two cells with the same labels", cell.name, "expected each once")
            raise ScenarioError([twice])
        seen.add(key)
    return Side(
        name=name,
        scenario=report.scenario.name,
        title=report.scenario.title,
        lab=report.lab,
        clock=report.clock,
        finished=report.finished,
        cells=tuple(report.cells),
    )


def _no_report(name: str, problem: Exception) -> ScenarioError:
    got = visible(str(problem), most=200)
    allowed = f"use a run folder or the {report_json.FILE} in one"
    return ScenarioError([Problem(name, 0, "", f"not a {report_json.FILE} of the lab", got, allowed)])
