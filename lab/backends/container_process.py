"""Runs the process behind each container: makes the container, forwards its channel, and ends with it.

What keeps a container alive is its standard input. It is attached to this process, and this process dies with the
cell's; the daemon then closes the input, whose end ends the program, and removes the container. So whoever is killed,
and however, containers go.

Standard output is the channel, standard error the log. The daemon mixes both in one stream of frames
(docs.docker.com, Engine API, "Attach to a container", stream format).
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lab.backends import daemon
from lab.backends.base import MOST_OUTPUT
from lab.backends.child import close_all_but, die_with
from lab.errors import HostNotCapable, LabFault

if TYPE_CHECKING:
    from docker import APIClient

USER = 65432
"""User and group in containers: 65000 to 65533 are reserved, hence nobody's account (Debian Policy §9.2.2)."""
MOST_PROCESSES = 256
"""In a container: an actor is two, and this is no place for a fork bomb."""

LOST_DAEMON = signal.SIGPIPE
"""Exit status of a container's process that lost the daemon."""

_UNANSWERED = (OSError, ValueError, LookupError, TypeError)
"""What reading the answer of a daemon that is no more may raise; the errors of ``requests`` are ``OSError``."""
_FRAME = struct.Struct(">BxxxI")  # stream, length
_STDERR = 2
_BAD_REQUEST = 400  # what the daemon says of a program that is not there
_PIECE = 65536


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container to be made.

    Attributes:
        name: also its host name's beginning; unique on this machine.
        image: its name or id.
        entrypoint: the program and its arguments; empty: the image's own.
        command: what is put behind that; empty: the image's own.
        environment: besides the image's.
        capabilities: all it has.
        user: and group.
        labels: see ``lab.backends.daemon``.
        reads, writes: files and folders of the host's that it sees, at their own paths.
        network: Docker's word for its network stack: none, or that of another container.
    """

    name: str
    node: str
    image: str
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str]
    capabilities: tuple[str, ...] = ()
    user: int
    labels: Mapping[str, str]
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    network: str = "none"


class _EndRequested(BaseException):
    """To end the container."""


def run_container(container: Container, channel: socket.socket, log: Path, report: int, *, parent: int) -> NoReturn:
    """Run the container; a freshly forked child calls this and never returns.

    Writes one line of JSON to ``report``: ``id`` and ``pid`` of the container, or why there is none (``missing`` and
    ``fix``, or ``detail``). SIGTERM removes the container; the end of the channel ends its input. The exit status is
    the container's; a keeper that fails ends by SIGKILL, one that lost the daemon by ``LOST_DAEMON``, so that nobody
    takes that for the actor's end.
    """
    state = _ContainerState()
    try:
        _run_container(state, container, channel, log, report, parent)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except _EndRequested:  # at any moment, also while it says why there is no container
        state.status = 128 + signal.SIGKILL
    try:
        if state.api is not None and state.made and not state.lost_daemon:
            daemon.remove(state.api, state.made)
    except Exception:  # noqa: BLE001  (whoever started the run looks after what is left)
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    if state.status is None:
        signal.signal(LOST_DAEMON, signal.SIG_DFL)
        os.kill(os.getpid(), LOST_DAEMON if state.lost_daemon else signal.SIGKILL)
    os._exit(state.status or 0)


class _ContainerState:
    """The state of one container and of its process.

    Attributes:
        status: the exit status that it has to give; None: it failed.
        api: the daemon's.
        made: the container's id, never its name: that could be another's; empty: there is none to remove.
        lost_daemon: whether the daemon went away while the container ran.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.api: APIClient | None = None
        self.made = ""
        self.lost_daemon = False


def _run_container(
    state: _ContainerState, container: Container, channel: socket.socket, log: Path, report: int, parent: int
) -> None:
    try:
        die_with(parent)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, _request_end)
        _redirect(log)
        close_all_but(channel.fileno(), report)
        state.api = daemon.connect()
        with daemon.answering("starting a container"):
            state.made = _create(state.api, container)
            stream, ending = _begin(state.api, state.made, container, report)
    except _EndRequested:
        raise
    except HostNotCapable as lack:
        _say(report, missing=lack.missing, fix=lack.fix)
        state.status = lack.exit_code
        return
    except LabFault as fault:
        _say(report, detail=str(fault))
        return
    except BaseException as problem:  # noqa: BLE001  (the child's last frame)
        _say(report, detail=f"{type(problem).__name__}: {problem}")
        traceback.print_exc()
        return
    try:
        state.status = _run_until_end(state.api, channel, stream, ending)
        state.made = ""  # the daemon removes what has ended
    except _UNANSWERED:
        state.lost_daemon = True
        traceback.print_exc()
    except Exception:  # noqa: BLE001  (the child's last frame)
        traceback.print_exc()


def _request_end(_number: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough, and must not meet what follows
    raise _EndRequested


def _begin(api: APIClient, made: str, container: Container, report: int) -> tuple[socket.socket, Any]:
    """Start the container and report it; return its stream, and the daemon's answer to come when it ends."""
    attached: Any = api.attach_socket(made, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    stream = socket.socket(fileno=os.dup(attached.fileno()))
    stream.settimeout(None)
    # answered when it ends; asked for before it starts, for afterwards it may be gone
    url = f"{api.base_url}/v{api.api_version}/containers/{made}/wait"
    ending = api.post(url, params={"condition": "next-exit"}, stream=True, timeout=None)
    _start(api, made, container)
    _say(report, id=made, pid=api.inspect_container(made)["State"]["Pid"])
    return stream, ending


def _run_until_end(api: APIClient, channel: socket.socket, stream: socket.socket, ending: Any) -> int:
    """Pass on what is said until the container ends; return its exit status.

    A daemon that is told to end ends its containers first, which must not be taken for an actor's own end: so the
    daemon is asked once more.
    """
    _pass_on(channel, stream)
    status: int = ending.json()["StatusCode"]
    api.ping()
    return status


def _create(api: APIClient, container: Container) -> str:
    """Make it; returns its id."""
    from docker.errors import ImageNotFound
    from docker.types import LogConfig, Mount, Ulimit

    mounts = [(path, True) for path in container.reads] + [(path, False) for path in container.writes]
    host = api.create_host_config(
        auto_remove=True,
        cap_add=list(container.capabilities),
        cap_drop=["ALL"],
        log_config=LogConfig(type="none"),  # what it says is for us alone
        mounts=[Mount(str(path), str(path), type="bind", read_only=only) for path, only in mounts],
        network_mode=container.network,
        pids_limit=MOST_PROCESSES,
        read_only=True,
        security_opt=["no-new-privileges"],
        tmpfs={"/tmp": "size=64m,mode=1777"},  # noqa: S108  (the container's own)
        ulimits=[Ulimit(name="core", soft=0, hard=0)],  # pjsip aborts on misuse; the log has the stack
    )
    try:
        made: str = api.create_container(
            container.image,
            command=list(container.command) or None,
            entrypoint=list(container.entrypoint) or None,
            environment=dict(container.environment),
            host_config=host,
            hostname=container.node if container.network == "none" else None,  # else it is the other one's
            labels=dict(container.labels),
            name=container.name,
            stdin_open=True,
            user=f"{container.user}:{container.user}",
        )["Id"]
    except ImageNotFound as problem:
        raise HostNotCapable(f"Docker has no image {container.image}", fix="`lab images build` makes it") from problem
    return made


def _start(api: APIClient, made: str, container: Container) -> None:
    from docker.errors import APIError

    try:
        api.start(made)
    except APIError as problem:
        if problem.status_code != _BAD_REQUEST:
            raise
        raise HostNotCapable(
            f"Docker cannot start {' '.join((*container.entrypoint, *container.command)) or 'what is'} in the image"
            f" {container.image}: {problem.explanation}",
            fix="mend the image, or the scenario's `client.command`",
        ) from problem


def _pass_on(channel: socket.socket, stream: socket.socket) -> None:
    """Pass on between the channel and the container's streams, until these end; the channel's end ends its input."""
    heard = [channel, stream]
    frames = _Frames()
    room = MOST_OUTPUT
    while True:
        readable, _, _ = select.select(heard, [], [])
        if stream in readable:
            data = stream.recv(_PIECE)
            if not data:
                channel.shutdown(socket.SHUT_WR)
                return
            for source, content in frames.feed(data):
                if source == _STDERR:
                    _write_all(2, content[:room])
                    room -= len(content[:room])
                else:
                    _send(channel, content)
        if channel in readable:
            data = _receive(channel)
            if data:
                _send(stream, data)
            else:  # its program is told so, and is given the time that the runner gives it
                heard.remove(channel)
                with suppress(OSError):  # it has ended
                    stream.shutdown(socket.SHUT_WR)


class _Frames:
    """Cuts the daemon's stream into pieces of what the program wrote, each with the number of the stream."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        self._rest += data
        found = []
        while len(self._rest) >= _FRAME.size:
            source, length = _FRAME.unpack_from(self._rest)
            end = _FRAME.size + length
            if len(self._rest) < end:
                break
            found.append((source, self._rest[_FRAME.size : end]))
            self._rest = self._rest[end:]
        return found


def _receive(channel: socket.socket) -> bytes:
    try:
        return channel.recv(_PIECE)
    except ConnectionResetError:  # it had not read everything
        return b""


def _send(to: socket.socket, data: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # it is gone; its end is noticed by reading
        to.sendall(data)


def _write_all(to: int, data: bytes) -> None:
    while data:
        data = data[os.write(to, data) :]


def _say(report: int, **fields: object) -> None:
    with suppress(OSError):  # it was said before, and nobody listens any more
        os.write(report, json.dumps(fields).encode() + b"\n")


def _redirect(log: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(source, target)
