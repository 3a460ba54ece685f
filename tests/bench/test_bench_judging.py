"""How long a record takes to be read and judged, by its length: two idle hours, their middle repeated up to seven days.

Printed; that the time for a line does not grow is asserted, as a ratio of two measurements in this process.
"""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import pytest

from lab.engine.cell_run import CellRun
from lab.judge.verdict import judge
from lab.model.middlebox import Middlebox
from lab.model.scenario import Cell
from lab.record import reader
from lab.record.evidence import Evidence
from lab.units import Seconds
from lab.worlds import kernel
from tests.e2e.lab_command import ROOT, run

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

PERIOD_S = 7000
"""What is repeated of the two hours."""

ONCE = frozenset({"probe", "sentinel-opened", "sentinel-challenged", "sentinel-outcome", "fault", "end"})
"""Events that a cell has once."""


def test_a_line_costs_the_same_in_a_long_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The fortieth day is judged no slower than the first."""
    if kernel.find() is None:
        kernel.build()
    file = ROOT / "scenarios" / "bench" / "two-idle-hours.yaml"
    done = run("run", file, "--clock", "virtual", "--json", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = (tmp_path / "runs" / "latest" / "cells").iterdir()
    each = CellRun.open(folder)
    per_line = {}
    for times in (1, 4, 12, 84):
        path, cell = _longer(each, tmp_path, times)
        start = time.process_time()
        entries = reader.read(path, cell)
        was_read = time.process_time()
        outcome = judge(Evidence(cell, entries))
        judged = time.process_time()
        assert outcome.verdict.value == "pass", outcome.doubt
        per_line[times] = (judged - start) / len(entries)
        with capsys.disabled():
            read_s, judged_s = was_read - start, judged - was_read
            days = times * PERIOD_S / 86400
            print(
                f"\n{days:5.2f} days, {len(entries):7,} lines: read in {read_s:5.2f} s, judged in {judged_s:5.2f} s",
                end="",
            )
    assert per_line[84] < 3 * per_line[12]


def _longer(each: CellRun, folder: Path, times: int) -> tuple[Path, Cell]:
    """Write a record that says the same of a client that was idle for longer."""
    lines = [json.loads(line) for line in each.record.read_text().splitlines()]
    head = [line for line in lines if line["t"] <= 0]
    body = [line for line in lines if 0 < line["t"] < PERIOD_S and line["ev"] not in ONCE]
    tail = [line for line in lines if line["t"] >= PERIOD_S or (line["t"] > 0 and line["ev"] in ONCE)]
    more = (times - 1) * PERIOD_S
    path = folder / f"{times}.jsonl"
    with path.open("w") as file:
        for line in head:
            file.write(json.dumps(line) + "\n")
        for number in range(times):
            for line in body:
                file.write(json.dumps({**line, "t": line["t"] + number * PERIOD_S}) + "\n")
        for line in tail:
            file.write(json.dumps({**line, "t": line["t"] + more}) + "\n")
    probes = tuple(dataclasses.replace(probe, at=Seconds(float(probe.at) + more)) for probe in each.cell.probes)
    boxes = tuple((name, _patient(box, more)) for name, box in each.cell.middleboxes)
    ends = Seconds(float(each.cell.ends) + more)
    return path, dataclasses.replace(each.cell, ends=ends, probes=probes, middleboxes=boxes)


def _patient(box: Middlebox, more: float) -> Middlebox:
    """Return a middlebox that remembers for longer: the sentinel is as idle as the run is long."""
    assert box.established_idle_timeout is not None
    return dataclasses.replace(box, established_idle_timeout=Seconds(box.established_idle_timeout + more))
