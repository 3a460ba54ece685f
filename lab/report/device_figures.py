"""Formats the figures of a device that sleeps: when calls ring, and how often app and radio wake up.

Reports show them if a scenario has a device, or a fault that a device does to its apps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from lab.errors import LabError
from lab.faults.base import faults_of
from lab.model.outcome import DeviceMetrics, Outcome
from lab.model.scenario import Cell
from lab.model.verdict import Verdict

DEVICE = "device"
"""The axis of devices."""

NOT_MEASURED = ""

_EXACT_BELOW = 10
"""Numbers per hour or day below this have one decimal: an app may wake up twice in a night."""


class DeviceColumn(NamedTuple):
    """A column of a table.

    Attributes:
        head: its head on the terminal.
        title: the same in words.
        text: its value for a cell; empty: not measured.
    """

    head: str
    title: str
    text: Callable[[DeviceMetrics], str]


def _seconds(value: float | None) -> str:
    return NOT_MEASURED if value is None else f"{value:,.1f} s"


def _rate(value: float | None) -> str:
    if value is None:
        return NOT_MEASURED
    return f"{value:.1f}" if 0 < value < _EXACT_BELOW else f"{value:,.0f}"


MISSED = DeviceColumn("missed", "calls missed", lambda one: f"{one.missed}/{one.calls}" if one.calls else NOT_MEASURED)
RING_P50 = DeviceColumn("ring p50", "INVITE to ringing, median", lambda one: _seconds(one.ringing_p50_s))
RING_WORST = DeviceColumn("worst", "INVITE to ringing, worst", lambda one: _seconds(one.ringing_worst_s))
PUSHES = DeviceColumn("push", "pushes", lambda one: f"{one.pushes}")
APP = DeviceColumn("app/h", "app wake-ups/h", lambda one: _rate(one.app_wakeups_per_hour))
RADIO = DeviceColumn("radio/h", "radio wake-ups/h", lambda one: _rate(one.radio_wakeups_per_hour))
REGISTRATIONS = DeviceColumn("reg/day", "registrations/day", lambda one: _rate(one.registrations_per_day))

COLUMNS = (MISSED, RING_P50, RING_WORST, PUSHES, APP, RADIO, REGISTRATIONS)
IN_SHORT = (MISSED, RING_WORST, APP, RADIO)
"""What rings, how late, at how many wake-ups."""

MEANING = (
    "missed: calls not accepted in time. ring p50, worst: from INVITE to ringing, of the calls that rang."
    " push: messages asked for. app/h, radio/h: wake-ups per hour of the app's process and of the radio, in the cell"
    " itself, calls included; empty: not measured, or never"
)


def has_device(results: Iterable[tuple[Cell, Outcome | LabError]]) -> bool:
    """Return whether any cell of a run has a device, or something that a device does to its apps."""
    return any(DEVICE in dict(cell.axes) or any(fault.of_device for fault in faults_of(cell)) for cell, _ in results)


def device_metrics_of(result: Outcome | LabError) -> DeviceMetrics | None:
    """Return these figures of a cell; None: it did not run, or they were not measured."""
    if isinstance(result, LabError) or result.verdict is Verdict.UNSUPPORTED:
        return None
    return result.metrics.device


def texts(result: Outcome | LabError, columns: Iterable[DeviceColumn] = COLUMNS) -> list[str]:
    """Return the values of a cell in these columns."""
    metrics = device_metrics_of(result)
    return [NOT_MEASURED if metrics is None else column.text(metrics) for column in columns]
