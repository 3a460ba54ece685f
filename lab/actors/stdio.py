"""Runs an actor as a program: ``python -m lab.actors.stdio module:function``, with stdin and stdout as channel.

Where both are one socket, the function gets that. Where they are pipes, as in a container, a child gets a socket and
this process passes on what comes and goes, until either side ends. Standard error is for everything else.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import stat
import sys
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn

Main = Callable[[socket.socket], None]
_PIECE = 65536


def main(arguments: list[str]) -> None:
    """Run the actor that the one argument names."""
    (name,) = arguments
    module, function = name.split(":")
    actor: Main = getattr(import_module(module), function)
    if stat.S_ISSOCK(os.fstat(0).st_mode):
        sock = socket.socket(fileno=os.dup(0))
        _free_standard_streams()
        _be(actor, sock)
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _free_standard_streams()
        _be(actor, theirs)
    theirs.close()
    _pass_on(ours, pid)


def _be(actor: Main, sock: socket.socket) -> NoReturn:
    """Run it, and end as a forked actor does, without the interpreter's own exit handlers.

    That would delete pjsua2's objects after their library: a ``Call`` of pjsip 2.10 asserts then that its number is one
    of the library's calls, of which there are none any more (``pjsua_call_set_user_data``), and aborts.
    """
    actor(sock)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _free_standard_streams() -> None:
    """Redirect what the actor prints to standard error, because standard output is the channel."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", closefd=False)


def _pass_on(sock: socket.socket, child: int) -> NoReturn:
    """Forward data between the standard streams and the child until it ends; the end of the input ends it."""
    while True:
        readable, _, _ = select.select([0, sock.fileno()], [], [])
        if 0 in readable:
            data = os.read(0, _PIECE)
            if not data:
                os.kill(child, signal.SIGKILL)
                break
            try:
                sock.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                break
        if sock.fileno() in readable:
            data = sock.recv(_PIECE)
            if not data:
                break
            _write_all(data)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)  # as a shell says a signal


def _write_all(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    main(sys.argv[1:])
