"""Describes what a tuning found: the longest safe value of each combination, and one number for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lab.engine.run import Run
from lab.errors import LabError
from lab.model.outcome import Metrics
from lab.model.scenario import Cell
from lab.tuning.bisection import Ending, Found
from lab.tuning.scale import Scale
from lab.tuning.trials import Setting, Trial


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The longest safe value of one parameter in one combination.

    Attributes:
        start: the cell from which the search started; its name and axes are the combination's.
        parameter: the parameter's short name.
        scale: the values that could be tried.
        fixed: values found before, which all trials have.
        found: None: there was no search, or it could not be finished.
        costs: per hour at the safe value, of a silent hour; None: there is no safe value.
        left_out: why there was no search; empty: there was one.
        error: what kept a trial from running to its end.
    """

    start: Cell
    parameter: str
    scale: Scale
    fixed: tuple[Setting, ...] = ()
    found: Found[Trial] | None = None
    costs: Metrics | None = None
    left_out: str = ""
    error: LabError | None = None

    @property
    def strategy(self) -> str:
        """The strategy's name."""
        return self.start.strategy.name

    @property
    def name(self) -> str:
        """The name of the combination."""
        return self.start.name

    @property
    def safe(self) -> Trial | None:
        """The longest safe value; None: none is known."""
        return None if self.found is None else self.found.safe

    @property
    def words(self) -> str:
        """The answer in a few words."""
        if self.error is not None:
            return "error"
        if self.found is None:
            return "-"
        told = "" if self.safe is None else f"{self.safe.value_s:,.12g} s"
        low = f"{self.scale.low:,.12g} s"
        return {
            Ending.BETWEEN: told,
            Ending.ALL_PASS: f">= {told}",
            Ending.NONE: f"none from {low} on",
            Ending.UNKNOWN: f">= {told} ?" if told else "?",
        }[self.found.ending]

    @property
    def why(self) -> str:
        """The cause that bounds it, or why it is not bounded, or not known."""
        if self.error is not None:
            return str(self.error).splitlines()[0]
        if self.found is None:
            return self.left_out
        if self.found.ending is Ending.ALL_PASS and self.found.safe is not None:
            return f"passes at the range's end{f': {self.found.safe.text}' if self.found.safe.text else ''}"
        if self.found.fails is not None and self.found.ending is not Ending.UNKNOWN:
            return self.found.fails.text
        return next((each.text for each in self.found.unknown), "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Larger:
    """The loss from a larger number.

    Attributes:
        value_s: the number.
        survives: in how many combinations it is safe.
        lost: the combinations in which the number below it is safe, and it is not.
    """

    value_s: float
    survives: int
    lost: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The one number of a strategy's parameter.

    Attributes:
        value_s: the longest that is safe wherever any is; None: it is safe nowhere.
        bound_by: the combination that bounds it.
        judged: how many combinations there are an answer of.
        lost: combinations without a safe value.
        larger: what larger numbers would lose, the smallest first.
    """

    strategy: str
    parameter: str
    value_s: float | None
    bound_by: Answer | None
    judged: int
    lost: tuple[str, ...]
    larger: tuple[Larger, ...]

    @property
    def survives(self) -> int:
        """The number of combinations in which it is safe."""
        return self.judged - len(self.lost)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuning:
    """The result of a tuning.

    Attributes:
        run: the run of all trials.
        answers: one for each combination and parameter, in the scenario's order; empty if the run was interrupted.
    """

    run: Run
    answers: tuple[Answer, ...]

    @property
    def choices(self) -> list[Choice]:
        """The one number for each parameter of each strategy."""
        return [choice(group) for group in groups(self.answers)]


def groups(answers: Iterable[Answer]) -> Iterator[list[Answer]]:
    """Yield the answers of each strategy's parameters together."""
    found: dict[tuple[str, str], list[Answer]] = {}
    for answer in answers:
        found.setdefault((answer.strategy, answer.parameter), []).append(answer)
    yield from found.values()


def choice(group: Sequence[Answer]) -> Choice:
    """Return the one number for answers about the same parameter of the same strategy."""
    judged = [each for each in group if each.found is not None]
    safe = sorted(((each.safe.value_s, each) for each in judged if each.safe is not None), key=lambda one: one[0])
    values = sorted({value for value, _ in safe})
    larger = [
        Larger(
            value_s=value,
            survives=sum(each >= value for each, _ in safe),
            lost=tuple(answer.name for each, answer in safe if before <= each < value),
        )
        for before, value in pairwise(values)
    ]
    return Choice(
        strategy=group[0].strategy,
        parameter=group[0].parameter,
        value_s=values[0] if values else None,
        bound_by=safe[0][1] if safe else None,
        judged=len(judged),
        lost=tuple(each.name for each in judged if each.safe is None),
        larger=tuple(larger),
    )
