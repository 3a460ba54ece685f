"""A device's schedule of faults in the cells of a scenario, and in what follows from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.engine.twins import cells
from lab.faults.base import faults_of
from lab.faults.client_suspend import ClientSuspend
from lab.faults.link_down import LinkDown
from lab.loader import catalog
from lab.model.device import Device
from lab.runner import cell_file
from tests.unit.scenario_texts import SMALL

Read = Any
"""A function from a scenario's text to the scenario."""


@pytest.mark.parametrize("name", catalog.device_names())
def test_catalog_devices(name: str) -> None:
    """Every device is readable, called as its file is, and says what it does, what is known, and from where."""
    device = catalog.device(name)
    assert device.name == name
    assert device.what
    assert device.facts
    assert device.source
    assert bool(device.schedule) == (name != "always-awake")
    assert all(fault.of_device for fault in device.schedule)


@pytest.mark.parametrize("name", catalog.device_names())
def test_a_whole_night_can_be_had(name: str, read: Read) -> None:
    """Nothing in a schedule keeps another part of it from happening."""
    text = SMALL.replace("ends: 60 s", "ends: 8 h") + f"device: {name}\n"
    (cell,) = read(text).cells
    assert cell.unsupported == ""
    assert cell.faults == catalog.device(name).schedule
    assert cell.device == catalog.device(name)


def test_without_a_device_nothing_happens(read: Read) -> None:
    """As with one that is always awake."""
    awake, none = read(f"{SMALL}device: always-awake\n").cells, read(SMALL).cells
    assert none[0].device is None
    assert awake[0].faults == none[0].faults == ()


def test_an_axis_beside_the_failures(read: Read) -> None:
    """Each device is under each failure; its faults come after those of the scenario and of the failure."""
    text = SMALL + (
        "faults: [link-down: { at: 1 s, link: lan, lasts: 1 s }]\n"
        "matrix:\n"
        "  failure: [{ name: nothing }, { name: cut, faults: [link-down: { at: 9 s, link: lan, lasts: 1 s }] }]\n"
        "  device: [always-awake, { name: naps, schedule: [client-suspend: { at: 5 s }, doze: { at: 2 min }] }]\n"
        "claims: [{ device: naps, verdict: fail }]\n"
    )
    scenario = read(text)
    assert [cell.name for cell in scenario.cells] == [
        "nothing,always-awake",
        "nothing,naps",
        "cut,always-awake",
        "cut,naps",
    ]
    assert [[type(fault) for fault in cell.faults] for cell in scenario.cells] == [
        [LinkDown],
        [LinkDown, ClientSuspend],  # the run ends before the doze
        [LinkDown, LinkDown],
        [LinkDown, LinkDown, ClientSuspend],
    ]
    assert [cell.claim is not None for cell in scenario.cells] == [False, True, False, True]


def test_what_excludes_a_device(read: Read) -> None:
    """A cell in which something else suspends the client at the same time cannot exist; others can."""
    text = SMALL + (
        "matrix:\n"
        "  failure: [{ name: nothing }, { name: sleeps, faults: [client-suspend: { at: 20 s, lasts: 10 s }] }]\n"
        "  device: [always-awake, { name: naps, schedule: [client-suspend: { at: 25 s }] }]\n"
    )
    *possible, both = read(text).cells
    assert [cell.unsupported for cell in possible] == ["", "", ""]
    assert both.unsupported.startswith("fault 2 (ClientSuspend) can never happen here: another fault of that kind")


def test_a_cell_is_read_back(read: Read, tmp_path: Path) -> None:
    """With the part of the schedule that it does not run."""
    (cell,) = read(SMALL.replace("ends: 60 s", "ends: 10 min") + "device: android-doze\n").cells
    assert len(cell.faults) == 1
    cell_file.write(tmp_path, cell)
    assert cell_file.read(tmp_path) == cell


def test_the_silent_hour_has_the_whole_schedule(read: Read) -> None:
    """Also what comes after the end of the cell; an accident is none of it. The name of the device does not matter."""
    (cell,) = read(SMALL.replace("ends: 60 s", "ends: 10 min") + "device: android-doze\n").cells
    light, deep = catalog.device("android-doze").schedule
    assert cell.faults == (light,)
    assert faults_of(cells.silent(cell, 3600.0)) == (light,)
    assert faults_of(cells.silent(cell, 7200.0)) == (light, deep)
    assert cells.silent(cell, 7200.0).device is None
    renamed = replace(cell, device=Device(name="other", schedule=(light, deep)))
    assert cells.silent(renamed, 7200.0) == cells.silent(cell, 7200.0)
