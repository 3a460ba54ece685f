"""``lab up`` and ``lab down``: bring a lab up to look around in, and take it down."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from rich.console import Console

from lab.engine.execute import clean_up
from lab.errors import EXIT_CLAIMS_HOLD, Problem, ScenarioError
from lab.live_lab import bring_up, registry
from lab.live_lab.choose_cell import scenario_of
from lab.live_lab.registry import Entry
from lab.model.scenario import Cell, Scenario
from lab.report import terminal


def up(target: str, *, name: str, only: tuple[str, ...], middlebox: str | None, strategy: str | None) -> int:
    """Bring a lab up.

    Raises:
        ScenarioError: the scenario, an option or the lab's name is wrong.
        LabError: it could not be brought up.
    """
    began = time.monotonic()
    console = terminal.console(stderr=False)
    scenario, cell = _read(target, name, only=only, middlebox=middlebox, strategy=strategy)
    of = len(scenario.cells)
    for sentence in clean_up(lambda note: terminal.say(console, f"note: {note}"), with_containers=False):
        terminal.say(console, sentence)
    scenario, cell = bring_up.prepared(scenario, cell, lambda sentence: terminal.say(console, sentence))
    account: list[Any] = []

    def hear(message: dict[str, Any]) -> None:
        if message.get("phase") == "up":
            account.append(message["account"])

    entry = bring_up.bring_up(name, scenario, cell, hear)
    _tell(console, entry, scenario, cell, of, set_up=bool(account and account[0]), took_s=time.monotonic() - began)
    return EXIT_CLAIMS_HOLD


def _read(
    target: str, name: str, *, only: tuple[str, ...], middlebox: str | None, strategy: str | None
) -> tuple[Scenario, Cell]:
    """Return what is to be brought up; all that is wrong with the words of the command is told at once."""
    problems: list[Problem] = []
    try:
        registry.check_name(name, "lab up")
    except ScenarioError as error:
        problems += error.problems
    try:
        scenario, cell = scenario_of(target, only=only, middlebox=middlebox, strategy=strategy)
    except ScenarioError as error:
        raise ScenarioError([*problems, *error.problems]) from None
    if problems:
        raise ScenarioError(problems)
    return dataclasses.replace(scenario, file=target), cell


def _tell(
    console: Console, lab: Entry, scenario: Scenario, cell: Cell, of: int, *, set_up: bool, took_s: float
) -> None:
    more = "" if of == 1 else f" of {of}; another: --only {cell.axes[0][0]}=…"
    lines = [
        f"lab `{lab.name}` is up after {took_s:.1f} s: {scenario.file}, cell {cell.name}{more}",
        f"  nodes: {', '.join(lab.nodes)}",
        f"  links: {', '.join(f'{link} ({one} - {other})' for link, (one, other) in lab.links.items())}",
    ]
    if set_up:
        lines.append(f"  the client's account ({cell.client.account.value}) is set up; now it is silent")
    else:
        lines.append(
            f"  the client's account ({cell.client.account.value}) could not be set up; `lab status` says more"
        )
    if cell.faults:
        lines.append("  the scenario's faults do not happen by themselves: `lab inject`")
    which = "" if lab.name == "default" else f" --lab {lab.name}"
    lines.append(f"  next: lab status{which}; lab shell{which} {cell.topology.nodes[0].name}; lab down{which}")
    for line in lines:
        terminal.say(console, line)


def down(name: str) -> int:
    """Take a lab down.

    Raises:
        ScenarioError: no lab of that name is up.
        LabError: it does not end.
    """
    console = terminal.console(stderr=False)
    entry, was_up = bring_up.take_down(name)
    for sentence in clean_up(lambda note: terminal.say(console, f"note: {note}"), with_containers=False):
        terminal.say(console, sentence)
    how = "down" if was_up else "gone: its keeper was killed, or the machine restarted"
    terminal.say(console, f"lab `{entry.name}` is {how}")
    return EXIT_CLAIMS_HOLD
