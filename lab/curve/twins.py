"""Twins of a cell: the same, but for one probe at a moment of its own in the place of all others.

A probe restarts timers, so several in one cell do not show when a client can be reached; one cell for each moment does.
"""

from __future__ import annotations

import dataclasses
import math

from lab.loader.unsupported import examined
from lab.model.scenario import Cell, Expectation
from lab.units import Seconds

CLEAR_OF_EXPIRY_S = 8.0
"""The sentinel is challenged some seconds before the end at the latest, and that must not be the very moment at which
the middlebox forgets: an end within this time after it is moved there."""


def moments(start: float, until: float, every: float) -> list[float]:
    """The grid from ``start`` to ``until``, both included as far as ``every`` meets them (seconds)."""
    count = math.floor((until - start) / every + 1e-9) + 1
    return [round(start + number * every, 6) for number in range(max(0, count))]


def twin(cell: Cell, at: float) -> Cell:
    """The cell with its first probe, moved to ``at`` (seconds), as its only one.

    Faults that begin once the probe's fate is known are left out: they cannot matter, and need not prove anything. It
    claims nothing. Its name has the moment added.
    """
    probe = dataclasses.replace(cell.probes[0], at=Seconds(at))
    known = float(probe.known_at)
    changed = dataclasses.replace(
        cell,
        name=f"{cell.name},at-{at:g}s",
        axes=(*cell.axes, ("at", f"{at:g}s")),
        faults=tuple(fault for fault in cell.faults if fault.at.fixed is None or fault.at.fixed <= known),
        probes=(probe,),
        expect=Expectation(),
        ends=Seconds(_end(cell, known)),
        claim=None,
    )
    return examined(changed)


def _end(cell: Cell, known: float) -> float:
    end = max(float(cell.ends), known)
    for _, box in cell.middleboxes:
        for expiry in (box.established_idle_timeout, box.lifetime):
            if expiry is not None and expiry - 1 < end < expiry + CLEAR_OF_EXPIRY_S:
                end = expiry + CLEAR_OF_EXPIRY_S
    return end
