"""Keeps account of a scheduler's workers: which can be used, why others cannot, how much they take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from lab.errors import HostNotCapable
from lab.fleet.capabilities import INFORMATION, Capabilities, needs, refusal
from lab.model.scenario import Cell


class Workers:
    """The workers of a scheduler, as it has told of them last.

    Args:
        own: the versions that a worker must have.

    Attributes:
        refused: why workers are not used, by their names, those that are gone included.
        tasks: how many those that are used take at the same time.
    """

    def __init__(self, own: Capabilities) -> None:
        self._own = own
        self._usable: dict[str, Capabilities] = {}
        self.refused: dict[str, HostNotCapable] = {}
        self.tasks = 0

    def update(self, told: Mapping[str, Any]) -> list[HostNotCapable]:
        """Take what the scheduler tells; return why workers are not used that were not known before.

        Args:
            told: of each worker, by its address.
        """
        self._usable, self.tasks, new = {}, 0, []
        for address, each in told.items():
            name = str(each.get("name") or address)
            said = each.get(INFORMATION)
            if (why := refusal(self._own, name, said)) is not None:
                if name not in self.refused:
                    new.append(why)
                self.refused[name] = why
                continue
            self._usable[name] = msgspec.convert(said, Capabilities)
            self.tasks += int(each.get("nthreads", 1))
        return new

    def check(self) -> None:
        """Check that there is one that can be used.

        Raises:
            HostNotCapable: there is none.
        """
        if self._usable:
            return
        for why in self.refused.values():
            raise why
        raise HostNotCapable("the Dask scheduler has no workers", fix="start some with `lab worker`")

    def can_do(self, what: Iterable[str]) -> bool:
        """Return whether one of them has all of these programs."""
        wanted = {*what}
        return any(wanted <= {*each.programs} for each in self._usable.values())

    def resources(self, cell: Cell) -> dict[str, float]:
        """Return what a task needs that runs the cell: one of each of Dask's resources that workers offer for it."""
        return dict.fromkeys((self._own.version, *needs(cell)), 1.0)

    def lacking(self, cell: Cell) -> str:
        """Return the programs that a cell needs and none of them has; all, if each is with another worker."""
        found = {name for each in self._usable.values() for name in each.programs}
        wanted = needs(cell)
        return " and ".join([name for name in wanted if name not in found] or wanted)
