"""Runs a program of the scenario's author: a command of this machine, or a container image."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lab.backends.base import CLIENT_MARK, Command, Program
from lab.clients.base import ClientProgram
from lab.model.scenario import Cell, Client


class Own(ClientProgram):
    """The author's program."""

    name = "own"
    what = "a program of your own: `client: { command: [./my-client] }`, or an image"

    def unsupported(self, cell: Cell) -> str:
        """See `ClientProgram`."""
        if cell.server.by_name:
            return "a client of your own is told the server's address, not its name"
        return super().unsupported(cell)

    def program(self, cell: Cell) -> Program:
        """See `ClientProgram`."""
        client = cell.client
        environment = dict(client.environment)
        if not client.image:  # a world's environment is the lab's own choice, so it may be passed on
            environment = {**os.environ, **environment, CLIENT_MARK[0]: CLIENT_MARK[1]}
        return Command(client.command, environment, Path(cell.folder))

    def image(self, cell: Cell) -> str:
        """See `ClientProgram`."""
        return cell.client.image

    def visible(self, cell: Cell) -> tuple[Path, ...]:
        """Return the scenario's folder, and that of the program."""
        client, folder = cell.client, Path(cell.folder)
        if client.image:
            return ()
        program = _found(cell)
        return (folder,) if program is None else (folder, Path(program).parent, Path(program).resolve().parent)

    def missing(self, cell: Cell) -> str:
        """See `ClientProgram`."""
        if not Path(cell.folder).is_dir():
            return cell.folder
        return cell.client.command[0] if _found(cell) is None else ""


def _found(cell: Cell) -> str | None:
    """Return where the program is on this machine; None: nowhere."""
    name = cell.client.command[0]
    where = str(Path(cell.folder) / name) if "/" in name else name
    return shutil.which(where, path=search_path(cell.client))


def search_path(client: Client) -> str:
    """Return the PATH in which a client's command is looked up."""
    return dict(client.environment).get("PATH", os.environ.get("PATH", os.defpath))


CLIENT = Own()
