"""Defines the base of all faults in a cell: the time of their beginning. The faults are in ``lab.faults``."""

from __future__ import annotations

from dataclasses import dataclass

from lab.model.rules import Yaml
from lab.model.when import When


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault(Yaml):
    """Something that the lab does to a running cell.

    Attributes:
        at: when it begins.
        node: the node that does it.
        link: the link that it happens on.
        lasts: how long.
    """

    at: When

    @property
    def server_addresses(self) -> tuple[str, ...]:
        """Addresses that the server must have besides its own, from the start of the run."""
        return ()
