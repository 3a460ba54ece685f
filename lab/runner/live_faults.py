"""Does faults in a cell that stays up, as they are asked for."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any

from lab.faults.base import Fault, Infeasible
from lab.faults.catalog import find, name_of
from lab.faults.feasibility import infeasible_faults
from lab.model import wire
from lab.model.rules import kebab
from lab.model.scenario import Cell
from lab.model.when import When
from lab.record import codec
from lab.runner import cell_file
from lab.runner.faults_in_force import FaultsInForce
from lab.runner.testbed import CellTestbed
from lab.units import Seconds

ENDLESS = Seconds(10 * 365 * 86_400)
"""The end of a cell that stays up, for checks that ask whether a fault comes before it: ten years."""


class LiveFaults:
    """The faults that were injected into a cell, in their order; `Cell.faults` of the testbed's cell has them.

    Args:
        testbed: of the cell; its faults are forgotten here, for nothing happens by itself.
        silence: time zero (loop time).
    """

    def __init__(self, testbed: CellTestbed, *, silence: float) -> None:
        self._testbed = testbed
        self._silence = silence
        self._in_force = FaultsInForce(testbed)
        self._addresses = frozenset(testbed.cell.further_addresses)
        self._ended: dict[int, float] = {}
        self._dropped: dict[int, int | None] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        testbed.cell = dataclasses.replace(testbed.cell, faults=(), probes=(), ends=ENDLESS)

    async def inject(self, written: dict[str, Any]) -> dict[str, Any]:
        """Do a fault now; return its number and its proof, or why it cannot be.

        Args:
            written: the fault, as `lab.model.wire` writes it.
        """
        cls = find(written["kind"])
        now = asyncio.get_running_loop().time() - self._silence
        read = wire.from_json(cls, written, plugins={cls.__name__: cls})
        fault = dataclasses.replace(read, at=When(offset=now))
        if (reason := self._hindrance(fault) or self._infeasible(fault)) is not None:
            return {"infeasible": dataclasses.asdict(reason)}
        number = len(self._testbed.cell.faults)
        self._take(fault)
        fault.prepare()
        self._testbed.observe_now()
        begun = await self._in_force.begin(number, fault)
        if not fault.lasts_s:
            self._end(number)
        elif fault.lasts_s != float("inf"):
            loop = asyncio.get_running_loop()
            self._timers[number] = loop.call_at(begun.at + fault.lasts_s, self._end, number)
        self._testbed.observe_now()
        return {"n": number, "proof": json.loads(bytes(codec.proof(begun.active.proof)))}

    def end(self, number: int) -> dict[str, Any]:
        """End a fault that is in force; return how many packets it has dropped, or that it is not in force."""
        if number not in self._in_force:
            return {"not_in_force": [each for each in range(len(self._testbed.cell.faults)) if each in self._in_force]}
        self._end(number)
        return {"dropped": self._dropped[number]}

    def shown(self) -> list[dict[str, Any]]:
        """Return all of them as JSON values; times are seconds after time zero."""
        faults: tuple[Any, ...] = self._testbed.cell.faults
        return [
            {
                "n": number,
                "fault": name_of(type(fault)),
                "keys": _keys(fault),
                "t": fault.at.offset,
                "in_force": number in self._in_force,
                "ends_t": _finite(fault.at.offset + fault.lasts_s) if number in self._in_force else None,
                "ended_t": self._ended.get(number),
                "dropped": self._dropped.get(number),
            }
            for number, fault in enumerate(faults)
        ]

    def _take(self, fault: Fault) -> None:
        """Add a fault to the cell, here and in the cell's file: so the record can be read with it."""
        testbed = self._testbed
        testbed.cell = dataclasses.replace(testbed.cell, faults=(*testbed.cell.faults, fault))
        cell_file.write(testbed.folder, testbed.cell)

    def _hindrance(self, fault: Fault) -> Infeasible | None:
        hindrance = self._in_force.hindrance(fault)
        return Infeasible(what=hindrance, allowed="end that first: `--end NUMBER`") if hindrance else None

    def _infeasible(self, fault: Fault) -> Infeasible | None:
        if missing := set(fault.server_addresses) - self._addresses:
            what = f"the server's node has no address {', '.join(sorted(missing))}"
            return Infeasible(what=what, allowed="`lab up` with a scenario that has this fault")
        cell = self._testbed.cell
        faults: tuple[Any, ...] = cell.faults
        still = tuple(
            each for number, each in enumerate(faults) if number in self._in_force or each.wide_effect.moves_client
        )
        with_it: Cell = dataclasses.replace(cell, faults=(*still, fault))
        return next((reason for number, reason in infeasible_faults(with_it) if number == len(still)), None)

    def _end(self, number: int) -> None:
        if (timer := self._timers.pop(number, None)) is not None:
            timer.cancel()
        self._dropped[number] = self._in_force.end(number)
        self._ended[number] = asyncio.get_running_loop().time() - self._silence


def _finite(t: float) -> float | None:
    return None if t == float("inf") else t


def _keys(fault: Fault) -> dict[str, Any]:
    """Return the keys of a fault as a scenario has them."""
    return {kebab(key): value for key, value in wire.to_json(fault).items() if key not in ("kind", "at")}
