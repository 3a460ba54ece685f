"""Begins faults at their times, records their proof, and ends them.

Nothing of a fault outlives the cell's namespaces. A fault that cannot begin is recorded as moot, with the reason.
"""

from __future__ import annotations

import asyncio
from functools import partial

from lab.faults.base import Fault
from lab.record.events import FaultMoot
from lab.record.writer import RUNNER
from lab.runner.agenda import Agenda, Turn
from lab.runner.fault_time import fault_time
from lab.runner.faults_in_force import FaultsInForce
from lab.runner.testbed import CellTestbed

ON_TIME_S = 0.15
"""A fault that begins this little after its time ends as if it had begun on time; a busy machine makes it later. Linux
lets a wait of minutes in ``epoll_wait`` end up to 100 ms late (``select_estimate_accuracy`` in ``fs/select.c``); the
guest's clock counts in steps of 10 ms. Else a device's schedule, in which one fault ends where the next begins, would
have the second find the first still at work."""


class Faults:
    """The faults of a running cell.

    Args:
        testbed: the running cell, silent by now.
        agenda: where they are entered.
        silence: when the client fell silent (loop time).
    """

    def __init__(self, testbed: CellTestbed, agenda: Agenda, *, silence: float) -> None:
        self._testbed = testbed
        self._agenda = agenda
        self._silence = silence
        self._ends = float(testbed.cell.ends)
        self._in_force = FaultsInForce(testbed)

    def schedule(self, number: int, fault: Fault) -> None:
        """Enter a fault, or wait beside for what its moment is counted from.

        Args:
            number: its place in the scenario, from 0.
            fault: what to do.
        """
        if fault.at.fixed is None:
            self._agenda.begin(self._wait_for(number, fault))
        else:
            self._enter(number, fault, fault.at.fixed)

    async def _wait_for(self, number: int, fault: Fault) -> None:
        moment = await fault_time(fault.at, self._testbed, until=self._silence + self._ends)
        if moment is None:
            self._moot(number, fault, f"nothing {fault.at.event.value} in time")
        else:
            self._enter(number, fault, moment - self._silence)

    def _enter(self, number: int, fault: Fault, t: float) -> None:
        if t < self._ends:
            self._agenda.add(t, Turn.FAULT, partial(self._begin, number, fault, t))
        else:
            self._moot(number, fault, f"its moment came at {t:.1f} s, not before the end of the run")

    async def _begin(self, number: int, fault: Fault, t: float) -> None:
        """Begin a fault that is due at ``t``, and enter its end."""
        self._testbed.observe_now()
        if hindrance := self._in_force.hindrance(fault):
            self._moot(number, fault, hindrance)
            return
        start = (await self._in_force.begin(number, fault)).at
        late = start - self._silence - t
        begun_at = t if late < ON_TIME_S else t + late

        async def end() -> None:
            self._in_force.end(number)

        if fault.lasts_s:
            self._agenda.add(min(begun_at + fault.lasts_s, self._ends), Turn.END, end)
        else:
            await end()

    def _moot(self, number: int, fault: Fault, why: str) -> None:
        at = min(asyncio.get_running_loop().time(), self._silence + self._ends)
        self._testbed.record.take(RUNNER, FaultMoot(n=number, fault=type(fault).__name__, why=why), at=at)
