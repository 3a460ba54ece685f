"""What is done when, and in which order on one instant."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from lab.errors import LabFault
from lab.runner.agenda import Agenda, Turn

UNTIL = 0.4
"""Seconds; real time passes, but no more than this."""


def played(*, fill: Callable[[Agenda, Callable[[str], Awaitable[None]]], None]) -> list[str]:
    """What was done in an agenda, in order."""
    done: list[str] = []

    async def play() -> None:
        agenda = Agenda(asyncio.get_running_loop().time())

        async def do(name: str) -> None:
            done.append(f"{name} begins")
            await asyncio.sleep(0)
            done.append(name)

        fill(agenda, do)
        await agenda.run(UNTIL)

    asyncio.run(play())
    return [name for name in done if not name.endswith(" begins")]


def test_one_instant_has_an_order() -> None:
    """What ends comes first, then faults as they were added, then probes; each when the one before is done."""

    def fill(agenda: Agenda, do: Callable[[str], Awaitable[None]]) -> None:
        agenda.add(0.009, Turn.PROBE, partial(do, "probe"))
        agenda.add(0.009, Turn.OTHER, partial(do, "other"))
        agenda.add(0.009, Turn.FAULT, partial(do, "first fault"))
        agenda.add(0.009, Turn.FAULT, partial(do, "second fault"))
        agenda.add(0.001 + 0.008, Turn.END, partial(do, "end"))  # 0.009 but for its last bits

    assert 0.001 + 0.008 != 0.009
    assert played(fill=fill) == ["end", "first fault", "second fault", "probe", "other"]


def test_instants_do_not_wait_for_each_other() -> None:
    """One that takes long keeps back its own instant, and nothing later; the end is waited for."""

    def fill(agenda: Agenda, do: Callable[[str], Awaitable[None]]) -> None:
        async def long() -> None:
            await asyncio.sleep(0.04)
            await do("long")

        agenda.add(0.0, Turn.FAULT, long)
        agenda.add(0.0, Turn.PROBE, partial(do, "probe with it"))
        agenda.add(0.02, Turn.PROBE, partial(do, "later probe"))
        agenda.add(UNTIL, Turn.END, partial(do, "end"))
        agenda.add(UNTIL + 0.001, Turn.OTHER, partial(do, "too late"))

    assert played(fill=fill) == ["later probe", "long", "probe with it", "end"]


def test_what_is_added_on_the_way() -> None:
    """It is done when it is due; what is past is done at once; what goes on beside is waited for."""

    def fill(agenda: Agenda, do: Callable[[str], Awaitable[None]]) -> None:
        async def goes_on() -> None:
            await asyncio.sleep(UNTIL)
            await do("beside")

        async def add() -> None:
            agenda.begin(goes_on())
            agenda.add(0.3, Turn.END, partial(do, "added"))
            agenda.add(-1.0, Turn.FAULT, partial(do, "past"))

        agenda.add(0.01, Turn.FAULT, add)
        agenda.add(0.2, Turn.PROBE, partial(do, "between"))

    assert played(fill=fill) == ["past", "between", "added", "beside"]


def test_a_failure_ends_it() -> None:
    """At once, and nothing is done any more."""
    done: list[str] = []

    def fill(agenda: Agenda, _: Callable[[str], Awaitable[None]]) -> None:
        async def fail() -> None:
            raise LabFault("beginning a fault", detail="no")

        async def note() -> None:
            done.append("later")

        agenda.add(0.0, Turn.FAULT, fail)
        agenda.add(0.0, Turn.PROBE, note)
        agenda.add(0.01, Turn.PROBE, note)

    with pytest.raises(LabFault, match="beginning a fault"):
        played(fill=fill)
    assert done == []
