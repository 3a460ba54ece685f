"""Begins a fault, records what proves it, and ends it. Nothing is left that outlives the cell's namespaces."""

from __future__ import annotations

import asyncio
import inspect

from lab.faults.base import Fault
from lab.record import codec
from lab.record.events import FaultBegan, FaultEnded
from lab.record.writer import RUNNER
from lab.runner.stage import Stage


async def inject(number: int, fault: Fault, stage: Stage, *, until: float) -> None:
    """Do what a fault says, now, and end it when its time is over.

    Args:
        number: its place in the scenario, from 0.
        fault: what to do.
        stage: the running cell.
        until: when the run ends (loop time), and with it every fault.
    """
    loop = asyncio.get_running_loop()
    name = type(fault).__name__
    stage.observe_now()
    start = loop.time()
    begun = fault.begin(number, stage)
    in_force = await begun if inspect.isawaitable(begun) else begun
    stage.record.take(RUNNER, FaultBegan(n=number, fault=name, proof=codec.proof(in_force.proof)), at=start)
    over = min(start + fault.lasts_s, until)
    await asyncio.sleep(max(0.0, over - loop.time()))
    stage.record.take(RUNNER, FaultEnded(n=number, fault=name, dropped=in_force.end()))
