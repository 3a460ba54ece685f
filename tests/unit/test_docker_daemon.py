"""A Docker daemon that dies at any moment of a run, or comes back odd, costs that run and nothing else."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError, DockerException, NotFound
from requests import Response
from requests.exceptions import ChunkedEncodingError, JSONDecodeError
from requests.exceptions import ConnectionError as NoAnswer

from lab.backends import container_process, daemon
from lab.backends.container_process import Container
from lab.backends.docker import ContainerActor
from lab.engine.execute import clean_up, see_to_containers
from lab.errors import HostNotCapable, LabFault
from lab.ledger import Ledger
from lab.leftovers import Removed


def _response(status: int) -> Response:
    response = Response()
    response.status_code = status
    return response


GONE = [
    NoAnswer("Connection refused"),
    ChunkedEncodingError("Connection broken"),
    ConnectionResetError("reset"),
    DockerException("Error while fetching server API version"),
]


class FakeDaemon:
    """A daemon that has some containers, and refuses what ``refuses`` says.

    Args:
        containers: as it lists them.
        refuses: an error by the name of the call.
    """

    def __init__(self, containers: list[dict[str, Any]], refuses: dict[str, Exception] | None = None) -> None:
        self._containers = containers
        self._refuses = refuses or {}
        self.closed = False

    def containers(self, **_: object) -> list[dict[str, Any]]:
        self._refuse("containers")
        return self._containers

    def remove_container(self, container: str, **_: object) -> None:
        self._refuse(f"remove {container}")

    def inspect_container(self, container: str) -> dict[str, Any]:
        self._refuse(f"inspect {container}")
        return {"State": {"Paused": True}}

    def pause(self, _: str) -> None:
        self._refuse("pause")

    def ping(self) -> None:
        self._refuse("ping")

    def close(self) -> None:
        self.closed = True

    def _refuse(self, call: str) -> None:
        if call in self._refuses:
            raise self._refuses[call]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a fake daemon in the place of the real one."""

    def put(*arguments: Any) -> FakeDaemon:
        fake = FakeDaemon(*arguments)
        monkeypatch.setattr(daemon, "connect", lambda *_: fake)
        return fake

    return put


def test_a_phantom_without_a_name(serve: Any) -> None:
    """A daemon that was killed may list a container that has no name and is not there."""
    broken, missing = APIError("could not kill", response=_response(500)), NotFound("No such container")
    serve(
        [{"Id": "0123456789abcdef", "Names": None}],
        {"remove 0123456789abcdef": broken, "inspect 0123456789abcdef": missing},
    )
    assert daemon.remove_containers("a-run") == Removed(("0123456789ab",))


def test_one_that_stays_stops_no_other(serve: Any) -> None:
    """It is named, with the command that removes it."""
    stuck = APIError("500", response=_response(500), explanation="device busy")
    fake = serve([{"Id": "stuck", "Names": ["/one"]}, {"Id": "goes", "Names": ["/two"]}], {"remove stuck": stuck})
    removed = daemon.remove_containers("a-run")
    assert removed.names == ("two",)
    (left,) = removed.left
    assert "container one (`docker rm -f stuck`)" in left
    assert "device busy" in left
    assert fake.closed


@pytest.mark.parametrize("call", ["containers", "remove one"])
@pytest.mark.parametrize("problem", GONE, ids=lambda problem: type(problem).__name__)
def test_a_daemon_that_goes_away_is_the_hosts_fault(serve: Any, problem: Exception, call: str) -> None:
    serve([{"Id": "one", "Names": ["/one"]}], {call: problem})
    with pytest.raises(HostNotCapable, match="Docker's daemon stopped answering while"):
        daemon.remove_containers("a-run")


def test_a_server_that_cannot_be_frozen_for_want_of_a_daemon(serve: Any) -> None:
    serve([], {"pause": GONE[0]})
    actor = _actor_that_ended_by(0)
    with pytest.raises(HostNotCapable, match="stopped answering while freezing the container of server"):
        actor.freeze()
    actor.kill()


@pytest.mark.parametrize(
    ("number", "error", "said"),
    [
        (container_process.LOST_DAEMON, HostNotCapable, "stopped answering while the container of server ran"),
        (9, LabFault, "keeping the container of server"),
    ],
)
def test_a_keeper_that_ends(number: int, error: type[Exception], said: str) -> None:
    """It tells the loss of the daemon from a failure of its own; neither is taken for the actor's end."""
    actor = _actor_that_ended_by(number)
    with pytest.raises(error, match=said):
        actor.wait()
    assert actor.kill() == -number


def _actor_that_ended_by(number: int) -> ContainerActor:
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        if number:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        os._exit(0)
    theirs.close()
    return ContainerActor("server", pid, ours)


class Ending:
    """The daemon's answer about a container's end."""

    def __init__(self, answer: dict[str, int] | Exception) -> None:
        self._answer = answer

    def json(self) -> dict[str, int]:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("answer", "ping", "status"),
    [
        ({"StatusCode": 3}, None, 3),
        ({"StatusCode": 137}, None, 128 + 9),  # somebody killed the program, and the daemon lives
        (
            {"StatusCode": 0},
            NoAnswer("refused"),
            -container_process.LOST_DAEMON,
        ),  # a daemon that ends ends its containers first
        ({"StatusCode": 143}, NoAnswer("refused"), -container_process.LOST_DAEMON),
        (ChunkedEncodingError("broken"), None, -container_process.LOST_DAEMON),
        (JSONDecodeError("nothing", "", 0), None, -container_process.LOST_DAEMON),
        ({}, None, -container_process.LOST_DAEMON),
    ],
)
def test_how_a_keeper_ends(
    answer: dict[str, int] | Exception,
    ping: Exception | None,
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With its container's exit status, or in the way that says that the daemon went away."""
    fake = FakeDaemon([], {"ping": ping} if ping else {})

    def begin(*_: object) -> tuple[socket.socket, Ending]:
        stream, daemons_end = socket.socketpair()
        daemons_end.close()  # the program has ended
        return stream, Ending(answer)

    monkeypatch.setattr(daemon, "connect", lambda *_: fake)
    monkeypatch.setattr(container_process, "_create", lambda api, container: "made")
    monkeypatch.setattr(container_process, "_begin", begin)
    assert _kept(tmp_path) == (status, {})


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (NoAnswer("Connection refused"), "missing"),
        (APIError("no space left", response=_response(500)), "detail"),
        (HostNotCapable("Docker has no image x", fix="build it"), "missing"),
    ],
)
def test_a_container_that_cannot_be_started(
    problem: Exception, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose fault it is, is reported."""

    def refuse(*_: object) -> str:
        raise problem

    monkeypatch.setattr(daemon, "connect", lambda *_: FakeDaemon([]))
    monkeypatch.setattr(container_process, "_create", refuse)
    _, report = _kept(tmp_path)
    assert said in report


def _kept(folder: Path) -> tuple[int, dict[str, str]]:
    """Fork a container's process whose container ends at once; return how it ended, and what it reported."""
    ours, theirs = socket.socketpair()
    hear, report = os.pipe()
    container = Container(name="x", node="client", image="x", environment={}, user=0, labels={})
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)  # not pytest's
        try:
            container_process.run_container(container, theirs, folder / "log", report, parent=parent)
        finally:
            os._exit(99)
    os.close(report)
    theirs.close()
    with os.fdopen(hear) as file:
        line = file.readline()
    _, status = os.waitpid(pid, 0)
    ours.close()
    return os.waitstatus_to_exitcode(status), json.loads(line) if line else {}


def test_a_run_without_containers_needs_no_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed run may have left with Docker is a note for it, whatever Docker says, and it does not wait long."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    state = tmp_path / "lab"
    state.mkdir()
    entries = [{"what": what, "pid": 4194303, "started": 1} for what in ("owner", "containers")]
    (state / "a-run-4194303.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    patience: list[int] = []

    def connect(patience_s: int) -> FakeDaemon:
        patience.append(patience_s)
        return FakeDaemon([], {"containers": GONE[0]})

    monkeypatch.setattr(daemon, "connect", connect)
    notes: list[str] = []
    assert clean_up(notes.append, with_containers=False) == []
    assert "containers of the killed run a-run-4194303" in notes[0]
    assert patience == [daemon.ANSWERS_AT_ONCE_S]
    assert len(list(state.iterdir())) == 1


def test_a_run_whose_daemon_is_gone_keeps_its_ledger(
    tmp_path: Path, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is known to be left, so nothing is said to be; `lab clean` looks when Docker is back."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    serve([], {"containers": GONE[0]})
    book = Ledger("a-run")
    said: list[str] = []
    assert see_to_containers(book, said.append) == ()
    book.close()
    assert "`lab clean`" in said[0]
    assert book.path.exists()


def test_what_a_daemon_refuses_to_remove_is_left(tmp_path: Path, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    serve([{"Id": "stuck", "Names": ["/one"]}], {"remove stuck": APIError("500", response=_response(500))})
    book = Ledger("a-run")
    assert "container one" in see_to_containers(book, print)[0]
    book.close()
    assert book.path.exists()
