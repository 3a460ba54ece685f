"""Makes the cells from which searches start: each combination of a scenario's other axes with each strategy. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from lab.errors import Problem, ScenarioError
from lab.loader import catalog
from lab.loader.conversion import choice
from lab.loader.one_key_mappings import mitigations, read_kind
from lab.loader.unsupported import examined
from lab.loader.yaml_lines import Node
from lab.model.scenario import Cell, Scenario, Strategy
from lab.tuning.parameters import OPTION, Parameter, Vary, named, names_of, parameters_of, times

STRATEGY = "strategy"
"""The axis."""
STRATEGY_OPTION = "--strategy"


@dataclass(frozen=True, slots=True)
class Start:
    """The cell from which a search starts.

    Attributes:
        cell: with the values that its strategy has; `Cell.unsupported` says why there is no search.
        varied: the parameters to search for, in the order of the options, each with its range.
        names: of these parameters, short.
    """

    cell: Cell
    varied: tuple[tuple[Parameter, Vary], ...]
    names: tuple[str, ...]


def starts(scenario: Scenario, strategies: Sequence[str], vary: Sequence[Vary]) -> list[Start]:
    """Return the cells from which searches start, in the scenario's order.

    Args:
        scenario: loaded; its strategies, those of the catalog and mitigations can be named.
        strategies: names; empty: those of the scenario that have a parameter to vary.
        vary: what is varied.

    Raises:
        ScenarioError: with all problems.
    """
    problems: list[Problem] = []
    cells = _cells(scenario, strategies, vary, problems)
    if problems:
        raise ScenarioError(problems)
    found = [_start(cell, vary, scenario.file, problems, asked=bool(strategies)) for cell in cells]
    kept = [each for each in found if each is not None]
    for each in vary:
        if not problems and not any(each in (vary for _, vary in start.varied) for start in kept):
            known = sorted({name for cell in cells for name in names_of(parameters_of(cell))})
            what = "no strategy here has this parameter"
            problems.append(Problem(scenario.file, 0, OPTION, what, f"`{each.name}`", choice(each.name, known)))
    if problems:
        raise ScenarioError(sorted(set(problems)))
    return kept


def _cells(scenario: Scenario, names: Sequence[str], vary: Sequence[Vary], problems: list[Problem]) -> list[Cell]:
    """Return the scenario's cells with these strategies."""
    bare = [dataclasses.replace(cell, claim=None) for cell in scenario.cells]
    if not names:
        return bare
    own = {cell.strategy.name for cell in bare}
    others = list({_others(cell): cell for cell in bare}.values())
    cells = []
    for name in dict.fromkeys(names):
        if name in own:
            cells += [cell for cell in bare if cell.strategy.name == name]
        elif (strategy := _strategy(name, own, vary, scenario.file, problems)) is not None:
            cells += [_with_strategy(cell, strategy) for cell in others]
    return cells


def _others(cell: Cell) -> tuple[tuple[str, str], ...]:
    return tuple(axis for axis in cell.axes if axis[0] != STRATEGY)


def _strategy(name: str, own: set[str], vary: Sequence[Vary], file: str, problems: list[Problem]) -> Strategy | None:
    """Return a strategy of the catalog, or one that is a single mitigation."""
    if name in catalog.strategy_names():
        return catalog.strategy(name)
    kinds = mitigations()
    if name not in kinds:
        known = [*sorted(own), *catalog.strategy_names(), *kinds]
        problems.append(
            Problem(file, 0, STRATEGY_OPTION, "no such strategy, and no such mitigation", f"`{name}`",
                    choice(name, dict.fromkeys(known)))
        )  # fmt: skip
        return None
    path = f"{STRATEGY_OPTION} {name}"
    children = {}
    for parameter in times(name, kinds[name]):
        for each in vary:
            if named(each.name, [parameter], name):
                low = str(each.low)
                children[parameter.key] = Node(file, 0, f"{path}.{parameter.key}", parameter.key, low, low)
    mitigation = read_kind(kinds, Node(file, 0, path, value={name: Node(file, 0, path, name, "", children)}), problems)
    if mitigation is None:
        return None
    return Strategy(name=name, what=f"{name} alone", mitigations=(mitigation,))


def _with_strategy(cell: Cell, strategy: Strategy) -> Cell:
    """Return the cell with another strategy, which its name and its axes say."""
    swept = any(axis == STRATEGY for axis, _ in cell.axes)
    axes = tuple((axis, strategy.name if axis == STRATEGY else label) for axis, label in cell.axes)
    axes = axes if swept else ((STRATEGY, strategy.name), *axes)
    name = ",".join(label for _, label in axes)
    return examined(dataclasses.replace(cell, strategy=strategy, axes=axes, name=name))


def _start(cell: Cell, vary: Sequence[Vary], file: str, problems: list[Problem], *, asked: bool) -> Start | None:
    """Return where the search for a cell starts; None: its strategy has none of the parameters."""
    known = parameters_of(cell)
    varied = []
    for each in vary:
        found = named(each.name, known, cell.strategy.name)
        if len(found) > 1:
            allowed = f"use {' or '.join(one.name for one in found)}"
            what = f"several parameters of {cell.strategy.name} have this name"
            problems.append(Problem(file, 0, OPTION, what, f"`{each.name}`", allowed))
        elif found:
            problems += [*found[0].problems(each.low, file), *found[0].problems(each.high, file)]
            problems += _too_long(cell, found[0], each, file)
            varied.append((found[0], each))
    if varied:
        names = dict(zip(known, names_of(known), strict=True))
        return Start(cell, tuple(varied), tuple(names[parameter] for parameter, _ in varied))
    if asked:
        what = f"{cell.strategy.name} has none of the parameters to vary"
        got = ", ".join(f"`{each.name}`" for each in vary)
        problems.append(Problem(file, 0, OPTION, what, got, choice(vary[0].name, names_of(known))))
    return None


def _too_long(cell: Cell, parameter: Parameter, vary: Vary, file: str) -> list[Problem]:
    """Refuse what the server would not grant: the search would try one value under many names."""
    most = parameter.granted_at_most(cell)
    if most is None or vary.high <= most:
        return []
    key = "registration-expires" if most == cell.server.registration_expires else "subscription-expires"
    allowed = f"use a range up to that, or `server: {{ {key}: {vary.high} }}` in the scenario"
    return [Problem(file, 0, f"{OPTION} {vary.name}", f"the server grants {most} at most", f"`{vary.high}`", allowed)]
