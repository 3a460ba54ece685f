"""Describes a device: what its system does to an app, as a schedule of faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.model.rules import Label, Yaml


@dataclass(frozen=True, kw_only=True, slots=True)
class Device(Yaml):
    """A device, and what its system does to an app in the background.

    Its schedule is a list of faults. They are part of the device's day, so the silent hour in which costs are
    measured has them, too. Of a schedule that is longer than the run, the rest is left out.

    Attributes:
        name: catalog name, or the one the scenario gives.
        what: what its system does, in one line.
        facts: what is known about it, each with its source; what varies, and what the schedule chooses.
        source: where the schedule comes from.
        schedule: the faults, each with its keys (typed loosely: this layer does not know them).
    """

    name: Label
    what: str = ""
    facts: tuple[str, ...] = ()
    source: str = ""
    schedule: tuple[Any, ...] = ()

    def during(self, seconds: float) -> tuple[Any, ...]:
        """Return the part of the schedule that can begin within the first ``seconds`` of a run."""
        return tuple(fault for fault in self.schedule if fault.at.fixed is None or fault.at.fixed < seconds)
