"""Runs the client actor: a liblinphone in this process, understood by its own log of SIP messages.

It is driven by its own events: belle-sip's loop sleeps until a packet, a timer of its own or a command is there.
liblinphone counts on being called every 20 ms; it is called after each event, and once a second (`TICK_MS`), because
what it does by itself it does in whole seconds (linphone_core_iterate).
"""

from __future__ import annotations

import os
import socket
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

from lab.actors.channel import Channel, Lines
from lab.clients.driven_program import ProgramLog, first_command
from lab.clients.linphone.liblinphone import Library
from lab.clients.linphone.reconnecting import Reconnecting
from lab.clients.linphone.settings import KEEP_ALIVE_S, REGISTERS_FOR_S, Settings
from lab.clients.linphone.sockets import keep_alive
from lab.clients.linphone.trace import Trace
from lab.clients.message_events import MessageEvents
from lab.clients.phone_settings import common, mitigations
from lab.record.events import ClientReady, IpChanged

FOLDER = "linphone"
"""Beside the client's log: linphone's configuration and data."""
TICK_MS = 1000
_RECEIVE_SIZE = 65536


def main(sock: socket.socket) -> None:
    """Run the client until ``stop`` or the end of the socket."""
    lines = Lines()
    start, others = first_command(sock, lines)
    client = _Client(sock, lines, start)
    client.obey(others)
    client.run()


class _Client:
    def __init__(self, sock: socket.socket, lines: Lines, start: dict[str, Any]) -> None:
        from lab.clients.linphone import CLIENT

        self._channel = Channel(sock)
        self._lines = lines
        self._going = True
        self._trace = Trace()
        self._events = MessageEvents(has_password=start["password"] is not None)
        self._log = ProgramLog(start["log"])
        self._tick = int(os.environ.get("LAB_LINPHONE_TICK_MS", TICK_MS))
        wanted = mitigations(start)
        self._port: int = start["port"]
        self._keepalive = wanted.get("tcp-keepalive")
        again = wanted.get("reconnect")
        random = Random(start["seed"])  # noqa: S311  (a run is to repeat)
        self._reconnecting = None if again is None else Reconnecting(again["first"], again["longest"], random)
        folder = _folder(Path(start["log"]).parent)
        os.environ["HOME"] = str(folder)
        (folder / ".local" / "share" / "linphone").mkdir(parents=True, exist_ok=True)
        (folder / "rc").write_text(_settings(start).text(), "utf-8")
        self._library: Library | None = None
        self._library = Library(str(folder / "rc"), self._logged, self._registration)
        self._channel.emit(
            ClientReady(version=f"linphone {CLIENT.version()}", mitigations=tuple(sorted(CLIENT.offers)))
        )
        self._library.watch(sock.fileno(), self._readable)

    def run(self) -> None:
        assert self._library is not None
        self._library.start()
        while self._going:
            self._library.iterate()
            if self._reconnecting is not None and self._reconnecting.due(time.monotonic()):
                self._library.register_again()
            self._library.sleep(self._tick)

    def obey(self, commands: list[dict[str, Any]]) -> None:
        assert self._library is not None
        for command in commands:
            match command.get("do"):
                case "stop":
                    self._going = False
                    self._library.wake()
                case "ip-changed":
                    self._library.address_changed()
                    self._channel.emit(IpChanged(code=0))

    def _readable(self) -> None:
        data = self._channel.sock.recv(_RECEIVE_SIZE)
        if not data:
            os._exit(0)  # the runner is gone
        self.obey(self._lines.feed(data))

    def _logged(self, domain: bytes, text: bytes) -> None:
        self._log.write(domain + b": " + text + b"\n")
        for message in self._trace.read(text):
            self._channel.emit(message.whole())
            for event in self._events.see(message):
                self._channel.emit(event)
        if self._keepalive is not None and b"has local address" in text:
            how = self._keepalive
            keep_alive(self._port, idle=how["idle"], interval=how["interval"], count=how["count"])
        if self._library is not None:
            self._library.wake()

    def _registration(self, state: int) -> None:
        if self._reconnecting is not None:
            self._reconnecting.registration(state, time.monotonic())


def _folder(place: Path) -> Path:
    if os.access(place, os.W_OK):
        return place / FOLDER
    return Path(tempfile.mkdtemp(prefix="linphone-"))  # a container has only its own /tmp


def _settings(start: dict[str, Any]) -> Settings:
    wanted = mitigations(start)
    periods = [wanted[kind]["interval"] for kind in ("crlf-keepalive", "udp-keepalive") if kind in wanted]
    keep = int(periods[0] or 0) if periods else KEEP_ALIVE_S
    return Settings(**common(start, registers_for_s=REGISTERS_FOR_S), keep_alive=keep)
