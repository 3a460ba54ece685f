"""Checks and fetches what a run needs before it starts: a clock, programs, images, releases of the client."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from lab.backends import images
from lab.backends.base import BackendKind
from lab.clients.catalog import client_of
from lab.errors import Problem, ScenarioError
from lab.model.scenario import DEFAULT_PJSIP, Cell, Scenario
from lab.proxies.catalog import proxy_of
from lab.runner import needed_images
from lab.servers.catalog import server_of
from lab.worlds import uml
from lab.worlds.clock import Clock


def check(scenarios: Sequence[Scenario], backend: BackendKind, *, runs_here: bool = True) -> None:
    """Check that the cells of these scenarios can run on this machine, as far as that is known before they do.

    Args:
        scenarios: loaded.
        backend: what nodes are.
        runs_here: whether cells run on this machine, so that it must have their servers.

    Raises:
        ScenarioError: a client needs containers, or cannot have them.
        HostNotCapable: a program is missing.
    """
    _check_images(scenarios, backend)
    if backend is BackendKind.NETNS and runs_here:  # images have everything in them
        cells = (cell for scenario in scenarios for cell in scenario.cells if not cell.unsupported)
        for server in {server_of(cell) for cell in cells}:
            server.check_host()


def decide(scenarios: Sequence[Scenario], clock: str, backend: BackendKind) -> Clock:
    """Decide the clock: ``auto`` is virtual time where it can be had; containers have the host's.

    Raises:
        HostNotCapable: what is asked for cannot be had on this machine.
    """
    if backend is BackendKind.NETNS:
        return uml.decide(clock)
    images.check(needed_images.of_all(cell for scenario in scenarios for cell in scenario.cells))
    return Clock.REAL


def fetched(
    scenario: Scenario, backend: BackendKind, report: Callable[[str], None], clock: Clock = Clock.REAL
) -> Scenario:
    """Return the scenario with what its cells' clients need, fetched if it must be.

    Args:
        scenario: loaded.
        backend: with containers nothing is fetched: images have everything in them.
        report: takes a sentence about each thing that is fetched.
        clock: of the run; cells whose client does not run by it are unsupported.

    Raises:
        HostNotCapable: something cannot be had on this machine.
    """
    scenario = with_proxies(scenario, backend)
    if backend is BackendKind.DOCKER:
        return scenario
    return dataclasses.replace(scenario, cells=tuple(_prepared(cell, report, clock) for cell in scenario.cells))


def _prepared(cell: Cell, report: Callable[[str], None], clock: Clock) -> Cell:
    if cell.unsupported:
        return cell
    why = client_of(cell).not_in_virtual_time if clock is Clock.VIRTUAL else ""
    return dataclasses.replace(cell, unsupported=why) if why else client_of(cell).prepare(cell, report)


def with_proxies(scenario: Scenario, backend: BackendKind) -> Scenario:
    """Return the scenario; cells whose proxy cannot run here are unsupported, and say how it can."""
    cells = []
    for cell in scenario.cells:
        program = proxy_of(cell)
        why = cell.unsupported or ""
        if program is not None and not why:
            lack = program.lack()
            why = "" if lack is None else f"{lack.missing}; {lack.fix}"
            if backend is BackendKind.DOCKER:
                why = "there is no container image of a proxy; use --backend netns"
        cells.append(dataclasses.replace(cell, unsupported=why) if why else cell)
    return dataclasses.replace(scenario, cells=tuple(cells))


def visible_to(scenario: Scenario) -> tuple[str, ...]:
    """Return the folders of this machine that cells need besides the lab's own."""
    return tuple(sorted({str(folder) for cell in scenario.cells for folder in client_of(cell).visible(cell)}))


def modules_of(scenario: Scenario) -> tuple[str, ...]:
    """Return what a world imports once for all of these cells."""
    programs = (program for cell in scenario.cells for program in (client_of(cell), server_of(cell), proxy_of(cell)))
    return tuple(sorted({module for program in programs if program for module in program.modules}))


def _check_images(scenarios: Iterable[Scenario], backend: BackendKind) -> None:
    """Refuse clients in images where there are no containers, and commands of this machine where there are."""
    problems = []
    for scenario in scenarios:
        others = sorted({cell.pjsip for cell in scenario.cells} - {DEFAULT_PJSIP})
        for release in others if backend is BackendKind.DOCKER else ():
            allowed = f"{DEFAULT_PJSIP}, which is in the lab's image; or `--backend netns`"
            problems.append(Problem(scenario.file, 0, "pjsip", "not in a container", f"`{release}`", allowed))
        without = {client_of(cell).name for cell in scenario.cells if not client_of(cell).runs_in_containers}
        problems += [
            Problem(scenario.file, 0, "client", "not in a container", f"`{name}`", "use `--backend netns`")
            for name in (sorted(without) if backend is BackendKind.DOCKER else ())
        ]
        for client in {cell.client for cell in scenario.cells}:
            if client.image and backend is BackendKind.NETNS:
                allowed = "use `--backend docker`; or leave `image` out, and `command` runs on this machine"
                problem = ("client.image", "an image needs containers", f"`{client.image}`", allowed)
                problems.append(Problem(scenario.file, 0, *problem))
            elif client.command and not client.image and backend is BackendKind.DOCKER:
                allowed = "an `image` that has it; or `--backend netns`, and it runs on this machine"
                problem = ("client.command", "a container needs an image", f"`{' '.join(client.command)}`", allowed)
                problems.append(Problem(scenario.file, 0, *problem))
    if problems:
        raise ScenarioError(problems)
