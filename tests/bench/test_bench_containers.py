"""How long the containers of a cell take to stand, wired. Prints figures, asserts none."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from statistics import median

import pytest

from lab.backends import images
from lab.backends.docker import DockerBackend
from lab.engine.run_folder import RunFolder
from lab.errors import HostNotCapable
from lab.loader.load import load
from lab.record.writer import FILE_NAME, RecordWriter
from lab.runner.testbed import CellTestbed
from tests.e2e.lab_command import SHORT

pytestmark = [pytest.mark.bench, pytest.mark.docker, pytest.mark.timeout(300)]

ROUNDS = 5


def test_one_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Client, NAT, router, server: containers made and started, network built and read back; and everything gone."""
    import docker  # noqa: F401  (a worker has it before its first cell)

    try:
        images.build(images.NODES)
        images.check(images.NODES)
    except HostNotCapable as lack:
        pytest.skip(f"{lack.missing}; {lack.fix}")
    names = {kind: images.tag(kind) for kind in images.NODES}
    outside = os.open("/proc", os.O_PATH)
    up: list[float] = []
    down: list[float] = []
    for number in range(ROUNDS):
        scenario = load(SHORT)
        cell = scenario.cells[0]
        folder = RunFolder.make(tmp_path, scenario, {}).cell(cell)
        record = RecordWriter(folder / FILE_NAME)
        open_backend = partial(DockerBackend, run=f"bench-{number}-{os.getpid()}", images=names, outside=outside)
        start = time.perf_counter()
        testbed = CellTestbed(cell, folder, record, open_backend)
        stands = time.perf_counter()
        testbed.close()
        up.append(stands - start)
        down.append(time.perf_counter() - stands)
        record.close()
    os.close(outside)
    with capsys.disabled():
        for what, times in (("up and wired", up), ("gone", down)):
            print(f"\nfour containers {what}: median {median(times):.2f}, worst {max(times):.2f} s", end="")
