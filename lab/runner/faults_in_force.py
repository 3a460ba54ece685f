"""Begins and ends faults in a running cell, and records both; keeps those that are in force."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass

from lab.faults.base import ActiveFault, Fault
from lab.record import codec
from lab.record.events import FaultBegan, FaultEnded
from lab.record.writer import RUNNER
from lab.runner.testbed import CellTestbed


@dataclass(frozen=True, slots=True)
class BegunFault:
    """A fault that has begun.

    Attributes:
        fault: it.
        at: when it began (loop time).
        active: its proof, and how to end it.
    """

    fault: Fault
    at: float
    active: ActiveFault


class FaultsInForce:
    """The faults that have begun in a running cell and are not over, by their numbers."""

    def __init__(self, testbed: CellTestbed) -> None:
        self._testbed = testbed
        self._begun: dict[int, BegunFault] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._begun

    def hindrance(self, fault: Fault) -> str:
        """Say what goes on in the server that keeps a fault from beginning; empty if nothing does.

        Of moments that are known before the run the loader has refused this (``lab.faults.feasibility``).
        """
        for other in (begun.fault for begun in self._begun.values()):
            if other.holds and not other.is_change and (other.holds in fault.not_while or other.holds == fault.holds):
                return f"when its moment came, {type(other).__name__} was at work"
        return ""

    async def begin(self, number: int, fault: Fault) -> BegunFault:
        """Begin a fault, now; it stays in force until it is ended.

        Args:
            number: its place among the faults of the cell, from 0.
            fault: what to do.
        """
        start = asyncio.get_running_loop().time()
        doing = fault.begin(number, self._testbed)
        active = await doing if inspect.isawaitable(doing) else doing
        began = FaultBegan(n=number, fault=type(fault).__name__, proof=codec.proof(active.proof))
        self._testbed.record.take(RUNNER, began, at=start)
        self._begun[number] = BegunFault(fault, start, active)
        return self._begun[number]

    def end(self, number: int) -> int | None:
        """End a fault; return how many packets its rules have lost, None if it has no such rules."""
        begun = self._begun.pop(number)
        dropped = begun.active.end()
        self._testbed.record.take(RUNNER, FaultEnded(n=number, fault=type(begun.fault).__name__, dropped=dropped))
        return dropped
