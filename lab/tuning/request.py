"""Reads what is asked of a tuning, as the command line and Python have it; reports all problems at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lab.errors import Problem, ScenarioError
from lab.model.scenario import Scenario
from lab.tuning.parameters import OPTION, Vary
from lab.tuning.scale import Resolution, parse_range
from lab.tuning.starting_cells import Start, starts


@dataclass(frozen=True, slots=True)
class TuningRequest:
    """The searches that are asked for.

    Attributes:
        starts: where they start.
        resolution: how close a safe value and one that fails must come.
    """

    starts: tuple[Start, ...]
    resolution: Resolution


def read_request(
    scenario: Scenario, *, vary: Sequence[str], strategies: Sequence[str], resolution: str
) -> TuningRequest:
    """Read what is asked for.

    Args:
        scenario: loaded.
        vary: ``NAME=FROM..TO`` of each parameter.
        strategies: their names; none: those of the scenario that have a parameter to vary.
        resolution: a time or a share.

    Raises:
        ScenarioError: with all problems.
    """
    problems: list[Problem] = []
    ranges = [each for text in vary if (each := _vary(text, scenario.file, problems)) is not None]
    given = Counter(each.name for each in ranges)
    allowed = "one range for each parameter"
    twice = [name for name, times in given.items() if times > 1]
    problems += [Problem(scenario.file, 0, f"{OPTION} {name}", "given twice", allowed=allowed) for name in twice]
    close = _resolution(resolution, scenario.file, problems)
    found: list[Start] = []
    try:
        found = starts(scenario, strategies, ranges)
    except ScenarioError as error:
        problems += error.problems
    if not problems and all(each.cell.unsupported for each in found):
        reason = found[0].cell.unsupported if found else ""
        problems.append(Problem(scenario.file, 0, "", f"no cell that can exist: {reason}", allowed="other axes"))
    if problems or close is None:
        raise ScenarioError(problems)
    return TuningRequest(tuple(found), close)


def _vary(text: str, file: str, problems: list[Problem]) -> Vary | None:
    name, equals, between = text.partition("=")
    allowed = "NAME=FROM..TO such as `interval=10s..30min`"
    if not equals or not name.strip():
        problems.append(Problem(file, 0, OPTION, "not a parameter and its range", f"`{text}`", allowed))
        return None
    try:
        low, high = parse_range(between.strip())
    except ValueError as error:
        what, _, allowed = str(error).partition("; ")
        problems.append(Problem(file, 0, f"{OPTION} {name.strip()}", what, f"`{between}`", allowed))
        return None
    return Vary(name.strip(), low, high)


def _resolution(text: str, file: str, problems: list[Problem]) -> Resolution | None:
    try:
        return Resolution.parse(text)
    except ValueError as error:
        what, _, allowed = str(error).partition("; ")
        problems.append(Problem(file, 0, "--resolution", what, f"`{text}`", allowed))
        return None
