"""Actors as processes: what they have, what they have not, and that they end."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lab.actors.channel import Lines
from lab.backends.base import Actor, Command
from lab.backends.netns import CANNOT_START, NetnsBackend
from lab.network import netns

ROOT = Path(__file__).parent.parent.parent

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("namespaces", "leaves_nothing")]


@pytest.fixture
def backend() -> Iterator[NetnsBackend]:
    namespace = netns.new()
    yield NetnsBackend({"client": namespace})
    os.close(namespace)


def _first_event(actor: Actor) -> dict[str, object]:
    actor.sock.settimeout(5)
    lines = Lines()
    while not (events := lines.feed(actor.sock.recv(65536))):
        pass
    return events[0]


def _say(sock: socket.socket, **fields: object) -> None:
    """One line, of things that no actor of the lab says."""
    sock.sendall(json.dumps({"ev": "ready", **fields}).encode() + b"\n")


def _until_eof(sock: socket.socket) -> None:
    while sock.recv(100):
        pass


def reports(sock: socket.socket) -> None:
    listed = list(Path("/proc/self/fd").iterdir())
    _say(
        sock,
        fds=sorted(int(fd.name) for fd in listed if fd.is_symlink()),
        own=sock.fileno(),
        net=str(Path("/proc/self/ns/net").readlink()),
        leads=(os.getpid() == os.getsid(0) == os.getpgid(0)),
        stdin=str(Path("/proc/self/fd/0").readlink()),
        sigint=signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
    )
    print("to the log")
    print("this as well", file=sys.stderr)
    _until_eof(sock)


def test_what_an_actor_has(backend: NetnsBackend, tmp_path: Path) -> None:
    """An actor has its node's namespace, its channel, its log, and nothing else of the runner's."""
    actor = backend.spawn("client", reports, tmp_path / "log")
    event = _first_event(actor)
    with netns.entered(backend.namespace("client")):
        node = str(Path("/proc/thread-self/ns/net").readlink())
    assert event["net"] == node
    assert event["fds"] == [0, 1, 2, event["own"]]
    assert (event["leads"], event["sigint"], event["stdin"]) == (True, True, "/dev/null")
    assert actor.wait(within=0) is None
    actor.sock.shutdown(socket.SHUT_WR)
    assert actor.wait(within=5) == 0
    assert (tmp_path / "log").read_text() == "to the log\nthis as well\n"


def test_what_a_command_has(backend: NetnsBackend, tmp_path: Path) -> None:
    """A program of its own has the channel as standard input and output, and is otherwise like any actor."""
    stdio = (sys.executable, "-m", "lab.actors.stdio", f"{__name__}:{reports.__name__}")
    actor = backend.spawn("client", Command(stdio, {"HERE": "1"}, folder=ROOT), tmp_path / "log")
    event = _first_event(actor)
    with netns.entered(backend.namespace("client")):
        assert event["net"] == str(Path("/proc/thread-self/ns/net").readlink())
    assert (event["leads"], event["stdin"]) == (True, "/dev/null")
    actor.sock.shutdown(socket.SHUT_WR)
    assert actor.wait(within=5) == 0
    assert (tmp_path / "log").read_text() == "to the log\nthis as well\n"


def test_a_command_that_is_not_there(backend: NetnsBackend, tmp_path: Path) -> None:
    """The log says what could not be started."""
    actor = backend.spawn("client", Command(("no-such-program",)), tmp_path / "log")
    assert actor.wait(within=5) == CANNOT_START
    assert "No such file" in (tmp_path / "log").read_text()


def fails(sock: socket.socket) -> None:
    raise ValueError("no such thing")


def aborts(sock: socket.socket) -> None:
    os.abort()


def exits_with_7(sock: socket.socket) -> None:
    sys.exit(7)


@pytest.mark.parametrize(
    ("main", "status", "logged"),
    [(fails, 1, "ValueError: no such thing"), (aborts, -6, "in aborts"), (exits_with_7, 7, "")],
)
def test_how_it_ended(backend: NetnsBackend, tmp_path: Path, main: object, status: int, logged: str) -> None:
    """The status says how an actor ended, its log why: an error's traceback, an abort's stack."""
    actor = backend.spawn("client", main, tmp_path / "log")  # type: ignore[arg-type]  # parametrised
    select.select([actor.ended], [], [], 5)
    assert actor.wait(within=0) == status
    assert actor.wait() == status
    assert logged in (tmp_path / "log").read_text()


def has_a_child(sock: socket.socket) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = os.fork()
    if child:
        _say(sock, child=child)
    _until_eof(sock)
    signal.pause()


def test_kill(backend: NetnsBackend, tmp_path: Path) -> None:
    """Killing an actor ends it and what it started, whatever signals they ignore; killing it again says the same."""
    actor = backend.spawn("client", has_a_child, tmp_path / "log")
    child = os.pidfd_open(int(str(_first_event(actor)["child"])))
    assert actor.kill() == -signal.SIGKILL
    assert actor.kill() == -signal.SIGKILL
    assert _ends(child)


def test_killed_at_birth(backend: NetnsBackend, tmp_path: Path) -> None:
    """An actor can be killed before it has done anything at all."""
    assert [backend.spawn("client", has_a_child, tmp_path / "log").kill() for _ in range(20)] == [-9] * 20


def test_dies_with_the_runner(backend: NetnsBackend, tmp_path: Path) -> None:
    """When the runner is killed, the kernel kills its actors, even those that are busy and read nothing."""
    ours, theirs = socket.socketpair()
    runner = os.fork()
    if runner == 0:
        actor = backend.spawn("client", busy, tmp_path / "log")
        _first_event(actor)
        theirs.sendall(str(actor.pid).encode())
        signal.pause()
        os._exit(1)
    ours.settimeout(10)
    actor_end = os.pidfd_open(int(ours.recv(20)))
    os.kill(runner, signal.SIGKILL)
    os.waitpid(runner, 0)
    assert _ends(actor_end)
    ours.close()
    theirs.close()


def busy(sock: socket.socket) -> None:
    _say(sock)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        pass


def _ends(pidfd: int) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    ended = bool(poll.poll(5000))
    with suppress(ChildProcessError):  # ours only where these tests run as init, which inherits orphans
        os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
    os.close(pidfd)
    return ended
