"""pjsip in another Python than the lab's, which has none of the lab's packages: it subscribes as it does at home."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from lab.backends.base import Command
from lab.clients.pjsip import CLIENT, interpreters
from lab.model.scenario import DEFAULT_PJSIP
from tests.contract.pjsip_testbed import ActorTestbed
from tests.records import cell


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Command:
    """The client's command in the interpreter below the tests' virtual environment."""
    if interpreters.is_own():
        monkeypatch.setenv(interpreters.VARIABLE, str(Path(sys.executable).resolve()))
    program = CLIENT.program(CLIENT.prepare(cell(), lambda _: None))
    assert isinstance(program, Command)
    return program


def test_subscribes_and_answers(testbed: ActorTestbed, elsewhere: Command) -> None:
    def main(sock: socket.socket) -> None:
        for fd in (0, 1):
            os.dup2(sock.fileno(), fd)
        os.execve(elsewhere.argv[0], elsewhere.argv, dict(elsewhere.environment))

    server = testbed.server(tcp=0)
    port = server.expect("server-ready")["ports"]["tcp"]
    alice = testbed.client(port, transport="tcp", account="subscribe", main=main)
    assert alice.expect("ready")["version"] == DEFAULT_PJSIP
    alice.expect("subscribed")
    server.tell("notify", probe="notify", within=5.0)
    server.expect("probe", state="answered", probe="notify", code=200)
    alice.tell("stop")
    assert alice.end() == 0
