"""Asks the cell of a lab that is up, over its control socket."""

from __future__ import annotations

import json
import os
import socket
from contextlib import closing
from typing import Any

from lab.engine.run_folder import error_from_json
from lab.errors import LabFault
from lab.live_lab.registry import Entry
from lab.runner.control_socket import FILE_NAME

_PIECE = 1 << 16
_MOST_DESCRIPTORS = 8


class Talk:
    """One question to a cell, and its answer; the connection stays until this is closed.

    Attributes:
        told: the answer.
        descriptors: of namespaces that came with it; they are closed with this.

    Raises:
        LabError: what the cell answers is an error, or it does not answer.
    """

    def __init__(self, lab: Entry, do: str, **fields: Any) -> None:
        self.descriptors: list[int] = []
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._connect(lab)
            self.sock.sendall(json.dumps({"do": do, **fields}).encode() + b"\n")
            self.told: dict[str, Any] = json.loads(self._line())
        except (OSError, ValueError) as problem:
            self.close()
            raise LabFault(f"asking lab `{lab.name}`", detail=f"it does not answer ({problem})") from problem
        if "error" in self.told:
            self.close()
            raise error_from_json(self.told["error"])

    def close(self) -> None:
        """End the connection."""
        self.sock.close()
        while self.descriptors:
            os.close(self.descriptors.pop())

    def _connect(self, lab: Entry) -> None:
        place = os.open(lab.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sock.connect(f"/proc/self/fd/{place}/{FILE_NAME}")  # see ControlSocket
        finally:
            os.close(place)

    def _line(self) -> bytes:
        line, self.descriptors, _, _ = socket.recv_fds(self.sock, _PIECE, _MOST_DESCRIPTORS)
        while not line.endswith(b"\n"):
            data = self.sock.recv(_PIECE)
            if not data:
                raise ConnectionError("it has ended")
            line += data
        return line


def ask(lab: Entry, do: str, **fields: Any) -> dict[str, Any]:
    """Ask a cell something, and return its answer.

    Raises:
        LabError: what it answers is an error, or it does not answer.
    """
    with closing(Talk(lab, do, **fields)) as talk:
        return talk.told
