"""Whether a client's own command can be started: the one question of a scenario that only the machine can answer."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from lab.errors import Problem
from lab.loader.yaml_lines import Node
from lab.model.scenario import Client


@dataclass(frozen=True, slots=True)
class Missing:
    """What is wrong with a command; see ``Problem``."""

    what: str
    got: str
    allowed: str


def missing(client: Client, folder: Path) -> Missing | None:
    """Look for the program where it will be looked for: in PATH, or below the folder where it will run."""
    program = client.command[0]
    if "/" not in program:
        if shutil.which(program, path=search_path(client)) is None:
            allowed = "a program in PATH, or a path that begins with `./` for one in this folder"
            return Missing("no such program", f"`{program}`", allowed)
        return None
    file = folder / program
    if not file.is_file():
        return Missing("no such file", f"`{program}`", f"a path relative to `{folder.name}`, or an absolute one")
    if not os.access(file, os.X_OK):
        allowed = f"`chmod +x {program}`, or name the program that runs it first"
        return Missing("not executable", f"`{program}`", allowed)
    return None


def search_path(client: Client) -> str:
    """The PATH in which its command is looked up."""
    return dict(client.environment).get("PATH", os.environ.get("PATH", os.defpath))


def check_client(root: Node, client: Client | None, problems: list[Problem]) -> None:
    """A client of the author's has no release of pjsip that the lab could choose."""
    matrix = root.get("matrix")
    written = (root.get("pjsip"), None if matrix is None else matrix.get("pjsip"))
    if client is not None and client.is_own:
        allowed = "leave it out, or `command` and `image`"
        problems += [
            node.problem("the client is not the lab's pjsip", got="", allowed=allowed) for node in written if node
        ]


def check_command(root: Node, client: Client | None, scenario: Path, problems: list[Problem]) -> None:
    """Check the command of a scenario's client.

    Args:
        root: the scenario.
        client: as read; None if there was a problem with it.
        scenario: its file.
        problems: where problems go.
    """
    written = root.get("client")
    node = None if written is None else written.get("command")
    if client is None or node is None or client.image:  # in an image nobody can look before it runs
        return
    if lack := missing(client, scenario.resolve().parent):
        problems.append(node.problem(lack.what, got=lack.got, allowed=lack.allowed))
