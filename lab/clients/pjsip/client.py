"""Runs the client actor: one process, one pjsip user agent.

Commands: ``start`` (fields of ``Settings``, and ``mitigations``), ``stop``, ``ip-changed``, ``push``. Its events are
the client's in ``lab.record.events``. ``registered`` comes once, after the first 2xx to REGISTER, and ``subscribed``
once, after the first NOTIFY with state active; each only if the account has it.

Misuse of pjsip aborts the process; the last lines are then in the log and on stderr. A failure of ours ends it with the
exit status of a lab fault.
"""

from __future__ import annotations

import faulthandler
import os
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lab.actors.channel import Channel, Lines
from lab.clients.pjsip.settings import Settings
from lab.errors import LabFault
from lab.mitigations.base import ClientSide, Mitigation
from lab.mitigations.catalog import classes, from_command
from lab.model.scenario import Account, Transport

if TYPE_CHECKING:
    from lab.clients.pjsip.agent import UserAgent

_RECEIVE_SIZE = 65536


def main(sock: socket.socket) -> None:
    """Run the client until ``stop`` or the end of the socket."""
    run(sock, classes())


def run(sock: socket.socket, kinds: Mapping[str, type[Mitigation]]) -> None:
    """Run ``main`` with the given mitigation classes by kind."""
    from lab.clients.pjsip.agent import UserAgent  # here: who names this module to a container need not have pjsip
    from lab.clients.pjsip.receiver import Receiver

    faulthandler.enable()
    os.environ.setdefault("TZ", ":/etc/localtime")  # else libc looks at that file for each line that pjsip logs
    lines = Lines()
    command, *others = _first_commands(sock, lines)
    agent = UserAgent(Channel(sock), _settings(command))
    for data in command["mitigations"]:
        mitigation = from_command(data, kinds)
        assert isinstance(mitigation, ClientSide)  # what the server does is told to the server
        mitigation.attach(agent)
    agent.start()

    def on_data(data: bytes) -> None:
        if not data:
            os._exit(0)  # the runner is gone, and with it everybody who could care
        _obey(agent, lines.feed(data))

    receiver = Receiver(agent.library, sock, on_data)
    _obey(agent, others)
    agent.run()
    receiver.close()
    agent.close()


def _first_commands(sock: socket.socket, lines: Lines) -> list[dict[str, Any]]:
    while data := sock.recv(_RECEIVE_SIZE):
        if commands := lines.feed(data):
            return commands
    os._exit(0)


def _settings(command: dict[str, Any]) -> Settings:
    if command.get("do") != "start":
        raise LabFault("client", detail=f"the first command is `start`, not {command!r}")
    fields = {key: value for key, value in command.items() if key not in ("do", "mitigations")}
    fields.update(transport=Transport(command["transport"]), account=Account(command["account"]))
    return Settings(**fields)


def _obey(agent: UserAgent, commands: list[dict[str, Any]]) -> None:
    for command in commands:
        match command.get("do"):
            case "stop":
                agent.stop()
            case "ip-changed":
                agent.take_ip_change()
            case "push":
                agent.pushed()
            case _:
                raise LabFault("client", detail=f"unknown command {command!r}")
