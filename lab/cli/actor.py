"""Implements ``lab actor``: programs that speak the actor protocol."""

from __future__ import annotations

import dataclasses
import json as json_text
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from lab import ledger
from lab.backends import images
from lab.backends.base import BackendKind
from lab.clients import catalog
from lab.engine.cell_run import CellRun
from lab.engine.execute import see_to_containers
from lab.engine.prepare import fetched, modules_of, visible_to
from lab.engine.run_folder import RunFolder
from lab.engine.world_jobs import Batch, do
from lab.errors import (
    EXIT_CLAIM_BROKEN,
    EXIT_CLAIMS_HOLD,
    EXIT_INTERRUPTED,
    HostNotCapable,
    Problem,
    ScenarioError,
    TeardownIncomplete,
)
from lab.judge.client_check import Finding, conforms, findings
from lab.loader.client_command import Missing, missing
from lab.loader.conversion import choice
from lab.loader.unsupported import why_unsupported
from lab.model.authentication import Authentication
from lab.model.client_check import HANGS_UP, ORDERLY, TOPOLOGY
from lab.model.scenario import DEFAULT_PJSIP, Account, Cell, Client, Expectation, Scenario, Server, Strategy, Transport
from lab.report import terminal
from lab.runner import needed_images
from lab.units import Seconds
from lab.visible_text import all_visible
from lab.worlds import uml
from lab.worlds.clock import GUEST_MEMORY_MB, Clock

JOB = "lab.runner.actor_check:run_job"
"""Takes the client in a cell's folder through all it can be asked."""


def check(
    command: list[str],
    *,
    name: str = "",
    image: str,
    transport: str,
    account: str,
    authentication: bool,
    clock: str,
    json: bool,
) -> int:
    """Take a client through the protocol and say what it does; 0 if a scenario can use it, 1 if not.

    Args:
        command: the author's program, or empty.
        name: of a client of the lab's, in its place.
        image: container image.
        transport: SIP transport.
        account: what it is to set up.
        authentication: whether the server challenges it.
        clock: real or virtual time.
        json: print the result as JSON.

    Raises:
        ScenarioError: there is no such program.
        HostNotCapable: this machine cannot do it.
    """
    if lack := _named_badly(command, name, image):
        raise ScenarioError([Problem("lab actor check", 0, "", lack.what, lack.got, lack.allowed)])
    client = Client(account=Account(account), name=name, command=tuple(command), image=image)
    backend = BackendKind.DOCKER if image else BackendKind.NETNS
    if lack := _lack(client, clock):
        raise ScenarioError([Problem("lab actor check", 0, "", lack.what, lack.got, lack.allowed)])
    decided = Clock.REAL if image else uml.decide(clock)
    console = terminal.console(stderr=json)
    server = Server(authentication=Authentication() if authentication else None)
    scenario = fetched(scenario_of(client, Transport(transport), server), backend, console.print)
    if unsupported := why_unsupported(scenario.cells[0]) or scenario.cells[0].unsupported:
        raise HostNotCapable(unsupported, fix="try another transport, or install what is missing")
    if image:
        images.check(needed_images.of_all(scenario.cells))
    with ledger.workplace("actor-check") as (book, out):
        folder = RunFolder.make(out, scenario, {"clock": decided.value, "backend": backend.value})
        cells = [folder.cell(cell) for cell in scenario.cells]
        batch = Batch(
            job=JOB,
            folders=cells,
            writable=folder.path,
            clock=decided,
            memory_mb=GUEST_MEMORY_MB,
            ledger=book,
            on_message=lambda _: None,
            visible=visible_to(scenario),
            modules=modules_of(scenario),
            backend=backend,
        )
        try:
            (errors,) = do([batch])
        finally:
            left = see_to_containers(book, console.print) if image else ()
        if errors is None:
            return EXIT_INTERRUPTED
        for error in errors.values():
            raise error
        if left:
            raise TeardownIncomplete(left)
        found = findings(*(CellRun.open(cell).evidence for cell in cells))
    if json:
        told = {
            "image": image,
            "client": client.label,
            "command": command,
            "transport": transport,
            "account": account,
            "conforms": conforms(found),
        }
        told["findings"] = [dataclasses.asdict(finding) for finding in found]
        sys.stdout.write(json_text.dumps(all_visible(told), indent=2) + "\n")
    else:
        _show(console, found)
    return EXIT_CLAIMS_HOLD if conforms(found) else EXIT_CLAIM_BROKEN


def _named_badly(command: list[str], name: str, image: str) -> Missing | None:
    if not name and not command and not image:
        return Missing("nothing to check", "", "a command, --client or --image")
    if name and (command or image):
        return Missing("two clients to check", f"`{name}`", "leave the command and --image out")
    if name and name not in catalog.with_releases():
        return Missing("unknown client", f"`{name}`", choice(name, catalog.with_releases()))
    return None


def _lack(client: Client, clock: str) -> Missing | None:
    if not client.is_own:
        return None
    if client.image and clock == Clock.VIRTUAL.value:
        return Missing("containers know real time only", "--clock virtual", "leave it out")
    return None if client.image else missing(client, Path.cwd())


def scenario_of(client: Client, transport: Transport, server: Server) -> Scenario:
    """Return the cells in which a client is checked."""
    cells = tuple(
        Cell(
            scenario="actor-check",
            name=name,
            axes=(("strategy", "none"),),
            seed=1,
            topology=TOPOLOGY,
            middleboxes=(),
            transport=transport,
            server=server,
            client=client,
            strategy=Strategy(name="none"),
            faults=(),
            probes=(),
            expect=Expectation(),
            ends=Seconds(1),
            claim=None,
            folder=str(Path.cwd()),
            pjsip=client.release or DEFAULT_PJSIP,
        )
        for name in (ORDERLY, HANGS_UP)
    )
    return Scenario(name="actor-check", file="", text="", title="", why="", source="", cells=cells)


def _show(console: Console, found: list[Finding]) -> None:
    width = max(len(finding.what) for finding in found)
    for needed, title in ((True, "needed by every scenario"), (False, "needed by some, or for a better report")):
        console.print(Text(title, "bold"))
        for finding in found:
            if finding.needed is needed:
                console.print(_line(finding, width), soft_wrap=True)
    verdict = "a scenario can use this client" if conforms(found) else "a scenario cannot use this client"
    console.print(Text(verdict, "green" if conforms(found) else "bold red"))


def _line(finding: Finding, width: int) -> Text:
    word, style = {True: ("yes", "green"), False: ("no", "red" if finding.needed else "yellow"), None: ("-", "dim")}[
        finding.seen
    ]
    return Text.assemble("  ", finding.what.ljust(width + 2), (word.ljust(5), style), finding.detail)
