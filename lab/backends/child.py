"""Handles child processes that stand for actors, and prepares each such child at its start."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket

PR_SET_PDEATHSIG = 1  # linux/prctl.h
_EBADF = 9

_libc = ctypes.CDLL(None, use_errno=True)


class Child:
    """A child of this process.

    Attributes:
        node: which node it is in.
        pid: its process id here.
        sock: this process's end of its channel.
        ended: a descriptor that turns readable when it has ended.
        status: how it ended, see ``wait``; None before somebody has waited.
    """

    def __init__(self, node: str, pid: int, sock: socket.socket) -> None:
        self.node = node
        self.pid = pid
        self.sock = sock
        self.ended = os.pidfd_open(pid)
        self.status: int | None = None

    def wait(self, within: float | None = None) -> int | None:
        """Return the exit status (negative: ended by that signal); None if it has not ended within that time."""
        if self.status is None:
            poll = select.poll()
            poll.register(self.ended, select.POLLIN)
            if poll.poll(None if within is None else within * 1000):
                self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
                os.close(self.ended)
                self.sock.close()
        return self.status


def die_with(parent: int) -> None:
    """Let the kernel kill this process when its parent dies; exit at once if the parent is already dead.

    Call it after the last change of credentials: the kernel forgets the request then.
    """
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def close_all_but(*kept: int) -> None:
    """Close all descriptors but the standard streams and these."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  (numbers, not paths)
        fd = int(name)
        if fd > 2 and fd not in kept:
            try:
                os.close(fd)
            except OSError as problem:
                if problem.errno != _EBADF:  # the listing's own descriptor
                    raise
