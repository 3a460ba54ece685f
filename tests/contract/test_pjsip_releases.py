"""pjsip 2.10 as the client: it does what 2.15.1 does, or is said not to."""

from __future__ import annotations

import dataclasses
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.clients.pjsip import CLIENT, interpreters, wheels
from lab.clients.pjsip.releases import RELEASES
from lab.loader import catalog
from lab.mitigations.base import ClientSide
from lab.mitigations.catalog import unsupported
from lab.mitigations.refresh_subscription import RefreshSubscription
from lab.model.authentication import PASSWORD, Authentication, DigestAlgorithm
from lab.model.scenario import DEFAULT_PJSIP, Cell, Server, Strategy, Transport
from lab.servers.authentication import to_command
from lab.units import Seconds
from tests.contract.pjsip_testbed import Actor, ActorTestbed
from tests.records import cell as a_cell

OLD = "2.10"
STRATEGIES = [catalog.strategy(name) for name in catalog.strategy_names()]
OF_THE_CLIENT = [each for each in STRATEGIES if any(isinstance(one, ClientSide) for one in each.mitigations)]


@pytest.fixture(scope="module")
def wheel() -> Path:
    """Its package, fetched if need be: the tests need what the installation needed, a package index."""
    return wheels.find_or_fetch(RELEASES[OLD].package, interpreters.find(), lambda _: None)


def program(wheel: Path) -> Callable[[socket.socket], None]:
    """The client in an interpreter that finds this package first."""

    def main(sock: socket.socket) -> None:
        path = os.pathsep.join([str(wheel), *(entry for entry in sys.path if entry)])
        for fd in (0, 1):
            os.dup2(sock.fileno(), fd)
        argv = (sys.executable, "-m", "lab.actors.stdio", "lab.clients.pjsip.client:main")
        os.execve(sys.executable, argv, {**os.environ, "PYTHONPATH": path})

    return main


def subscribed(
    testbed: ActorTestbed, wheel: Path, transport: str, *mitigations: ClientSide, account: str
) -> tuple[Actor, Actor]:
    server = testbed.server(**{transport: 0})
    port = server.expect("server-ready")["ports"][transport]
    alice = testbed.client(port, *mitigations, transport=transport, account=account, main=program(wheel))
    assert alice.expect("ready")["version"] == OLD
    alice.expect("subscribed")
    return server, alice


@pytest.mark.parametrize("account", ["subscribe", "register-and-subscribe"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_subscribes_and_answers(testbed: ActorTestbed, wheel: Path, transport: str, account: str) -> None:
    """As 2.15.1 does: a NOTIFY, OPTIONS, a MESSAGE, a call."""
    server, alice = subscribed(testbed, wheel, transport, account=account)
    for kind in ("notify", "options", "message"):
        server.tell(kind, probe=kind, within=5.0)
        server.expect("probe", state="answered", probe=kind, code=200)
    server.tell("invite", probe="call", within=5.0, hold=0.2)
    server.expect("probe", state="answered", probe="call", code=200)
    alice.expect("notify", note="")  # it does not read the note of a PIDF document, which 2.15.1 does
    alice.expect("message", text="message")
    alice.expect("call", state="disconnected")
    alice.tell("stop")
    assert alice.end() == 0


def test_stops_in_the_middle_of_a_call(testbed: ActorTestbed, wheel: Path) -> None:
    """It ends as if nothing were: a call that outlived its library would abort it."""
    server, alice = subscribed(testbed, wheel, "tcp", account="subscribe")
    server.tell("invite", probe="call", within=5.0, hold=60.0)
    alice.expect("call", state="confirmed")
    alice.tell("stop")
    assert alice.end() == 0


def test_authenticates(testbed: ActorTestbed, wheel: Path) -> None:
    """As 2.15.1 does: it keeps no nonce, and each refresh is challenged."""
    server = testbed.server_that({"tcp": 0}, authentication=to_command(Authentication()))
    port = server.expect("server-ready")["ports"]["tcp"]
    alice = testbed.client(
        port,
        RefreshSubscription(interval=Seconds(0.5)),
        transport="tcp",
        account="register-and-subscribe",
        password=PASSWORD,
        main=program(wheel),
    )
    alice.expect("subscribed")
    for _ in range(3):
        for code in (401, 200):
            assert server.expect("response-sent", method="SUBSCRIBE")["code"] == code


def test_does_not_authenticate_by_sha_256(testbed: ActorTestbed, wheel: Path) -> None:
    """Such cells are unsupported."""
    sha_256 = Authentication(algorithm=DigestAlgorithm.SHA_256)
    server = testbed.server_that({"tcp": 0}, authentication=to_command(sha_256))
    port = server.expect("server-ready")["ports"]["tcp"]
    alice = testbed.client(port, transport="tcp", password=PASSWORD, main=program(wheel))
    assert alice.expect("subscription", state="terminated")["code"] == 401
    cell = dataclasses.replace(old_cell("tcp", Strategy(name="none")), server=Server(authentication=sha_256))
    reason = "pjsip 2.10, as pjsua2-python 2.10.post6 has it, does not authenticate with SHA-256"
    assert CLIENT.unsupported(cell) == reason
    assert not CLIENT.unsupported(dataclasses.replace(cell, server=Server(authentication=Authentication())))
    assert not CLIENT.unsupported(dataclasses.replace(cell, pjsip=DEFAULT_PJSIP))


def old_cell(transport: str, strategy: Strategy) -> Cell:
    """A cell with the old release as its client."""
    return dataclasses.replace(a_cell(), pjsip=OLD, transport=Transport(transport), strategy=strategy)


@pytest.mark.parametrize("strategy", OF_THE_CLIENT, ids=lambda strategy: strategy.name)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_strategy(testbed: ActorTestbed, wheel: Path, transport: str, strategy: Strategy) -> None:
    """Each strategy works with it or is unsupported, with a reason; none ends the client."""
    reason = CLIENT.unsupported(old_cell(transport, strategy)) or unsupported(
        strategy.mitigations, transport=transport, registers=True, subscribes=True
    )
    if reason:
        reasons = ("exists on", "cannot be had with pjsip 2.10", "over TCP and TLS only")
        assert any(words in reason for words in reasons)
        return
    ours = [one for one in strategy.mitigations if isinstance(one, ClientSide)]
    server, _ = subscribed(testbed, wheel, transport, *ours, account="register-and-subscribe")
    server.tell("notify", probe="p1", within=5.0)
    server.expect("probe", state="answered", code=200)


def test_tls_is_unsupported() -> None:
    """The package was built without."""
    reason = CLIENT.unsupported(old_cell("tls", Strategy(name="none")))
    assert reason == "pjsip 2.10, as pjsua2-python 2.10.post6 has it, is built without TLS"
