"""Takes many clients through the actor protocol at once, as ``lab actor check`` does with one: guests boot once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import ledger
from lab.cli.actor import JOB, scenario_of
from lab.engine.cell_run import CellRun
from lab.engine.prepare import modules_of, visible_to
from lab.engine.run_folder import RunFolder
from lab.engine.world_jobs import Batch, do
from lab.judge.client_check import conforms, findings
from lab.model.authentication import Authentication
from lab.model.scenario import Account, Client, Server, Transport
from lab.worlds.clock import GUEST_MEMORY_MB, Clock


@dataclass(frozen=True)
class Check:
    """A client, and what is asked of it; see ``lab actor check --help``."""

    command: tuple[str, ...]
    transport: str = "tcp"
    account: str = "subscribe"
    authentication: bool = False


@dataclass(frozen=True)
class Checked:
    """What a client does: whether a scenario can use it, and the findings by what they are about."""

    conforms: bool
    findings: dict[str, dict[str, Any]]


def check_all(checks: Sequence[Check], folder: Path) -> dict[Check, Checked]:
    """Check clients in virtual time, each in cells of its own."""
    scenarios = {
        each: scenario_of(
            Client(account=Account(each.account), command=each.command, image=""),
            Transport(each.transport),
            Server(authentication=Authentication() if each.authentication else None),
        )
        for each in checks
    }
    cells: dict[Check, list[Path]] = {}
    for number, (each, scenario) in enumerate(scenarios.items()):
        (folder / str(number)).mkdir()
        run = RunFolder.make(folder / str(number), scenario, {})
        cells[each] = [run.cell(cell) for cell in scenario.cells]
    with ledger.workplace("actor-check") as (book, _):
        batch = Batch(
            job=JOB,
            folders=[cell for those in cells.values() for cell in those],
            writable=folder,
            clock=Clock.VIRTUAL,
            memory_mb=GUEST_MEMORY_MB,
            ledger=book,
            on_message=lambda _: None,
            visible=tuple({place: None for each in scenarios.values() for place in visible_to(each)}),
            modules=tuple({module: None for each in scenarios.values() for module in modules_of(each)}),
        )
        (errors,) = do([batch])
    assert errors == {}
    found = {each: findings(*(CellRun.open(cell).evidence for cell in those)) for each, those in cells.items()}
    return {
        each: Checked(conforms(those), {one.what: dataclasses.asdict(one) for one in those})
        for each, those in found.items()
    }
