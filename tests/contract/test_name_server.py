"""The name server as a process, in a network namespace of its own: what it is told to do, and what it tells."""

from __future__ import annotations

import asyncio

import pytest

from lab import certificates
from lab.network.socket_checks import name_met
from lab.servers import name_server
from tests.contract.pjsip_testbed import ADDRESS, Actor, ActorTestbed

MOVED = "127.0.0.2"

pytestmark = [pytest.mark.kernel]


@pytest.fixture
def server(testbed_apart: ActorTestbed) -> Actor:
    """A name server that answers."""
    actor = testbed_apart._actor(name_server.main)
    actor.tell("start", name=certificates.NAME, address=ADDRESS)
    actor.expect("obeyed", do="start")
    return actor


def met(testbed: ActorTestbed) -> str:
    """What somebody is told who asks for the name."""
    assert testbed.namespace is not None
    return asyncio.run(name_met(testbed.namespace, ADDRESS, certificates.NAME))


def test_it_answers_as_it_is_told_to(server: Actor, testbed_apart: ActorTestbed) -> None:
    assert met(testbed_apart) == ADDRESS
    for mode in ("servfail", "silent"):
        server.tell("names", mode=mode)
        server.expect("obeyed", do="names", mode=mode)
        assert met(testbed_apart) == mode
        assert server.expect("query", type="A")["answer"] == mode
    server.tell("names", mode="true")
    server.expect("obeyed", do="names", mode="true")
    assert met(testbed_apart) == ADDRESS
    server.tell("stop")
    assert server.end() == 0


def test_the_name_moves(server: Actor, testbed_apart: ActorTestbed) -> None:
    """It says what the name meant before; it goes on answering where it was."""
    server.tell("move-name", address=MOVED)
    assert server.expect("obeyed", do="move-name")["was"] == ADDRESS
    assert met(testbed_apart) == MOVED


def test_a_command_that_makes_no_sense(server: Actor) -> None:
    server.tell("names", mode="loud")
    assert server.end() == 1
    assert "commanding the name server" in server.log.read_text()
