"""Dask's engine beside the local one: printed, not asserted; docs/scale.md keeps a set of results.

Per cell is the difference between a run of many cells and one of a single cell, divided by the number of further cells:
what a start costs is not in it. Processor time is that of a control group with the command and everything it started.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

import lab
from lab.fleet import payload
from lab.fleet.dask_pool import DaskPool
from tests.e2e.lab_command import ALONE, ROOT, environment

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

TWELVE = ROOT / "tests" / "e2e" / "twelve.yaml"
MANY = ("idle", "reboot", "rst")
GROUPS = Path("/sys/fs/cgroup/cpuacct")
"""Of control groups, version 1, which only root may make."""


@contextmanager
def _group() -> Iterator[Path | None]:
    """Make a control group; None where that is not possible."""
    group = GROUPS / f"lab-bench-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        yield None
        return
    try:
        yield group
    finally:
        group.rmdir()


def _run(home: Path, *options: str) -> tuple[float, float]:
    """Seconds of the wall clock and of processors that ``lab run`` takes; the latter 0 where nobody counts them."""
    with _group() as group:
        join = "" if group is None else f"echo $$ > {group}/cgroup.procs; "
        command = [sys.executable, "-m", "lab", "run", str(TWELVE), *ALONE, "--out", str(home / "runs"), *options]
        began = time.monotonic()
        done = subprocess.run(
            ["sh", "-c", f'{join}exec "$@"', "sh", *command],
            env=environment(home),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        took = time.monotonic() - began
        assert done.returncode == 0, done.stdout + done.stderr
        return took, 0.0 if group is None else int((group / "cpuacct.usage").read_text()) / 1e9


@pytest.mark.parametrize("guests", [1, 2])
@pytest.mark.parametrize("engine", ["local", "dask"])
def test_cells_per_second(tmp_path: Path, capsys: pytest.CaptureFixture[str], engine: str, guests: int) -> None:
    how = ("--engine", engine, "--jobs", str(guests), "--fresh")
    one = _run(tmp_path, *how, "--only", "strategy=none", "--only", "failure=idle")
    many = _run(tmp_path, *how, *(word for failure in MANY for word in ("--only", f"failure={failure}")))
    more = 12 * len(MANY) - 1
    wall, processor = ((later - first) / more for later, first in zip(many, one, strict=True))
    with capsys.disabled():
        print(
            f"\n{engine}, {guests} guests: {1 / wall:.2f} cells a second, {processor:.3f} s of processor time per cell;"
            f" a run of one cell: {one[0]:.1f} s, {one[1]:.1f} s of processor time"
        )


@pytest.mark.parametrize("captures", [False, True])
def test_bytes_per_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], captures: bool
) -> None:
    sizes: dict[str, list[int]] = {"there": [], "back": [], "progress": []}
    pack, unpack, hear = payload.pack, payload.unpack_result, DaskPool._hear

    def packed(what: payload.Work | payload.Result) -> bytes:
        sizes["there"].append(len(pack(what)))
        return pack(what)

    def unpacked(data: bytes) -> payload.Result:
        sizes["back"].append(len(data))
        return unpack(data)

    def heard(pool: DaskPool, event: tuple[float, dict[str, Any]]) -> None:
        sizes["progress"].append(len(msgspec.msgpack.encode(event)))
        hear(pool, event)

    changed: dict[str, Callable[..., Any]] = {"pack": packed, "unpack_result": unpacked}
    for name, function in changed.items():
        monkeypatch.setattr(payload, name, function)
    monkeypatch.setattr(DaskPool, "_hear", heard)
    run = lab.run(
        TWELVE,
        only={"failure": "idle"},
        engine="dask",
        captures=captures,
        out=tmp_path,
        moments=0,
        costs=False,
        causes=False,
    )
    told = ", ".join(f"{what} {sum(each) / len(run) / 1000:.1f} kB" for what, each in sizes.items())
    with capsys.disabled():
        print(f"\nper cell {'with' if captures else 'without'} captures: {told}")
