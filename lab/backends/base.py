"""Defines what a backend provides: network stacks by node name, and processes in them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from lab.errors import LabFault
from lab.model.topology import Node


class BackendKind(str, Enum):
    """The implementation of nodes: bare network namespaces, or containers."""

    NETNS = "netns"
    DOCKER = "docker"


MOST_OUTPUT = 64 << 20
"""Bytes; a command's standard error is kept up to here, and it can make no file that is larger."""

CLIENT_MARK = ("LAB_ACTOR", "client")
"""In the environment of a command that is a scenario's client, and so of what it starts: whose processes these are."""

Main = Callable[[socket.socket], None]
"""An actor as a module-level function, so that a backend can name it to another interpreter."""


@dataclass(frozen=True)
class Command:
    """An actor as a program of its own: it has the channel as its standard input and output.

    Attributes:
        argv: the program, looked up in PATH, and its arguments.
        environment: its whole environment.
        folder: where it runs.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path("/")


Program = Main | Command


@dataclass(frozen=True)
class ActorSpec:
    """The program to run in a node, with its files.

    Attributes:
        program: the actor.
        log: where what it prints goes, but for a command's channel.
        image: for containers: the kind of image (``lab.backends.images``); of a command the image itself.
        reads, writes: files and folders it is told of. Containers see no others of the host's.
        in_container: the actor in a container; None: the same.
        lives: how often it may be started, one after the other.
    """

    program: Program
    log: Path
    image: str
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    in_container: Program | None = None
    lives: int = 1


class EndedAtOnce(LabFault):
    """A program had ended before its node's network stood.

    Attributes:
        node: where it ran.
        status: its exit status, see ``Actor.wait``.
        log: where what it printed is.
    """

    def __init__(self, node: str, status: int, log: Path) -> None:
        self.node = node
        self.status = status
        self.log = log
        super().__init__(f"the container of {node} ended at once", detail=f"exit status {status}, see {log.name}")


class Actor(Protocol):
    """A program running in a node.

    Attributes:
        node: where it runs.
        ended: a descriptor that turns readable when the process has ended; for the runner's event loop.
        sock: the runner's end of the channel (``lab.actors.channel``).
    """

    node: str
    ended: int
    sock: socket.socket

    def wait(self, within: float | None = None) -> int | None:
        """Return the exit status (negative: ended by that signal); None if it has not ended within that time."""

    def freeze(self) -> bool:
        """Stop it where it stands; returns whether the kernel says that it is stopped."""

    def thaw(self) -> None:
        """Let it go on."""

    def kill(self) -> int:
        """End it and whatever it started, wait for it, and return its exit status."""


class Backend(Protocol):
    """Nodes, and processes in them."""

    def make(self, node: str) -> int:
        """Return a descriptor of the node's network namespace, still empty; the caller must close it."""

    def spawn(self, node: str, program: Program, log: Path) -> Actor:
        """Start an actor in a node; what it prints, but for a command's channel, goes to ``log``.

        It may be started again after its end (`ActorSpec.lives`).
        """

    def close(self) -> None:
        """End what is left of the nodes."""


class OpenBackend(Protocol):
    """Makes the nodes of one cell."""

    def __call__(self, nodes: Sequence[Node], parts: Mapping[str, ActorSpec], folder: Path) -> Backend:
        """Make them.

        Args:
            nodes: all of them.
            parts: what is to run where, by node; in the others nothing.
            folder: the cell's.
        """
