"""Checks that the client's own command can be started; only the machine can answer that."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.clients.catalog import DEFAULT
from lab.clients.own import search_path
from lab.errors import Problem
from lab.loader.axes import Axis
from lab.loader.axis_values import Option
from lab.loader.yaml_lines import Node, shown
from lab.model.scenario import Client


@dataclass(frozen=True, slots=True)
class Missing:
    """The problem of a command; see ``Problem``."""

    what: str
    got: str
    allowed: str


def missing(client: Client, folder: Path) -> Missing | None:
    """Look for the program where it will be looked for: in PATH, or below the folder where it will run."""
    program = client.command[0]
    if "/" not in program:
        if shutil.which(program, path=search_path(client)) is None:
            allowed = "a program in PATH, or a path that begins with `./` for one in this folder"
            return Missing("no such program", shown(program), allowed)
        return None
    file = folder / program
    if not os.path.isfile(file):  # noqa: PTH113  (which says no to a name that no file can have)
        return Missing("no such file", shown(program), f"a path relative to `{folder.name}`, or an absolute one")
    if not os.access(file, os.X_OK):
        allowed = f"`chmod +x {shown(program)[1:-1]}`, or name the program that runs it first"
        return Missing("not executable", shown(program), allowed)
    return None


def check_clients(root: Node, axes: Sequence[Axis], scenario: Path, problems: list[Problem]) -> None:
    """Check that the clients' own commands can be started, and that releases of pjsip are asked of pjsip.

    Args:
        root: the scenario.
        axes: as read.
        scenario: its file.
        problems: where problems go.
    """
    options = [option for axis in axes if axis.name == "client" for option in axis.options]
    if options and all(option.value.kind != DEFAULT for option in options):
        matrix = root.get("matrix")
        written = (root.get("pjsip"), None if matrix is None else matrix.get("pjsip"))
        allowed = "leave it out, or `command` and `image`"
        problems += [
            node.problem("the client is not the lab's pjsip", got="", allowed=allowed) for node in written if node
        ]
    _check_releases(root, options, problems)
    for option in options:
        node = None if option.node is None else option.node.get("command")
        if node is None or option.value.image:  # in an image nobody can look before it runs
            continue
        if lack := missing(option.value, scenario.resolve().parent):
            problems.append(node.problem(lack.what, got=lack.got, allowed=lack.allowed))


def _check_releases(root: Node, options: Sequence[Option], problems: list[Problem]) -> None:
    """Refuse a release of pjsip that is named twice: as the client, and by the axis `pjsip`."""
    matrix = root.get("matrix")
    written = [node for node in (root.get("pjsip"), None if matrix is None else matrix.get("pjsip")) if node]
    for option in options:
        if written and option.value is not None and option.value.release and option.node is not None:
            allowed = f"`client: {option.value.kind}`, or leave `pjsip` out"
            problems.append(
                option.node.problem("a release, and `pjsip` names another", got=f"`{option.label}`", allowed=allowed)
            )
