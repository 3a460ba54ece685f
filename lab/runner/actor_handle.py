"""Handles the runner's end of an actor: sends commands, records events, and notices its death at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lab.actors.channel import Messages
from lab.backends.base import MOST_OUTPUT, Actor
from lab.clients import protocol
from lab.clients.protocol import ClientMessage, ProtocolViolation
from lab.record.events import Aborted, LimitPassed, ProtocolError
from lab.record.writer import RUNNER, RecordWriter
from lab.visible_text import from_bytes

LAST_LINES = 5
LONGEST_LAST_LINE = 500
"""Characters of each."""
LAST_BYTES = 8192
"""How much of a log is read for its last lines."""

MOST_AT_ONCE = 16
"""Pieces taken before anybody else in the event loop has a turn."""
MOST_COMPLAINTS = 10
"""Broken lines that are told one by one."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of an actor's output; a cell that passes one ends (``limit-passed``).

    Attributes:
        bytes: of all its lines.
        events: of its lines.
        events_before: of its lines before the account is set up.
        output: bytes of its log, which the backend cuts off there.
    """

    bytes: int
    events: int
    events_before: int
    output: int


BOUNDS_OF_CLIENTS = Bounds(protocol.MOST_BYTES, protocol.MOST_EVENTS, protocol.MOST_EVENTS_BEFORE, MOST_OUTPUT)


class LineDecoder(Protocol):
    """Cuts what an actor writes into events."""

    def feed(self, data: bytes, *, now: float) -> Iterable[ClientMessage | ProtocolViolation]:
        """Return the items that the data completes; ``now`` is CLOCK_MONOTONIC."""


class TrustedLineDecoder:
    """The ears for an actor of the lab's own, which is trusted: what it says wrongly is a bug of ours."""

    def __init__(self) -> None:
        self._messages = Messages()

    def feed(self, data: bytes, *, now: float) -> Iterable[ClientMessage | ProtocolViolation]:  # noqa: ARG002  (see `LineDecoder`)
        """See ``LineDecoder``."""
        for at, event in self._messages.feed(data):
            yield ClientMessage(event, at)


class ActorHandle:
    """One actor.

    Args:
        role: ``client``, ``server`` or ``name server``.
        actor: its process; the name of its node is who its events come from.
        record: where its events go.
        logs: its log files, the most telling first; their last lines go into ``aborted``.
        ears: how it is understood; a line that breaks the protocol becomes ``protocol-error``.
        bounds: how much it may write; None: it is the lab's own, and as much as it likes.

    Attributes:
        frozen: whether it has been stopped where it stands.
        over: whether its process has ended.
    """

    def __init__(
        self,
        role: str,
        actor: Actor,
        record: RecordWriter,
        *,
        logs: tuple[Path, ...],
        ears: LineDecoder,
        bounds: Bounds | None = None,
    ) -> None:
        self._role = role
        self._actor = actor
        self._record = record
        self._logs = logs
        self._ears = ears
        self._bounds = bounds
        self._bytes = self._events = self._complaints = 0
        self._stopped_listening = False
        self._attached = self.over = False
        self.frozen = False

    def attach(self) -> None:
        """Start listening, in the running loop."""
        loop = asyncio.get_running_loop()
        self._actor.sock.settimeout(0)
        loop.add_reader(self._actor.sock.fileno(), self._readable)
        loop.add_reader(self._actor.ended, self._ended)
        self._attached = True

    def tell(self, do: str, **fields: Any) -> None:
        """Send a command; one that has ended is told nothing."""
        if self.over:
            return
        data = json.dumps({"do": do, **fields}).encode() + b"\n"
        self._actor.sock.settimeout(None)  # a command is far smaller than a socket's buffer
        try:
            self._actor.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it is dead; its end is noticed by ``_ended``
        finally:
            self._actor.sock.settimeout(0)

    def hang_up(self) -> None:
        """End its input; what it still says is heard."""
        with contextlib.suppress(OSError):  # it is dead
            self._actor.sock.shutdown(socket.SHUT_WR)

    def freeze(self) -> bool:
        """Stop the process where it stands; returns whether the kernel says it is stopped."""
        self.frozen = self._actor.freeze()
        return self.frozen

    def thaw(self) -> None:
        """Let it go on."""
        self._actor.thaw()
        self.frozen = False

    def put_down(self) -> int:
        """Kill the process while the cell goes on; return its exit status (negative: the signal that ended it)."""
        self.end()
        self.over = True
        self.frozen = False
        status = self._actor.wait()
        assert status is not None  # it has been waited for
        return status

    def end(self) -> None:
        """Kill the process; whatever it has said until now is taken."""
        if self._attached:
            self._detach()
        self._actor.kill()

    def _readable(self) -> None:
        """Take what is there, but leave the others a turn."""
        self._take(MOST_AT_ONCE)

    def _take(self, pieces: int | None) -> None:
        """Take as many pieces, or all; at the end of the stream stop looking (``_ended`` tells why)."""
        while (pieces is None or pieces > 0) and not self._stopped_listening:
            try:
                data = self._actor.sock.recv(65536)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data = b""
            if not data:
                asyncio.get_running_loop().remove_reader(self._actor.sock)
                return
            self._bytes += len(data)
            pieces = None if pieces is None else pieces - 1
            now = time.monotonic()
            for event in self._ears.feed(data, now=now):
                self._events += 1
                if self._passed():
                    break
                self._hear(event, now)
            if passed := self._passed():
                self._end_by(passed)

    def _hear(self, event: ClientMessage | ProtocolViolation, now: float) -> None:
        if isinstance(event, ClientMessage):
            self._record.take(self._actor.node, event.event, at=now if event.at is None else event.at)
        else:
            self._complaints += 1
            if self._complaints <= MOST_COMPLAINTS:
                self._complain(event, now)

    def _passed(self) -> str:
        """Return which bound the actor has passed, as a clause; empty: none."""
        bounds = self._bounds
        if bounds is None:
            return ""
        if self._events > bounds.events_before and not self._record.silent:
            return f"wrote more than {bounds.events_before:,} lines before its account was set up"
        if self._events > bounds.events:
            return f"wrote more than {bounds.events:,} lines"
        if self._bytes > bounds.bytes:
            return f"wrote more than {bounds.bytes >> 20} MiB on standard output"
        return ""

    def check_output(self) -> None:
        """Notice a log that has grown to its bound."""
        log = self._logs[0] if self._logs else None
        if self._bounds is None or self._stopped_listening or log is None or not log.is_file():
            return
        if log.stat().st_size >= self._bounds.output:
            self._end_by(f"wrote more than {self._bounds.output >> 20} MiB on standard error")

    def _end_by(self, passed: str) -> None:
        """Record that the actor has passed a bound, and hear no more of it; whoever watches ends the cell."""
        self._stopped_listening = True
        if self._attached:
            asyncio.get_running_loop().remove_reader(self._actor.sock)
        self._record.take(RUNNER, LimitPassed(actor=self._role, what=passed))

    def _complain(self, broken: ProtocolViolation, now: float) -> None:
        self._record.take(RUNNER, ProtocolError(actor=self._role, why=broken.why, wrote=broken.line), at=now)

    def _ended(self) -> None:
        self._detach()
        self.over = True
        status = self._actor.wait()
        assert status is not None  # ``ended`` was readable
        self.check_output()  # that may be why
        self._record.take(self._actor.node, aborted(status, self._logs))

    def _detach(self) -> None:
        """Stop listening, after taking what is still unread."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._actor.ended)
        self._take(None)
        loop.remove_reader(self._actor.sock)
        self._attached = False


def aborted(status: int, logs: Iterable[Path]) -> Aborted:
    """Return the event of a process that has ended.

    Args:
        status: its exit status; negative: the signal that ended it.
        logs: where its last words may be, the most telling first.
    """
    how = _signal_name(-status) if status < 0 else f"exit status {status}"
    return Aborted(how=how, last=_last_lines(logs))


def _last_lines(logs: Iterable[Path]) -> str:
    for log in logs:
        if log.is_file():
            lines = [line for line in _tail(log).splitlines() if line.strip()]
            if lines:
                return " | ".join(from_bytes(line, most=LONGEST_LAST_LINE) for line in lines[-LAST_LINES:])
    return "it wrote no log"


def _tail(log: Path) -> bytes:
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_BYTES))
        return file.read()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal, of which only the ends have names
        return f"signal {number}"
