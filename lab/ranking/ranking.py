"""Ranks the strategies of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.engine.run import Run
from lab.engine.twins.cells import AT
from lab.errors import Problem, ScenarioError
from lab.loader.conversion import choice
from lab.ranking import front
from lab.ranking.candidates import WHOLE, Candidate, candidates
from lab.ranking.constraints import Constraints
from lab.ranking.recommendation import Recommendation, recommend
from lab.ranking.tallies import ANY, MIDDLEBOX, Tally, tallies

Shares = Sequence[tuple[str, float]]
"""The share of each middlebox, in percent."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The strategies of a run, ranked.

    Attributes:
        folder: the run's.
        population: the share of each middlebox, in percent.
        constraints: what was demanded.
        candidates: all strategies, those that reach most first.
        front: those of them that no other one dominates.
        dominated_by: for each of the others that reach anybody, the name of one that dominates it.
        recommendation: which to ship, and why.
    """

    folder: Path
    population: tuple[tuple[str, float], ...]
    constraints: Constraints
    candidates: tuple[Candidate, ...]
    front: tuple[Candidate, ...]
    dominated_by: dict[str, str]
    recommendation: Recommendation


def rank_run(run: Run, constraints: Constraints | None = None, population: Shares = ()) -> Ranking:
    """Rank the strategies of a run that is over.

    Args:
        run: its cells.
        constraints: what is demanded; None: nothing.
        population: the share of each middlebox, in percent; empty: that of the run's scenario, or equal shares of all
            its middleboxes.

    Raises:
        ScenarioError: the run has no cell of a middlebox of the population.
    """
    _check(run)
    weights = weights_of(run, population)
    return rank(tallies(run), weights, constraints or Constraints(), run.folder)


def rank(found: Sequence[Tally], weights: Shares, constraints: Constraints, folder: Path) -> Ranking:
    """Rank strategies by the figures of their cells."""
    ranked = sorted(candidates(found, dict(weights)), key=front.order)
    best = front.front(ranked)
    dominating = {each.name: front.dominating(each, best) for each in ranked if front.share(each) > 0}
    return Ranking(
        folder=folder,
        population=tuple(weights),
        constraints=constraints,
        candidates=tuple(ranked),
        front=tuple(best),
        dominated_by={name: other.name for name, other in dominating.items() if other is not None},
        recommendation=recommend(ranked, constraints),
    )


def _check(run: Run) -> None:
    """Refuse runs whose cells are trials: their moments and values would be taken for strategies.

    Raises:
        ScenarioError: it is one of `lab curve` or of a search.
    """
    if run.asked_for or any(name == AT for each in run for name, _ in each.cell.axes):
        allowed = "use the run of a scenario, as `lab run` and `lab rank` leave it"
        raise ScenarioError([Problem(str(run.folder), 0, "", "a run of trials, not of strategies", allowed=allowed)])


def weights_of(run: Run, population: Shares = ()) -> tuple[tuple[str, float], ...]:
    """Return the share of each middlebox of a run, in percent; together 100.

    Raises:
        ScenarioError: the run has no cell of one of them.
    """
    labels = list(dict.fromkeys(dict(each.cell.axes).get(MIDDLEBOX, ANY) for each in run))
    given = tuple(population) or run.scenario.population
    if not given:
        return tuple((label, WHOLE / len(labels)) for label in labels)
    names = [label for label in labels if label]
    problems = [
        Problem(str(run.folder), 0, f"population.{name}", "no such middlebox in this run", allowed=choice(name, names))
        for name, _ in given
        if name not in names
    ]
    if problems:
        raise ScenarioError(problems)
    total = math.fsum(share for _, share in given)
    return tuple((name, WHOLE * share / total) for name, share in given)
