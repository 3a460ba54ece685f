"""Makes nodes as containers without a Docker network; the lab connects their namespaces like bare ones.

One container per node. Its main process is the node's actor, which waits for its first command until the network
stands; where there is no actor, a program that waits for the end of its input. ``lab.backends.container_process`` has
the rest.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.backends import container_process, daemon
from lab.backends.base import ActorSpec, Command, EndedAtOnce, Program
from lab.backends.child import Child
from lab.backends.container_process import USER, Container
from lab.errors import HostNotCapable, LabFault
from lab.model.topology import Node, Role

OUTPUT = "containers.out"
"""In the cell's folder: the output of container processes, and of nodes without actors."""

_HOLDER = ("cat",)
"""Lives until the end of its input, as actors do."""
_STDIO = ("python3", "-m", "lab.actors.stdio")
_ENVIRONMENT = {"HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}  # noqa: S108  (the container's own)
_SIGNALS = 128  # an exit status above it is a signal, as shells say it
_HOST_BYTES = 63  # HOST_NAME_MAX less one (linux/limits.h)


class ContainerActor(Child):
    """A container, seen through its process: both end together, with the same exit status."""

    def __init__(self, node: str, pid: int, sock: socket.socket) -> None:
        super().__init__(node, pid, sock)
        self.container = ""
        self._told = False

    def wait(self, within: float | None = None) -> int | None:
        """Return the exit status (negative: ended by that signal); None if it has not ended within that time.

        Raises:
            HostNotCapable: the daemon went away.
            LabFault: the container's process ended, not the container.
        """
        status = super().wait(within)
        if status == -container_process.LOST_DAEMON and not self._told:
            raise daemon.went_away(f"the container of {self.node} ran")
        if status is not None and status < 0 and not self._told:
            raise LabFault(f"keeping the container of {self.node}", detail=f"see {OUTPUT} in the cell's folder")
        return status if status is None or status <= _SIGNALS else _SIGNALS - status

    def freeze(self) -> bool:
        """Stop all its processes where they stand; returns whether the daemon says that they are."""
        api = daemon.connect()
        try:
            with daemon.answering(f"freezing the container of {self.node}"):
                api.pause(self.container)
                return bool(api.inspect_container(self.container)["State"]["Paused"])
        finally:
            api.close()

    def thaw(self) -> None:
        """Let them go on."""
        api = daemon.connect()
        try:
            with daemon.answering(f"thawing the container of {self.node}"):
                api.unpause(self.container)
        finally:
            api.close()

    def tell_to_end(self) -> None:
        """Remove the container, without waiting."""
        if self.status is None and not self._told:
            os.kill(self.pid, signal.SIGTERM)  # not waited for yet, so the number is still its own
        self._told = True

    def kill(self) -> int:
        """Remove the container, wait until it is gone, and return its exit status."""
        self.tell_to_end()
        status = self.wait()
        assert status is not None
        return status


ENDS_WITHIN_S = 5.0
"""A container that cannot be seen may have ended; its keeper says so within this time, or it runs elsewhere."""


class DockerBackend:
    """The containers of one cell, all of them started at once.

    Args:
        nodes, parts, folder: see ``lab.backends.base.OpenBackend``.
        run: the run's name in the ledger.
        images: names of the lab's own images, by kind.
        outside: a descriptor of a ``/proc`` in which the daemon's processes can be seen.

    Raises:
        HostNotCapable: no daemon, or an image is missing.
        LabFault: a container could not be started.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        parts: Mapping[str, ActorSpec],
        folder: Path,
        *,
        run: str,
        images: Mapping[str, str],
        outside: int,
    ) -> None:
        self._outside = outside
        self._processes: dict[str, int] = {}
        self._actors: dict[str, ContainerActor] = {}
        self._later_lives: dict[str, list[ContainerActor]] = {}
        self._all: list[ContainerActor] = []
        self._logs: dict[str, Path] = {}
        self._written = [path for part in parts.values() for path in part.writes]
        reports: dict[str, int] = {}
        try:
            _hand_over(parts.values())
            containers = {}
            for node in nodes:
                part = parts.get(node.name)
                containers[node.name] = _container(node, part, images, run=run, cell=folder.name)
                log = part.log if part else folder / OUTPUT
                self._logs[node.name] = log
                self._actors[node.name], reports[node.name] = _start(containers[node.name], log)
                self._all.append(self._actors[node.name])
            for node in nodes:
                self._processes[node.name] = self._take_report(self._actors[node.name], reports.pop(node.name))
            for name, part in parts.items():
                self._start_later_lives(containers[name], part)
        except BaseException:
            self.close()
            raise
        finally:
            for report in reports.values():
                os.close(report)

    def make(self, node: str) -> int:
        """Return a descriptor of a container's network namespace; the caller must close it.

        Raises:
            HostNotCapable: the daemon's processes are not this machine's.
            EndedAtOnce: the container has ended already.
        """
        pid = self._processes[node]
        try:
            with os.fdopen(os.open(f"{pid}/cgroup", os.O_RDONLY, dir_fd=self._outside)) as file:
                ours = self._actors[node].container in file.read()
        except FileNotFoundError:
            ours = False
        if not ours:
            if (status := self._actors[node].wait(within=ENDS_WITHIN_S)) is not None:
                raise EndedAtOnce(node, status, self._logs[node])
            raise HostNotCapable(
                f"the container of {node} is not a process of this machine",
                fix="use a Docker daemon that runs here, not in a virtual machine, and run the lab outside containers",
            )
        try:
            return os.open(f"{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._outside)
        except FileNotFoundError:  # it has ended between the two looks
            status = self._actors[node].wait()
            assert status is not None
            raise EndedAtOnce(node, status, self._logs[node]) from None

    def spawn(self, node: str, program: Program, log: Path) -> ContainerActor:  # noqa: ARG002
        """Return the actor of a node; it already runs and waits for its first command.

        One that may be started again has a container for each of its lives. The last has the network stack, which the
        others share.
        """
        later = self._later_lives.get(node)
        return later.pop(0) if later else self._actors[node]

    def _start_later_lives(self, container: Container, part: ActorSpec) -> None:
        """Start the containers of an actor that share the network stack of its last one."""
        last = self._actors[container.labels[daemon.NODE]]
        beside = dataclasses.replace(container, network=f"container:{last.container}")
        for life in range(1, part.lives):
            actor, report = _start(dataclasses.replace(beside, name=f"{container.name}-{life}"), part.log)
            self._later_lives.setdefault(last.node, []).append(actor)
            self._all.append(actor)
            self._take_report(actor, report)

    def close(self) -> None:
        """Remove all containers, and wait until they are gone."""
        for actor in self._all:
            actor.tell_to_end()
        for actor in self._all:
            actor.kill()
        for path in self._written:
            if path.exists() and not path.stat().st_size:
                path.unlink()  # made for an actor that had nothing to write

    def _take_report(self, actor: ContainerActor, report: int) -> int:
        """Return the process id of a container that has been started."""
        with os.fdopen(report) as file:
            line = file.readline()
        said: dict[str, Any] = json.loads(line) if line else {"detail": "its process died"}
        if "missing" in said:
            raise HostNotCapable(said["missing"], fix=said["fix"])
        if "detail" in said:
            raise LabFault(f"starting the container of {actor.node}", detail=said["detail"])
        actor.container = said["id"]
        return int(said["pid"])


def _container(node: Node, part: ActorSpec | None, images: Mapping[str, str], *, run: str, cell: str) -> Container:
    entrypoint: tuple[str, ...] = _HOLDER
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = _ENVIRONMENT
    image = images["middlebox"]
    if part is not None:
        program = part.in_container or part.program
        if isinstance(program, Command):
            entrypoint, command, environment = (), program.argv, program.environment
            image = images.get(part.image, part.image)  # the author's own has a name of its own
        else:
            entrypoint = (*_STDIO, f"{program.__module__}:{program.__qualname__}")
            image = images[part.image]
    is_middlebox = node.role is Role.MIDDLEBOX
    return Container(
        name=re.sub(r"[^a-zA-Z0-9_.-]", "_", f"lab-{run}-{cell}-{node.name}"),
        node=node.name[:_HOST_BYTES],
        image=image,
        entrypoint=entrypoint,
        command=command,
        environment=environment,
        capabilities=("NET_ADMIN",) if is_middlebox else (),
        user=0 if is_middlebox else USER,  # capabilities are root's: `docker exec` has them for nobody else
        labels={daemon.RUN: run, daemon.CELL: cell, daemon.NODE: node.name},
        reads=part.reads if part else (),
        writes=part.writes if part else (),
    )


def _start(container: Container, log: Path) -> tuple[ContainerActor, int]:
    """Fork a container's process; return the child, and the descriptor of its report."""
    ours, theirs = socket.socketpair()
    hear, report = os.pipe()
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        pid = os.fork()
    except OSError as problem:
        raise LabFault(f"start a process for {container.node}", detail=str(problem)) from problem
    if pid == 0:
        container_process.run_container(container, theirs, log, report, parent=parent)
    theirs.close()
    os.close(report)
    return ContainerActor(container.node, pid, ours), hear


def _hand_over(parts: Iterable[ActorSpec]) -> None:
    """Let the user in the containers read and write what parts name, and nothing else."""
    try:
        for part in parts:
            for path in part.writes:
                path.touch(mode=0o644)
                os.chown(path, USER, USER)
            for path in part.reads:
                for file in path.iterdir() if path.is_dir() else (path,):
                    os.chown(file, -1, USER)
                    file.chmod(file.stat().st_mode | 0o040)
    except OSError as problem:
        raise HostNotCapable(
            f"files of the run folder cannot be given to the containers' user ({problem})",
            fix="put run folders on a local file system with --out DIR",
        ) from problem
