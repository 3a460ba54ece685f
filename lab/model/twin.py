"""Describes the purpose of a twin: a copy of a cell that differs in one thing, to answer one question about it."""

from __future__ import annotations

from dataclasses import dataclass

from lab.model.without import Without


@dataclass(frozen=True, kw_only=True, slots=True)
class AtMoment:
    """The client is probed once, at a moment at which it was weak.

    Attributes:
        at_s: when, in seconds after time zero.
        until_s: when it was heard of again in the cell itself; None: not before the end.
        why: what made it weak, a clause.
    """

    at_s: float
    until_s: float | None
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """The client is probed once, at one of the moments of probes that are set apart."""

    at_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Silent:
    """Nothing is done to the client, so that all traffic is its own: what the strategy costs.

    Attributes:
        over_s: for how long.
    """

    over_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """Suspects of a lost probe are left out, to see whether it arrives without them.

    Attributes:
        without: what is left out; several things together where none alone made the difference.
    """

    without: tuple[Without, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherSeed:
    """The same with another seed."""

    seed: int


Role = AtMoment | Look | LeftOut | Silent | OtherSeed


@dataclass(frozen=True, kw_only=True, slots=True)
class Twin:
    """A twin.

    Attributes:
        of: the folder of the cell that it is a twin of, relative to the run's; empty: of several.
        role: the question that it answers.
    """

    of: str
    role: Role


@dataclass(frozen=True, kw_only=True, slots=True)
class TwinPlan:
    """The twins that a run is to have.

    Attributes:
        moments: of each cell that passes, so many at its weakest moments.
        causes: of each lost probe that has several suspects, one without each; in virtual time alone.
        costs: one for the costs per hour; in virtual time alone, since it lasts an hour.
        seeds: each cell with so many seeds.
    """

    moments: int = 0
    causes: bool = False
    costs: bool = False
    seeds: int = 1


NO_TWINS = TwinPlan()
"""The scenario's own cells and nothing else."""
