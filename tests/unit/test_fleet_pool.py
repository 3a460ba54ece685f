"""Cells as tasks of Dask: what becomes of them when workers die, refuse or come too late. Dask is a fake here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from distributed import KilledWorker
from distributed.client import FutureCancelledError

from lab.engine.run_folder import error_to_json
from lab.engine.world_jobs import Batch
from lab.errors import HostNotCapable, LabError, LabFault
from lab.fleet import dask_pool, payload
from lab.fleet.capabilities import Capabilities
from lab.fleet.dask_pool import DaskPool
from lab.fleet.worker import BEGUN
from lab.fleet.workers import Workers
from lab.runner import cell_file
from lab.worlds.clock import Clock
from tests.records import cell
from tests.unit.dask_workers import OWN, told

RECORD = "record.jsonl"
Act = Callable[["FakeDask", payload.Work, int], Coroutine[Any, Any, payload.Result]]
"""What a worker does with a cell, the n-th time that it is submitted."""


class FakeFuture:
    def __init__(self, task: asyncio.Task[payload.Result], key: str) -> None:
        self._task = task
        self._key = key

    def __await__(self) -> Any:
        try:
            result = yield from self._task.__await__()
        except asyncio.CancelledError:
            raise FutureCancelledError(self._key, "user") from None
        return payload.pack(result)

    def release(self) -> None:
        self._task.cancel()


class FakeDask:
    """A client, its scheduler and its workers."""

    def __init__(self, act: Act, workers: dict[str, Any]) -> None:
        self._act = act
        self._workers = workers
        self.submitted: dict[str, int] = {}
        self.most = self.running = 0
        self.resources: list[dict[str, float]] = []
        self.scheduler = SimpleNamespace(identity=self._identity)

    async def _identity(self) -> dict[str, Any]:
        return {"workers": self._workers}

    def submit(self, _: object, data: bytes, *, key: str, resources: dict[str, float], **_kw: bool) -> FakeFuture:
        work = payload.unpack_work(data)
        self.submitted[work.name] = self.submitted.get(work.name, 0) + 1
        self.resources.append(resources)
        return FakeFuture(asyncio.ensure_future(self._run(work)), key)

    async def _run(self, work: payload.Work) -> payload.Result:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            return await self._act(self, work, self.submitted[work.name])
        finally:
            self.running -= 1

    def subscribe_topic(self, _: str, handler: Callable[[tuple[float, Any]], None]) -> None:
        self._handler = handler

    def unsubscribe_topic(self, _: str) -> None:
        pass

    def say(self, work: payload.Work, worker: str, **message: object) -> None:
        event = {"run": work.run, "by": worker, "messages": [{"cell": work.cell, **message}]}
        self._handler((0.0, event))


def _folders(tmp_path: Path, count: int) -> list[Path]:
    (tmp_path / "tls").mkdir(exist_ok=True)
    folders = [tmp_path / "cells" / f"c{number}" for number in range(count)]
    for folder in folders:
        folder.mkdir(parents=True)
        cell_file.write(folder, cell())
    return folders


def _done(
    act: Act,
    folders: Sequence[Path],
    workers: dict[str, Any] | None = None,
    more: Callable[[Path, bool], Sequence[Path]] = lambda _folder, _well: (),
) -> tuple[dict[Path, LabError], FakeDask, list[dict[str, Any]], list[str]]:
    dask = FakeDask(act, told("w", OWN) if workers is None else workers)
    messages: list[dict[str, Any]] = []
    said: list[str] = []
    batch: Any = SimpleNamespace(
        job="m:f", memory_mb=256, on_message=messages.append, more=more, clock=Clock.VIRTUAL, spec=Batch
    )
    client: Any = dask
    pool = DaskPool(client, batch, Workers(OWN), most=None, captures=False, say=said.append)
    return asyncio.run(pool.run(folders)), dask, messages, said


async def _ran(dask: FakeDask, work: payload.Work, time: int) -> payload.Result:
    dask.say(work, "w", ev=BEGUN)
    dask.say(work, "w", ev="phase", phase="silent")
    await asyncio.sleep(0)
    return payload.Result(worker="w", error=None, files={RECORD: work.name.encode()})


def _dies(times: int, *, begins: bool = True) -> Act:
    """Workers that die with the cell so many times; Dask gives a task up at the first."""

    async def act(dask: FakeDask, work: payload.Work, time: int) -> payload.Result:
        if time <= times:
            if begins:
                dask.say(work, f"w{time}", ev=BEGUN)
            worker: Any = SimpleNamespace(address=f"tcp://w{time}:1")
            raise KilledWorker("task", worker, 0)
        return await _ran(dask, work, time)

    return act


def test_cells_run_and_what_follows_from_them(tmp_path: Path) -> None:
    """Each leaves its record in its own folder; Dask has no more at once than workers take; progress passes through."""
    folders = _folders(tmp_path, 9)
    follows = {folders[0]: [folders[8]]}
    errors, dask, messages, _ = _done(_ran, folders[:8], more=lambda folder, well: follows.get(folder, []))
    assert errors == {}
    assert [(folder / RECORD).read_text() for folder in folders] == [folder.name for folder in folders]
    assert dask.most == 4
    assert all(resources == Workers(OWN).resources(cell()) for resources in dask.resources)
    assert sum(message["ev"] == "phase" and message["worker"] == "w" for message in messages) == 9
    assert sum(message["ev"] == "ended" and message["status"] == 0 for message in messages) == 9
    assert not any(message["ev"] == BEGUN for message in messages)


@pytest.mark.parametrize("begins", [True, False])
def test_a_worker_that_dies_costs_time(tmp_path: Path, begins: bool) -> None:
    """The cell runs elsewhere, twice."""
    (folder,) = _folders(tmp_path, 1)
    errors, dask, _, _ = _done(_dies(2, begins=begins), [folder])
    assert errors == {}
    assert dask.submitted == {"c0": 3}
    assert (folder / RECORD).exists()


@pytest.mark.parametrize("begins", [True, False])
def test_a_cell_with_which_workers_die(tmp_path: Path, begins: bool) -> None:
    """After the third time it is an error that names the last worker that had begun it; other cells go on."""
    folders = _folders(tmp_path, 2)

    async def act(dask: FakeDask, work: payload.Work, time: int) -> payload.Result:
        return await (_dies(99, begins=begins) if work.name == "c0" else _ran)(dask, work, time)

    errors, dask, messages, _ = _done(act, folders)
    assert dask.submitted["c0"] == 3
    assert list(errors) == [folders[0]]
    assert isinstance(errors[folders[0]], LabFault)
    last = ", the last was w3" if begins else ""
    assert str(errors[folders[0]]) == f"each of 3 workers that were to run it died{last}"
    assert {"ev": "ended", "cell": str(folders[0]), "status": -1} in messages


def test_a_cell_that_dask_itself_runs_elsewhere(tmp_path: Path) -> None:
    """Dask may allow more deaths than the lab: the fourth worker that begins it is told to drop it."""
    (folder,) = _folders(tmp_path, 1)

    async def act(dask: FakeDask, work: payload.Work, time: int) -> payload.Result:
        for number in range(1, 99):
            dask.say(work, f"w{number}", ev=BEGUN)
            await asyncio.sleep(0)
        raise AssertionError("nobody has dropped it")

    errors, dask, _, _ = _done(act, [folder])
    assert str(errors[folder]) == "each of 3 workers that were to run it died, the last was w3"
    assert dask.submitted == {"c0": 1}


@pytest.mark.parametrize("error", [HostNotCapable("no room", fix="free some"), LabFault("the world froze")])
def test_an_error_names_the_worker(tmp_path: Path, error: LabError) -> None:
    (folder,) = _folders(tmp_path, 1)

    async def act(dask: FakeDask, work: payload.Work, time: int) -> payload.Result:
        return payload.Result(worker="w7", error=error_to_json(error), files={})

    errors, _, _, _ = _done(act, [folder])
    assert type(errors[folder]) is type(error)
    assert str(errors[folder]) == f"on worker w7: {error}"


def test_the_scheduler_ends(tmp_path: Path) -> None:
    (folder,) = _folders(tmp_path, 1)

    async def act(dask: FakeDask, work: payload.Work, time: int) -> payload.Result:
        raise FutureCancelledError("task", "scheduler-connection-lost")

    errors, _, _, _ = _done(act, [folder])
    assert str(errors[folder]).startswith("the Dask scheduler has ended, or cannot be reached")


def test_the_scheduler_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells that are over stay so; all others are errors, and the run ends."""
    monkeypatch.setattr(dask_pool, "LOOKS_EVERY_S", 0.005)
    folders = _folders(tmp_path, 9)

    async def act(dask: FakeDask, work: payload.Work, time: int) -> payload.Result:
        if work.name == "c0":
            return await _ran(dask, work, time)

        async def silent() -> dict[str, Any]:
            raise OSError("broken pipe")

        dask.scheduler.identity = silent
        await asyncio.Event().wait()
        raise AssertionError

    errors, _, _, _ = _done(act, folders)
    assert sorted(errors) == folders[1:]
    assert {str(error) for error in errors.values()} == {dask_pool.GONE}


def test_no_worker_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells wait for one that can run them, but not for ever; a worker that is refused is named, once."""
    monkeypatch.setattr(dask_pool, "WAITS_S", 0.02)
    monkeypatch.setattr(dask_pool, "LOOKS_EVERY_S", 0.005)
    folders = _folders(tmp_path, 3)

    async def act(dask: FakeDask, work: payload.Work, time: int) -> payload.Result:
        await asyncio.Event().wait()
        raise AssertionError

    other = Capabilities("0.9", "a", "k", 1, OWN.programs)
    errors, _, _, said = _done(act, folders, told("old", other))
    wanted = "for 0.02 s there was no worker with client pjsip 2.15.1 and server scripted"
    assert [str(errors[folder]) for folder in folders] == [wanted] * 3
    assert said == ["worker old has lab 0.9, and this is lab 1.0; install the same release; it gets no cells"]


def test_a_bug_of_ours_ends_the_run(tmp_path: Path) -> None:
    def more(_: Path, __: bool) -> Sequence[Path]:
        raise LookupError("a bug")

    with pytest.raises(LookupError, match="a bug"):
        _done(_ran, _folders(tmp_path, 2), more=more)
