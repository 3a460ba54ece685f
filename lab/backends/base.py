"""What the runner needs of a backend, whichever it is: network stacks by node name, and processes in them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

Main = Callable[[socket.socket], None]
"""An actor: a module-level function, so that a backend can name it to another interpreter."""


class Actor(Protocol):
    """A program running in a node.

    Attributes:
        node: where it runs.
        pid: its process, as the runner's kernel counts.
        ended: a descriptor that turns readable when the process has ended; for the runner's event loop.
        sock: the runner's end of the channel (``lab.actors.channel``).
    """

    node: str
    pid: int
    ended: int
    sock: socket.socket

    def wait(self, within: float | None = None) -> int | None:
        """The exit status (negative: ended by that signal) once it has ended; None if it has not within that time."""

    def kill(self) -> int:
        """End it and whatever it started, wait for it, and return its exit status."""


class Backend(Protocol):
    """Nodes, and processes in them."""

    def namespace(self, node: str) -> int:
        """The descriptor of the node's network namespace; it stays the backend's."""

    def spawn(self, node: str, main: Main, log: Path) -> Actor:
        """Start an actor in a node, its standard output and error going to ``log``."""
