"""Whether a client's own command can be started: the one question of a scenario that only the machine can answer."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lab.errors import Problem
from lab.loader.yaml_lines import Node
from lab.model.scenario import Client


def check_command(root: Node, client: Client | None, scenario: Path, problems: list[Problem]) -> None:
    """Look for the program where it will be looked for.

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
    program = client.command[0]
    environment = dict(client.environment)
    if "/" not in program:
        if shutil.which(program, path=environment.get("PATH", os.environ.get("PATH", os.defpath))) is None:
            allowed = "a program in PATH, or a path that begins with `./` for one beside the scenario"
            problems.append(node.problem("no such program", got=f"`{program}`", allowed=allowed))
        return
    file = scenario.resolve().parent / program
    if not file.is_file():
        allowed = "a path relative to the scenario's folder, or an absolute one"
        problems.append(node.problem("no such file", got=f"`{program}`", allowed=allowed))
    elif not os.access(file, os.X_OK):
        allowed = f"`chmod +x {program}`, or name the program that runs it first"
        problems.append(node.problem("not executable", got=f"`{program}`", allowed=allowed))
