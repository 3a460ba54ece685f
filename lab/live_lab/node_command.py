"""Runs a command in a node of a lab that is up, as if this process were there.

The command has this process's standard streams, folder and environment. It is a process of the lab's world: the lab
ends it when it ends, and the kernel does when this process is killed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NoReturn

from lab.backends.child import die_with
from lab.live_lab.control import Talk
from lab.live_lab.registry import Entry

CANNOT_START, NOT_FOUND = 126, 127  # what shells say
_BY_SIGNAL = 128
"""The exit status of a command that a signal ended is this much more than its number, as shells have it."""
_TOOLS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where an ordinary user's PATH lacks ``ip``, ``ss`` and ``tcpdump``, which a node's root can use."""
_FORWARDED = (signal.SIGTERM, signal.SIGHUP)
_THE_TERMINALS = (signal.SIGINT, signal.SIGQUIT)
"""A terminal sends these to the command itself."""

_libc = ctypes.CDLL(None, use_errno=True)


def run(lab: Entry, node: str, command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command in a node; return its exit status.

    Args:
        lab: which is up.
        node: a node of it.
        command: the program, looked up in PATH, and its arguments.
        environment: what it has besides this process's own environment.

    Raises:
        LabError: the lab does not answer.
    """
    folder = Path.cwd()
    with closing(Talk(lab, "enter", node=node)) as talk:
        enter(talk.descriptors)
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            talk.close()
            _become(command, environment, folder)
        return _wait(child)


def enter(namespaces: Sequence[int]) -> None:
    """Move this process into the namespaces, for good; of a PID namespace its children.

    This process must have one thread only. One that it is in already is passed over: entering the own user namespace is
    an error (setns(2)).

    Raises:
        OSError: not allowed.
    """
    others = [namespace for namespace in namespaces if not _is_own(namespace)]  # before /proc is another's
    for namespace in others:
        if _libc.setns(namespace, 0) != 0:
            code = ctypes.get_errno()
            raise OSError(code, f"entering a namespace of the lab: {os.strerror(code)}")


def _is_own(namespace: int) -> bool:
    name = os.readlink(f"/proc/self/fd/{namespace}").partition(":")[0]  # noqa: PTH115  (no path: `net:[4026531840]`)
    own, other = os.stat(f"/proc/self/ns/{name}"), os.fstat(namespace)  # noqa: PTH116  (two of a kind)
    return (own.st_dev, own.st_ino) == (other.st_dev, other.st_ino)


def _become(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> NoReturn:
    die_with(0)  # the parent is outside this PID namespace, which shows as 0
    status = CANNOT_START
    try:
        os.chdir(folder)
        for number in (*_FORWARDED, *_THE_TERMINALS, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_TOOLS])
        os.execvpe(command[0], [*command], {**os.environ, "PATH": path, **environment})  # noqa: S606  (no shell is wanted)
    except OSError as problem:
        status = NOT_FOUND if isinstance(problem, FileNotFoundError) else CANNOT_START
        print(f"cannot start `{command[0]}`: {problem.strerror}", file=sys.stderr, flush=True)  # noqa: T201  (a fork)
    finally:
        os._exit(status)


def _wait(child: int) -> int:
    for number in _FORWARDED:
        signal.signal(number, lambda got, _: os.kill(child, got))
    for number in _THE_TERMINALS:
        signal.signal(number, signal.SIG_IGN)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else _BY_SIGNAL - code
