"""Makes network namespaces without names, holds them by a descriptor, and enters them for a moment.

Nothing is mounted under ``/run/netns``, so nothing is left there: a namespace lives exactly as long as a descriptor, a
process or a socket that holds it. ``os.unshare`` and ``os.setns`` exist from Python 3.12 on; libc has them always.

A namespace is a property of a *thread*: enter one only on the main thread of a process that has no others.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

CLONE_NEWNET = 0x40000000  # linux/sched.h

_libc = ctypes.CDLL(None, use_errno=True)
_OWN = "/proc/thread-self/ns/net"


def new() -> int:
    """Make an empty network namespace and return the descriptor that holds it; the caller's own is unchanged.

    Raises:
        OSError: not allowed (EPERM), or no more namespaces (ENOSPC).
    """
    with _kept():
        unshare_network()
        return os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)


def unshare_network() -> None:
    """Move this process into an empty network namespace of its own, for good."""
    _check(_libc.unshare(CLONE_NEWNET))


def enter(namespace: int) -> None:
    """Move this thread into a namespace, for good."""
    _check(_libc.setns(namespace, CLONE_NEWNET))


@contextmanager
def entered(namespace: int) -> Iterator[None]:
    """Enter a namespace for the length of a ``with`` block; sockets made there stay in it.

    To be where one is already takes no permission: a container may have the right to a network, not to enter one.
    """
    if os.fstat(namespace).st_ino == os.stat(_OWN).st_ino:  # noqa: PTH116  (pathlib costs ten times the call)
        yield
        return
    with _kept():
        enter(namespace)
        yield


@contextmanager
def _kept() -> Iterator[None]:
    own = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        try:
            enter(own)
        finally:
            os.close(own)


def _check(result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
