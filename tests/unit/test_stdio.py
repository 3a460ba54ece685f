"""An actor behind pipes, as in a container: what it says and hears passes, and either end's end is noticed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def echoes(sock: socket.socket) -> None:
    """Say back what is said; a line to standard output that is not the channel."""
    print("not for the runner", flush=True)
    while data := sock.recv(100):
        if b"abort" in data:
            os.abort()
        if b"leave" in data:
            sys.exit(7)
        sock.sendall(data)


def start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "lab.actors.stdio", f"{__name__}:{echoes.__name__}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )


def test_both_ways() -> None:
    """Everything passes, in pieces or whole, and what the actor prints goes to standard error."""
    said = json.dumps({"do": "x" * 60_000}).encode() + b"\n"
    actor = start()
    assert actor.stdin is not None
    assert actor.stdout is not None
    actor.stdin.write(said)
    actor.stdin.flush()
    assert actor.stdout.readline() == said
    _, log = actor.communicate(timeout=10)
    assert log == b"not for the runner\n"


@pytest.mark.parametrize(("said", "status"), [(b"leave", 7), (b"abort", 128 + 6)])
def test_its_end(said: bytes, status: int) -> None:
    """Its exit status is passed on, a signal as a shell says it."""
    with start() as actor:
        assert actor.stdin is not None
        actor.stdin.write(said)
        actor.stdin.flush()
        assert actor.wait(timeout=10) == status
