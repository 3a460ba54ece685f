"""Brings a lab up, and takes it down."""

from __future__ import annotations

import dataclasses
import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress

from lab.backends.base import BackendKind
from lab.engine import prepare
from lab.engine.run_folder import error_from_json
from lab.errors import HostNotCapable, LabFault, Problem, ScenarioError
from lab.live_lab import keeper, registry
from lab.live_lab.registry import Entry
from lab.model.scenario import Cell, Scenario
from lab.worlds.base import Message

ENDS_WITHIN_S = 15.0
"""A keeper that is told to end has ended its world within 5 s, by a kill if need be (``lab.worlds.base``); the rest is
for a machine in trouble."""


def prepared(scenario: Scenario, cell: Cell, say: Callable[[str], None]) -> tuple[Scenario, Cell]:
    """Return a scenario with this cell only, with what its programs need on this machine, fetched if it must be.

    Args:
        scenario: loaded.
        cell: one of its cells.
        say: takes a sentence about each thing that is fetched.

    Raises:
        ScenarioError: the cell cannot exist, or needs containers.
        HostNotCapable: something is missing on this machine.
    """
    scenario = dataclasses.replace(scenario, cells=(cell,))
    if not cell.unsupported:
        prepare.check([scenario], BackendKind.NETNS)
        scenario = prepare.fetched(scenario, BackendKind.NETNS, say)
    (cell,) = scenario.cells
    if cell.unsupported:
        what = f"cell `{cell.name}` cannot exist: {cell.unsupported}"
        raise ScenarioError([Problem(scenario.file, 0, "", what, allowed="choose another with --only AXIS=VALUE")])
    return scenario, cell


def bring_up(name: str, scenario: Scenario, cell: Cell, hear: Callable[[Message], None]) -> Entry:
    """Bring a lab up, and return it; if that fails or is interrupted, nothing of it is left.

    Args:
        name: of the lab.
        scenario: prepared.
        cell: its cell.
        hear: takes the messages of its keeper.

    Raises:
        ScenarioError: a lab of that name is up.
        LabError: it could not be brought up.
    """
    with registry.locked():
        before = registry.read(name)
        if before is not None and (before.is_alive or before.is_elsewhere):
            raise _is_up(name)
        started = keeper.start(name, scenario, cell)
        messages = started.told()
        first = next(messages)
    try:
        for message in (first, *messages):
            hear(message)
            if message["ev"] == "error":
                raise error_from_json(message)
    except BaseException:
        _end(started.pid)
        with suppress(ChildProcessError):
            os.waitpid(started.pid, 0)
        raise
    entry = registry.read(name)
    if entry is None:
        raise LabFault("bringing the lab up", detail="its entry in the list of labs is gone")
    return entry


def take_down(name: str) -> tuple[Entry, bool]:
    """Take a lab down; return what it was, and whether it was up. Nothing of one that was up is left.

    Of one that was killed the entry is removed; what else it left, the ledger of its keeper tells.

    Raises:
        ScenarioError: there is no lab of that name.
        LabError: it does not end.
    """
    registry.check_name(name, "lab down")
    entry = registry.read(name)
    if entry is None or entry.is_elsewhere:
        registry.find(name, "lab down")
        raise AssertionError
    was_up = entry.is_alive
    if was_up:
        _end(entry.owner.pid)
    with registry.locked():
        again = registry.read(name)
        if again is not None and not again.is_alive:  # not one that was brought up since
            registry.remove(name)
    return entry, was_up


def _is_up(name: str) -> ScenarioError:
    allowed = f"give this one another name with --lab; or `lab down --lab {name}` first"
    return ScenarioError([Problem("lab up", 0, "--lab", "a lab of this name is up", f"`{name}`", allowed)])


def _end(pid: int) -> None:
    """Tell a keeper to end, and wait until it has; kill one that does not."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        if not select.select([descriptor], [], [], ENDS_WITHIN_S)[0]:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            select.select([descriptor], [], [], ENDS_WITHIN_S)
    except ProcessLookupError:
        return
    except PermissionError as problem:
        raise HostNotCapable(
            f"process {pid} keeps the lab, and is not yours to end", fix=f"`sudo kill {pid}`"
        ) from problem
    finally:
        os.close(descriptor)
