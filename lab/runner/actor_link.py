"""The runner's end of an actor: commands out, events into the record, and its death noticed at once."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

from lab.actors.channel import Lines
from lab.backends.base import Actor
from lab.runner.record import Record

LAST_LINES = 5


class ActorLink:
    """One actor, named as in the record.

    Args:
        name: ``client`` or ``server``.
        actor: its process.
        record: where its events go.
        logs: its log files, the most telling first; their last lines go into ``aborted``.

    Attributes:
        frozen: whether it has been stopped where it stands.
    """

    def __init__(self, name: str, actor: Actor, record: Record, logs: tuple[Path, ...]) -> None:
        self.name = name
        self._actor = actor
        self._record = record
        self._logs = logs
        self._lines = Lines()
        self._attached = False
        self.frozen = False

    def attach(self) -> None:
        """Start listening, in the running loop."""
        loop = asyncio.get_running_loop()
        self._actor.sock.settimeout(0)
        loop.add_reader(self._actor.sock, self._readable)
        loop.add_reader(self._actor.ended, self._ended)
        self._attached = True

    def tell(self, do: str, **fields: Any) -> None:
        """Send a command."""
        data = json.dumps({"do": do, **fields}).encode() + b"\n"
        self._actor.sock.settimeout(None)  # a command is far smaller than a socket's buffer
        try:
            self._actor.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it is dead; its end is noticed by ``_ended``
        finally:
            self._actor.sock.settimeout(0)

    def freeze(self) -> bool:
        """Stop the process where it stands; returns whether the kernel says it is stopped."""
        self.frozen = self._actor.freeze()
        return self.frozen

    def thaw(self) -> None:
        """Let it go on."""
        self._actor.thaw()
        self.frozen = False

    def end(self) -> None:
        """Kill the process; whatever it has said until now is taken."""
        if self._attached:
            self._detach()
        self._actor.kill()

    def _readable(self) -> None:
        """Take all that is there; at the end of the stream stop looking (``_ended`` tells why)."""
        while True:
            try:
                data = self._actor.sock.recv(65536)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data = b""
            if not data:
                asyncio.get_running_loop().remove_reader(self._actor.sock)
                return
            for event in self._lines.feed(data):
                self._record.take(self.name, event.pop("ev"), at=event.pop("at"), **event)

    def _ended(self) -> None:
        self._detach()
        status = self._actor.wait()
        assert status is not None  # ``ended`` was readable
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        self._record.take(self.name, "aborted", how=how, last=self._last_lines())

    def _detach(self) -> None:
        """Stop listening, after taking what is still unread."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._actor.ended)
        self._readable()
        loop.remove_reader(self._actor.sock)
        self._attached = False

    def _last_lines(self) -> str:
        for log in self._logs:
            if log.exists():
                lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
                if lines:
                    return " | ".join(lines[-LAST_LINES:])
        return "it wrote no log"
