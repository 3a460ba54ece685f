"""The figures of a device in the reports: there where the scenario has a device, and nowhere else."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console

from lab.errors import LabFault
from lab.faults.client_suspend import ClientSuspend
from lab.model.fault import Fault
from lab.model.outcome import DeviceMetrics, Outcome
from lab.model.scenario import Scenario
from lab.model.verdict import Verdict
from lab.model.when import When
from lab.report import terminal
from lab.report.formats import report_csv, report_md
from lab.report.grid import Result
from lab.report.page import document
from lab.report.page.details import details
from tests.records import END, cell, flow_set_up, judged, probe, sentinel
from tests.runs import run_of

SUSPEND = ClientSuspend(at=When(offset=10.0))
RINGS = DeviceMetrics(
    calls=4,
    missed=1,
    ringing_s=(0.25, 2.5, 12.04, None),
    ringing_p50_s=2.5,
    ringing_worst_s=12.04,
    pushes=3,
    app_wakeups_per_hour=0.5,
    radio_wakeups_per_hour=144.2,
    registrations_per_day=24.0,
    observed_s=28800.0,
)
AWAKE = replace(RINGS, missed=0, app_wakeups_per_hour=None, ringing_worst_s=0.04)


def outcome(device: DeviceMetrics | None, verdict: Verdict = Verdict.PASS) -> Outcome:
    judged_so = judged(cell(), *flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=True), END)
    metrics = replace(judged_so.metrics, packets_per_hour=300.0, measured=True, device=device)
    return replace(judged_so, verdict=verdict, metrics=metrics)


def result(name: str, device: DeviceMetrics | None, *faults: Fault, verdict: Verdict = Verdict.PASS) -> Result:
    strategy, label = name.split(",")
    axes = (("strategy", strategy), ("failure", label))
    return replace(cell(), name=name, axes=axes, faults=faults), outcome(device, verdict)


NIGHT = [
    result("none,asleep", RINGS, SUSPEND, verdict=Verdict.FAIL),
    result("none,awake", AWAKE),
    result("push,asleep", None, SUSPEND, verdict=Verdict.INCONCLUSIVE),
    result("push,awake", AWAKE),
]
DAY = [result("none,idle", RINGS), result("none,awake", AWAKE)]


def scenario(results: Sequence[Result]) -> Scenario:
    cells = tuple(cell for cell, _ in results)
    return Scenario(name="s", file="s.yaml", text="", title="t", why="", source="", cells=cells)


def printed(results: Sequence[Result], *, as_list: bool, width: int = 200) -> str:
    console = Console(width=width, highlight=False, color_system=None, force_terminal=True)
    with console.capture() as captured:
        terminal.show(console, scenario(results), list(results), as_list=as_list)
    return captured.get()


def test_a_row_for_each_cell() -> None:
    """What was not measured stays empty: an app that never slept, a cell without the device's schedule."""
    lines = printed(NIGHT, as_list=True).splitlines()
    assert lines[1].split()[-10:] == [
        "missed",
        "ring",
        "p50",
        "worst",
        "push",
        "app/h",
        "radio/h",
        "reg/day",
        "claim",
        "why",
    ]
    rows = [" ".join(line.split()).partition(" 300 0 0 0 ")[2] for line in lines[3:7]]
    assert rows == ["1/4 2.5 s 12.0 s 3 0.5 144 24 none", "0/4 2.5 s 0.0 s 3 144 24 none", "none", rows[1]]


def test_without_a_device_there_are_no_columns() -> None:
    """A scenario of calls has none of this in its tables."""
    for as_list in (True, False):
        assert "radio/h" not in printed(DAY, as_list=as_list)
    assert "radio wake-ups" not in report_md.render(run_of(scenario(DAY), DAY))
    assert document.document(run_of(scenario(DAY), DAY))["device"] is False


def test_what_rings_how_late_at_how_many_wakeups() -> None:
    """Beneath the matrix: strategies downwards, devices across."""
    text = printed(NIGHT, as_list=False)
    lines = [line for line in text.splitlines() if "│" in line]
    heads, columns, none, push = ([part.split() for part in line.split("│")] for line in lines)
    assert heads == [["strategy"], ["asleep"], ["awake"]]
    assert columns == [[], ["missed", "worst", "app/h", "radio/h"], ["missed", "worst", "app/h", "radio/h"]]
    assert none == [["none"], ["1/4", "12.0", "s", "0.5", "144"], ["0/4", "0.0", "s", "144"]]
    assert push == [["push"], [], ["0/4", "0.0", "s", "144"]]


def test_a_narrow_window_has_the_devices_beneath_each_other() -> None:
    lines = [line for line in printed(NIGHT, as_list=False, width=60).splitlines() if "│" in line]
    assert [line.count("│") for line in lines] == [1] * 8
    assert max(map(len, lines)) <= 60


def test_for_a_ticket() -> None:
    text = report_md.render(run_of(scenario(NIGHT), NIGHT))
    assert "| cell |  | calls missed | INVITE to ringing, median | INVITE to ringing, worst | pushes |" in text
    assert "| `none,asleep` | ✗ | 1/4 | 2.5 s | 12.0 s | 3 | 0.5 | 144 | 24 |" in text
    assert "| `push,asleep` | ? |  |  |  |  |  |  |  |" in text


def test_for_a_spreadsheet() -> None:
    """A column for each figure; empty where nothing was measured, and where a cell could not run."""
    broken = replace(NIGHT[1][0], name="none,broken"), LabFault("doing it", detail="no")
    rows = list(csv.DictReader(io.StringIO(report_csv.render(run_of(scenario(NIGHT), [*NIGHT, broken])))))
    columns = ("device_missed", "device_ringing_worst_s", "device_app_wakeups_per_hour", "device_calls")
    assert [tuple(row[column] for column in columns) for row in rows] == [
        ("1", "12.04", "0.5", "4"),
        ("0", "0.04", "", "4"),
        ("", "", "", ""),
        ("0", "0.04", "", "4"),
        ("", "", "", ""),
    ]


def test_on_the_page() -> None:
    """The page gets the numbers; a cell's own page has those that were measured."""
    run = run_of(scenario(NIGHT), NIGHT)
    told = document.document(run)
    assert told["device"] is True
    assert [None if each["device"] is None else each["device"]["missed"] for each in told["cells"]] == [1, 0, None, 0]
    figures = [
        {each["name"]: each["value"] for each in details(run, one, with_timeline=False)["figures"]} for one in run.cells
    ]
    assert figures[0]["INVITE to ringing, worst"] == 12.04
    assert figures[0]["wake-ups of the app"] == 0.5
    assert not [name for name in figures[2] if "INVITE" in name]
