"""Finds the cells from which a search begins: those of a scenario with one strategy, in which nothing goes wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lab.errors import Problem, ScenarioError
from lab.loader import catalog
from lab.loader.conversion import choice
from lab.loader.unsupported import examined
from lab.model.scenario import Cell, Expectation, Scenario

STRATEGY, FAILURE = "strategy", "failure"
"""Axes that do not tell one start from another: there is one strategy; what goes wrong is what the search varies."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """A cell in which nothing goes wrong.

    Attributes:
        cell: named by its labels, but for the strategy.
        origin: the scenario's cell that it was made from.
    """

    cell: Cell
    origin: Cell


def starts(scenario: Scenario, strategy: str) -> tuple[Start, ...]:
    """Return the cells of a scenario with one strategy, each once, without faults.

    Args:
        scenario: loaded; its faults, claims and probes do not matter, but for the kind of the first probe.
        strategy: one of the scenario's, or of the catalog; empty: the only one that the scenario has.

    Raises:
        ScenarioError: there is no such strategy, or it cannot exist in any cell.
    """
    cells = _with_strategy(scenario, strategy)
    bare: dict[Cell, Start] = {}
    reasons = []
    for cell, origin in cells:
        nothing = replace(
            cell, name="", axes=(), faults=(), apart=(), probes=cell.probes[:1], expect=Expectation(), claim=None
        )
        nothing = examined(nothing)
        if nothing.unsupported:
            reasons.append(nothing.unsupported)
        else:
            bare.setdefault(nothing, Start(cell=replace(nothing, axes=cell.axes), origin=origin))
    if not bare:
        raise _refused(scenario, f"cannot exist here: {reasons[0]}", strategy, "another one")
    return tuple(_named(bare.values()))


def _with_strategy(scenario: Scenario, name: str) -> list[tuple[Cell, Cell]]:
    """Return the cells with that strategy, each with the scenario's cell that it was made from."""
    own = list(dict.fromkeys(cell.strategy.name for cell in scenario.cells))
    if not name and len(own) > 1:
        raise _refused(scenario, "this scenario has several strategies", "", f"one of {', '.join(own)}")
    if not name or name in own:
        return [(cell, cell) for cell in scenario.cells if cell.strategy.name == (name or own[0])]
    if name not in catalog.strategy_names():
        raise _refused(scenario, "no such strategy", name, choice(name, [*own, *catalog.strategy_names()]))
    return [(replace(cell, strategy=catalog.strategy(name)), cell) for cell in scenario.cells]


def _named(found: Iterable[Start]) -> list[Start]:
    """Name the starts by the labels that tell them apart."""
    all_of = list(found)
    short = [_labels(each.cell, {STRATEGY, FAILURE}) for each in all_of]
    named = []
    for start, labels in zip(all_of, short, strict=True):
        kept = labels if short.count(labels) == 1 else _labels(start.cell, {STRATEGY})
        strategy = start.cell.strategy.name
        name = ",".join(label for _, label in kept) or strategy
        named.append(replace(start, cell=replace(start.cell, name=name, axes=((STRATEGY, strategy), *kept))))
    return named


def _labels(cell: Cell, but: set[str]) -> tuple[tuple[str, str], ...]:
    return tuple((axis, label) for axis, label in cell.axes if axis not in but)


def _refused(scenario: Scenario, what: str, got: str, allowed: str) -> ScenarioError:
    return ScenarioError([Problem(scenario.file, 0, "--strategy", what, f"`{got}`" if got else "", allowed)])
