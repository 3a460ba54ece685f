"""What must be there before anything starts: a clock, programs, images, releases of the client."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from lab.actors import wheels
from lab.actors.kamailio import child as kamailio
from lab.backends import daemon
from lab.backends.base import BackendKind
from lab.errors import Problem, ScenarioError
from lab.judge.verdict import why_unsupported
from lab.loader.command import search_path
from lab.model.pjsip import DEFAULT, RELEASES
from lab.model.scenario import Scenario, Software
from lab.runner import images
from lab.worlds import uml
from lab.worlds.clock import Clock


def check(scenarios: Sequence[Scenario], backend: BackendKind) -> None:
    """Check that the cells of these scenarios can run on this machine, as far as that is known before they do.

    Raises:
        ScenarioError: a client needs containers, or cannot have them.
        HostNotCapable: a program is missing.
    """
    _check_images(scenarios, backend)
    cells = (cell for scenario in scenarios for cell in scenario.cells if not why_unsupported(cell))
    if backend is BackendKind.NETNS and any(cell.server.software is Software.KAMAILIO for cell in cells):
        kamailio.check_host()


def decide(scenarios: Sequence[Scenario], clock: str, backend: BackendKind) -> Clock:
    """Decide the clock: ``auto`` is virtual time where it can be had; containers have the host's.

    Raises:
        HostNotCapable: what is asked for cannot be had on this machine.
    """
    if backend is BackendKind.NETNS:
        return uml.decide(clock)
    daemon.check(images.of_all(cell for scenario in scenarios for cell in scenario.cells))
    return Clock.REAL


def with_wheels(scenario: Scenario, report: Callable[[str], None]) -> Scenario:
    """Return the scenario with the releases of pjsip that its cells need, fetched if they must be.

    Args:
        scenario: loaded.
        report: takes a sentence about each that is fetched.

    Raises:
        HostNotCapable: one cannot be had on this machine.
    """
    wanted = {cell.pjsip for cell in scenario.cells if not why_unsupported(cell)} - {DEFAULT}
    folders = {release: str(wheels.find_or_fetch(RELEASES[release].package, report)) for release in sorted(wanted)}
    cells = tuple(dataclasses.replace(cell, wheel=folders.get(cell.pjsip, "")) for cell in scenario.cells)
    return dataclasses.replace(scenario, cells=cells)


def visible_to(scenario: Scenario) -> tuple[str, ...]:
    """Return the folders of this machine that cells need: other releases of pjsip, clients of the author's."""
    found = {Path(cell.wheel) for cell in scenario.cells if cell.wheel}
    for client, folder in {(cell.client, Path(cell.folder)) for cell in scenario.cells}:
        if not client.command or client.image:
            continue
        found.add(folder)
        name = client.command[0]
        where = str(folder / name) if "/" in name else name
        if (program := shutil.which(where, path=search_path(client))) is not None:
            found |= {Path(program).parent, Path(program).resolve().parent}
    return tuple(sorted(str(each) for each in found))


def _check_images(scenarios: Iterable[Scenario], backend: BackendKind) -> None:
    """Refuse clients in images where there are no containers, and commands of this machine where there are."""
    problems = []
    for scenario in scenarios:
        others = sorted({cell.pjsip for cell in scenario.cells} - {DEFAULT})
        for release in others if backend is BackendKind.DOCKER else ():
            allowed = f"{DEFAULT}, which is in the lab's image; or `--backend netns`"
            problems.append(Problem(scenario.file, 0, "pjsip", "not in a container", f"`{release}`", allowed))
        for client in {cell.client for cell in scenario.cells}:
            if client.image and backend is BackendKind.NETNS:
                allowed = "`--backend docker`; or leave `image` out, and `command` runs on this machine"
                problem = ("client.image", "an image needs containers", f"`{client.image}`", allowed)
                problems.append(Problem(scenario.file, 0, *problem))
            elif client.command and not client.image and backend is BackendKind.DOCKER:
                allowed = "an `image` that has it; or `--backend netns`, and it runs on this machine"
                problem = ("client.command", "a container needs an image", f"`{' '.join(client.command)}`", allowed)
                problems.append(Problem(scenario.file, 0, *problem))
    if problems:
        raise ScenarioError(problems)
