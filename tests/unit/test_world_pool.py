"""Which worlds run what, with worlds of no substance."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, cast

import pytest

from lab.engine.world_pool import Message, WorldPool
from lab.errors import LabError, LabFault
from lab.record import reader
from lab.record.events import LimitPassed
from lab.record.writer import FILE_NAME
from lab.worlds.base import End, Overrun, World
from tests.records import cell


class FakeWorld:
    """Says it is up, and is told what to run; ends cells when the test says so."""

    def __init__(self, on_cell: Callable[[Message], None], on_end: Callable[[End], None]) -> None:
        self.on_cell = on_cell
        self.on_end = on_end
        self.runs: list[Path] = []
        self.stopped = False
        self.suspended = False

    async def start(self) -> None:
        asyncio.get_running_loop().call_soon(self.on_cell, {"ev": "up"})

    def run(self, folder: Path) -> None:
        self.runs.append(folder)

    def begin(self, folder: Path) -> None:
        self.on_cell({"ev": "phase", "cell": str(folder), "phase": "starting"})

    def end(self, folder: Path) -> None:
        self.runs.remove(folder)
        self.on_cell({"ev": "ended", "cell": str(folder), "status": 0})

    async def stop(self) -> None:
        self.stopped = True

    def suspend(self) -> None:
        self.suspended = True

    def resume(self) -> None:
        self.suspended = False


def _play(
    cells: int,
    act: Callable[[list[FakeWorld]], None],
    *,
    worlds: int = 2,
    slots: int = 1,
    ahead: int = 0,
    folders: list[Path] | None = None,
    more: Callable[[Path, bool], list[Path]] = lambda _folder, _well: [],
) -> tuple[dict[Path, LabError], list[FakeWorld]]:
    made: list[FakeWorld] = []

    def make(on_cell: Callable[[Message], None], on_end: Callable[[End], None]) -> World:
        made.append(FakeWorld(on_cell, on_end))
        return cast("World", made[-1])

    async def play() -> dict[Path, LabError]:
        fleet = WorldPool(make, worlds=worlds, slots=slots, ahead=ahead, on_message=lambda _: None, more=more)
        running = asyncio.ensure_future(fleet.run(folders or [Path(str(number)) for number in range(cells)]))
        for _ in range(5):
            await asyncio.sleep(0)  # until the worlds are up
        act(made)
        return await asyncio.wait_for(running, 5)

    return asyncio.run(play()), made


def test_an_idle_world_is_stopped() -> None:
    """A world for which nothing waits is stopped while others still run: an idle guest keeps a processor busy."""

    def act(worlds: list[FakeWorld]) -> None:
        assert [world.runs for world in worlds] == [[Path("0")], [Path("1")]]
        worlds[0].end(Path("0"))
        assert worlds[0].runs == [Path("2")]
        worlds[1].end(Path("1"))
        asyncio.get_running_loop().call_soon(check, worlds)

    def check(worlds: list[FakeWorld]) -> None:
        assert [world.stopped for world in worlds] == [False, True]
        worlds[0].end(Path("2"))

    errors, worlds = _play(3, act)
    assert errors == {}
    assert all(world.stopped for world in worlds)


@pytest.mark.parametrize("how", [lambda world: world.end(Path("0")), lambda world: world.on_end(LabFault("it froze"))])
def test_a_bug_ends_the_run(how: Callable[[FakeWorld], None]) -> None:
    """What is raised where a cell's end is looked at is raised; the run does not wait for ever."""

    def more(folder: Path, well: bool) -> list[Path]:
        raise IndexError("a cell without probes")

    def act(worlds: list[FakeWorld]) -> None:
        asyncio.get_running_loop().call_soon(how, worlds[0])

    with pytest.raises(IndexError, match="a cell without probes"):
        _play(3, act, more=more)


def test_a_lost_world() -> None:
    """The cells of a world that ends by itself have its error; if it was the last, so have those that wait."""
    lost = LabFault("the world froze")

    def act(worlds: list[FakeWorld]) -> None:
        worlds[0].on_end(lost)

    errors, _ = _play(3, act, worlds=1, slots=2)
    assert errors == {Path(str(number)): lost for number in range(3)}


def test_what_follows_from_a_cell_runs_next() -> None:
    """Cells that follow from one that ended go before those that wait; nothing follows from one that failed."""

    def act(worlds: list[FakeWorld]) -> None:
        (world,) = worlds
        world.end(Path("0"))
        assert world.runs[-1] == Path("0-twin")
        world.end(Path("0-twin"))
        assert world.runs[-1] == Path("1")
        world.end(Path("1"))

    def more(folder: Path, well: bool) -> list[Path]:
        assert well
        return [Path("0-twin")] if folder == Path("0") else []

    errors, _ = _play(2, act, worlds=1, more=more)
    assert not errors


def test_what_follows_from_a_cell_that_failed() -> None:
    """A cell that waited for one that failed runs in its place, in another world where that one was lost."""
    lost = LabFault("the world froze")

    def act(worlds: list[FakeWorld]) -> None:
        first, second = worlds
        first.on_end(lost)
        assert second.runs == [Path("1")]
        second.end(Path("1"))
        assert second.runs == [Path("0-next")]
        second.end(Path("0-next"))

    def more(folder: Path, well: bool) -> list[Path]:
        return [] if well else [Path(f"{folder}-next")]

    errors, _ = _play(2, act, more=more)
    assert errors == {Path("0"): lost}


def test_what_waits_for_a_cell_that_was_lost_with_the_last_world() -> None:
    """It is lost as well."""
    lost = LabFault("the world froze")

    def act(worlds: list[FakeWorld]) -> None:
        worlds[0].on_end(lost)

    def more(folder: Path, well: bool) -> list[Path]:
        return [Path("next")] if folder == Path("0") else []

    errors, _ = _play(1, act, worlds=1, more=more)
    assert errors == {Path("0"): lost, Path("next"): lost}


def test_a_world_knows_its_next_cell() -> None:
    """A world is told of one cell ahead, but not of the last ones, which others could run meanwhile."""

    def act(worlds: list[FakeWorld]) -> None:
        assert [len(world.runs) for world in worlds] == [2, 1]
        while any(world.runs for world in worlds):
            first = next(world for world in worlds if world.runs)
            first.end(first.runs[0])
            assert len(first.runs) <= 1

    errors, _ = _play(5, act, ahead=1)
    assert errors == {}


def test_a_lost_world_loses_only_what_it_had_begun() -> None:
    """A cell that a lost world knew of and had not begun runs in another."""
    lost = LabFault("the world froze")

    def act(worlds: list[FakeWorld]) -> None:
        one, other = worlds
        _begun, known = one.runs
        one.on_end(lost)
        assert known in other.runs
        while other.runs:
            other.end(other.runs[0])

    errors, _ = _play(5, act, ahead=1)
    assert list(errors.values()) == [lost]
    assert list(errors) == [Path("0")]


def test_another_world_takes_the_place_of_one_that_worked() -> None:
    """It takes the cells that wait; the cell that had begun has the error."""
    lost = LabFault("the world froze")

    def act(worlds: list[FakeWorld]) -> None:
        worlds[0].begin(Path("0"))
        worlds[0].on_end(lost)
        asyncio.get_running_loop().call_later(0.05, finish, worlds)

    def finish(worlds: list[FakeWorld]) -> None:
        assert worlds[1].runs == [Path("1")]
        worlds[1].end(Path("1"))

    errors, worlds = _play(2, act, worlds=1)
    assert errors == {Path("0"): lost}
    assert worlds[1].stopped


def test_a_client_that_takes_too_much(tmp_path: Path) -> None:
    """Its cell's record says so, and is no error; the next cell runs in another world."""
    folders = [tmp_path / "0", tmp_path / "1"]
    for folder in folders:
        folder.mkdir()

    def act(worlds: list[FakeWorld]) -> None:
        worlds[0].begin(folders[0])
        worlds[0].on_end(Overrun("computed for 15 s"))
        asyncio.get_running_loop().call_later(0.05, lambda: worlds[1].end(folders[1]))

    errors, _ = _play(2, act, worlds=1, folders=folders)
    assert not errors
    entries = reader.read(folders[0] / FILE_NAME, cell())
    assert entries[-1].event == LimitPassed(actor="client", what="computed for 15 s")
    assert not (folders[1] / FILE_NAME).exists()


def _ask(
    ask: Callable[[WorldPool, list[FakeWorld]], Coroutine[Any, Any, None]], worlds: int = 1
) -> tuple[dict[Path, LabError], list[FakeWorld]]:
    """Run a pool whose cells are asked for while it runs."""
    made: list[FakeWorld] = []

    def make(on_cell: Callable[[Message], None], on_end: Callable[[End], None]) -> World:
        made.append(FakeWorld(on_cell, on_end))
        return cast("World", made[-1])

    async def play() -> dict[Path, LabError]:
        pool = WorldPool(make, worlds=worlds, slots=1, on_message=lambda _: None, more=lambda _folder, _well: [])
        return await asyncio.wait_for(pool.run([], ask(pool, made)), 5)

    return asyncio.run(play()), made


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  (the pool has a deadline)
        await asyncio.sleep(0.01)


def test_a_world_rests_between_two_cells_that_are_asked_for() -> None:
    """It is suspended, not stopped, while nothing is asked for; the next cell runs in it."""

    async def ask(pool: WorldPool, made: list[FakeWorld]) -> None:
        pool.add([Path("0")])
        await _until(lambda: bool(made and made[0].runs))
        made[0].end(Path("0"))
        await _until(lambda: made[0].suspended)
        assert not made[0].stopped
        pool.add([Path("1"), Path("2")])
        assert made[0].runs == [Path("1")]
        assert not made[0].suspended
        made[0].end(Path("1"))
        made[0].end(Path("2"))

    errors, worlds = _ask(ask)
    assert not errors
    assert [(world.stopped, world.suspended) for world in worlds] == [(True, False)]


def test_a_world_that_ends_while_it_rests() -> None:
    """Another takes its place when there is work again."""

    async def ask(pool: WorldPool, made: list[FakeWorld]) -> None:
        pool.add([Path("0")])
        await _until(lambda: bool(made and made[0].runs))
        made[0].end(Path("0"))
        made[0].on_end(LabFault("the world ended by itself"))
        pool.add([Path("1")])
        await _until(lambda: len(made) == 2 and bool(made[1].runs))
        made[1].end(Path("1"))

    errors, _ = _ask(ask)
    assert not errors


def test_whoever_asks_fails() -> None:
    """The pool ends at once, with what was raised; cells that run are given up."""
    worlds: list[FakeWorld] = []

    async def ask(pool: WorldPool, made: list[FakeWorld]) -> None:
        pool.add([Path("0")])
        await _until(lambda: bool(made and made[0].runs))
        worlds.extend(made)
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        _ask(ask)
    assert [world.stopped for world in worlds] == [True]
