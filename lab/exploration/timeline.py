"""Describes what happens to a client, as a search varies it, and makes the cell of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

from lab.faults.catalog import classes
from lab.judge.tolerances import AT_ONCE_S, TIMER_F_S
from lab.loader.unsupported import examined
from lab.model import wire
from lab.model.fault import Fault
from lab.model.impairment import Impairment
from lab.model.scenario import Cell, Expectation
from lab.units import Seconds

IMPAIRMENT = "impairment"
"""The word for link impairments beside the kinds of faults."""
AXIS = "timeline"
"""The axis that the cell of a timeline has in addition."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """Faults with their moments, and link impairments.

    Attributes:
        start: the name of the cell to which it happens.
        faults: in the order in which they begin; the moments of all are known before the run.
        impairments: for the whole run.
    """

    start: str
    faults: tuple[Fault, ...] = ()
    impairments: tuple[Impairment, ...] = ()

    @property
    def over_s(self) -> float:
        """The time at which the last fault is over; 0: there is none."""
        return max((_over_s(fault) for fault in self.faults), default=0.0)

    @property
    def kinds(self) -> frozenset[str]:
        """The names of the faults in it, and the word for impairments."""
        names = {kind_of(fault) for fault in self.faults}
        return frozenset(names | ({IMPAIRMENT} if self.impairments else set()))

    @property
    def digest(self) -> str:
        """The same text for equal timelines, and for no others."""
        return digest_of(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The demands on the client.

    Attributes:
        recovers_within_s: it must be reachable so long after the last fault is over, and from then on.
        packets_per_minute: it may send so many in any minute.
    """

    recovers_within_s: float = 10.0
    packets_per_minute: int = 120


def digest_of(value: object) -> str:
    """Return a digest of a cell or of a part of one: the same for equal values."""
    return hashlib.sha256(json.dumps(wire.to_json(value), sort_keys=True).encode()).hexdigest()


def kind_of(fault: Fault) -> str:
    """Return the name of a fault in scenarios."""
    return next(name for name, cls in classes().items() if cls is type(fault))


def watched_s(start: Cell) -> float:
    """Return how long the client is watched after the time in which it must have recovered.

    As long as the scenario lasts; and long enough for a transaction of the last fault to end, and what it holds.
    """
    return max(float(start.ends), 2 * TIMER_F_S)


def cell_of(start: Cell, timeline: Timeline, limits: Limits, name: str) -> Cell:
    """Return the cell in which a timeline happens.

    Its first probe comes when the client must have recovered, its last at the end: between them the twin at the
    client's weakest moment looks (``lab.judge.weakest_times``).

    Args:
        start: the cell without anything that goes wrong.
        timeline: of that cell.
        limits: when the client must have recovered.
        name: what the cell is called, in one run only.
    """
    first = timeline.over_s + limits.recovers_within_s
    moments = (first, first + watched_s(start))
    probes = tuple(replace(start.probes[0], at=Seconds(round(at, 3))) for at in moments)
    return examined(
        replace(
            start,
            name=name,
            axes=(*start.axes, (AXIS, name)),
            faults=timeline.faults,
            impairments=(*start.impairments, *timeline.impairments),
            probes=probes,
            apart=(),
            expect=Expectation(),
            ends=Seconds(round(float(probes[-1].known_at) + AT_ONCE_S, 3)),
            claim=None,
        )
    )


def in_order(faults: list[Fault]) -> tuple[Fault, ...]:
    """Return faults in the order in which they begin; of those that begin together, always in the same."""
    return tuple(sorted(faults, key=lambda fault: (fault.at.offset, json.dumps(wire.to_json(fault), sort_keys=True))))


def _over_s(fault: Fault) -> float:
    lasts = 0.0 if getattr(fault, "is_change", False) else getattr(fault, "lasts_s", 0.0)
    return fault.at.offset + float(lasts)
