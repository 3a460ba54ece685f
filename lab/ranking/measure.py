"""Loads and orders the cells that a ranking is made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.errors import Problem, ScenarioError
from lab.loader.load import load
from lab.loader.population import OPTION, Replacement, read_population
from lab.loader.text_file import read_text
from lab.loader.yaml_lines import Node
from lab.model.scenario import Scenario
from lab.model.twin import TwinPlan

TWINS = TwinPlan(moments=1, costs=True)
"""A ranking needs each client's weakest moment and the silent hour; not the twins that only find causes."""


def scenario_to_rank(file: Path, *, population: Node | None = None, strategies: Sequence[str] = ()) -> Scenario:
    """Load a scenario for a ranking.

    Args:
        file: the file, or the name of a scenario that comes with the lab.
        population: in the place of the scenario's.
        strategies: in the place of the scenario's.

    Raises:
        ScenarioError: with all problems.
    """
    return load(file, instead=Replacement(population=population, strategies=tuple(strategies)))


def population_of(written: str) -> Node:
    """Return the population that a command names: a file with the mapping, or the mapping itself.

    Raises:
        ScenarioError: it is neither.
    """
    if "=" in written or ":" in written or "\n" in written or not written.strip():
        return read_population(written, OPTION)
    problems: list[Problem] = []
    text = read_text(Path(written), written, problems)
    if text is None:
        raise ScenarioError(problems)
    return read_population(text, written)
