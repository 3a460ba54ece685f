"""Makes nodes as bare network namespaces; an actor is a fork of this process inside one.

No exec: what the runner has imported, the actor has too, which in a virtual-time guest is most of an actor's start. So
fork before anything runs that a fork would tear in two: event loops, threads.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from lab.backends.base import MOST_OUTPUT, ActorSpec, Command, Program
from lab.backends.child import Child, close_all_but, die_with
from lab.errors import LabFault
from lab.model.topology import Node
from lab.network import netns

CANNOT_START = 127  # what shells say
STOPS_WITHIN_S = 1.0
"""A process stops when it next leaves the kernel, which is at once; it is asked for no longer than this."""


class Process(Child):
    """An actor's process, leader of a session and process group of its own."""

    def freeze(self) -> bool:
        """Stop it and whatever it started where they stand; returns whether the kernel says that it is stopped."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # so that it waits for us, ignored as it is
        try:
            os.killpg(self.pid, signal.SIGSTOP)
            deadline = time.monotonic() + STOPS_WITHIN_S
            while not self._is_stopped() and (left := deadline - time.monotonic()) > 0:
                signal.sigtimedwait({signal.SIGCHLD}, left)
            return self._is_stopped()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _is_stopped(self) -> bool:
        now = os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG)
        return now is not None and now.si_code == os.CLD_STOPPED

    def thaw(self) -> None:
        """Let it go on."""
        os.killpg(self.pid, signal.SIGCONT)

    def kill(self) -> int:
        """End it and whatever it started, wait for it, and return its exit status."""
        if self.status is None:
            # not waited for yet, so the number is still its own, and when it is dead no group of it can come about
            os.kill(self.pid, signal.SIGKILL)
            select.select([self.ended], [], [])
            with suppress(ProcessLookupError):  # so young that it led no group
                os.killpg(self.pid, signal.SIGKILL)
        status = self.wait()
        assert status is not None
        return status


class NetnsBackend:
    """Processes in bare namespaces, which live as long as ``lab.network.apply`` holds them."""

    def __init__(self, namespaces: Mapping[str, int] | None = None) -> None:
        self._namespaces = dict(namespaces or {})

    def make(self, node: str) -> int:
        """Return a descriptor of a new namespace for a node; the caller must close it."""
        self._namespaces[node] = netns.new()
        return self._namespaces[node]

    def close(self) -> None:
        """Do nothing: processes are ended one by one, and this object holds no namespaces."""

    def namespace(self, node: str) -> int:
        """Return the descriptor of the node's network namespace; the network keeps owning it."""
        return self._namespaces[node]

    def spawn(self, node: str, program: Program, log: Path) -> Process:
        """Fork an actor into a node.

        It has standard input from nothing, standard output and error in ``log``, the channel, and no other descriptor.
        A command has the channel as standard input and output. SIGINT is the runner's business; if the runner dies, it
        dies.

        Raises:
            LabFault: no process could be made.
        """
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            pid = os.fork()
        except OSError as problem:
            raise LabFault(f"start an actor in {node}", detail=str(problem)) from problem
        if pid == 0:
            _child(program, theirs, log, namespace=self._namespaces[node], parent=parent)
        theirs.close()
        return Process(node, pid, ours)


def bare(nodes: Sequence[Node], parts: Mapping[str, ActorSpec], folder: Path) -> NetnsBackend:  # noqa: ARG001
    """Open this backend for a cell (``OpenBackend``); nodes are made as the network asks for them."""
    return NetnsBackend()


def _child(program: Program, sock: socket.socket, log: Path, *, namespace: int, parent: int) -> NoReturn:
    status = 1
    try:
        os.setsid()
        die_with(parent)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        netns.enter(namespace)
        _redirect(log)
        close_all_but(sock.fileno())
        if isinstance(program, Command):
            _become(program, sock)
        program(sock)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001  (the child's last frame: the log is told, the parent gets the status)
        traceback.print_exc()
    finally:
        # no atexit handlers, no destructors: they are the parent's
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _become(command: Command, sock: socket.socket) -> NoReturn:
    for fd in (0, 1):
        os.dup2(sock.fileno(), fd)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_OUTPUT, MOST_OUTPUT))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it; other programs expect to end by it
    try:
        os.chdir(command.folder)
    except OSError as problem:
        print(f"cannot enter the folder `{command.folder}`: {problem.strerror}", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(CANNOT_START)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it; other programs expect to end by it
    try:
        os.execvpe(command.argv[0], command.argv, dict(command.environment))  # noqa: S606  (no shell is wanted)
    except OSError as problem:
        print(f"cannot start `{command.argv[0]}`: {problem.strerror}", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(CANNOT_START)


def _redirect(log: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(source, target)
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    faulthandler.enable(sys.stderr)  # an abort in a C library leaves a trace in the log
