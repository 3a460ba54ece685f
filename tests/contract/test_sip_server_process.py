"""The scripted server's process: how it starts, what it draws, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest

from lab.certificates import Certificates
from lab.sip.fields import NameAddr
from tests.contract.sip_phone import Call, Server, Start


def test_same_seed_same_words(start: Start, call: Call) -> None:
    """Tags and branches are counted from the seed."""

    def words(seed: int) -> tuple[str | None, ...]:
        server, ports = start(seed=seed, ports={"udp": 0})
        response, notify = call("udp", ports["udp"]).subscribe()
        server.end()
        return NameAddr.parse(response.first("To") or "").tag, (notify.first("Via") or "").partition("branch=")[2]

    assert words(1) == words(1)
    assert words(1) != words(2)


def test_stop_closes_the_flows(start: Start, call: Call) -> None:
    """With TLS's farewell and FIN; the exit status is 0."""
    server, ports = start()
    phones = [call(transport, ports[transport]) for transport in ("tcp", "tls")]
    for phone in phones:
        assert phone.ask("OPTIONS").code == 200
    server.command("stop")
    assert [phone.sock.recv(1) for phone in phones] == [b"", b""]
    assert server.wait() == 0


def test_the_runner_is_gone(start: Start, call: Call) -> None:
    """End of file ends the server at once, subscriptions or not."""
    server, ports = start()
    call("tls", ports["tls"]).subscribe()
    server.hang_up()
    assert server.wait() == 0


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"address": "192.0.2.1"}, "Cannot assign requested address"),
        ({"notify_route": "pigeon"}, "starting the SIP server: notify_route 'pigeon'"),
        ({"subscription_expires": 0.5}, "starting the SIP server: expires 0.5"),
        ({"registration_expires": 1.5}, "starting the SIP server: expires 1.5"),
        ({"certificate": None}, "starting the SIP server: tls needs a certificate"),
        ({"colour": "red"}, "unexpected keyword argument 'colour'"),
    ],
)
def test_a_server_that_cannot_start(
    certificates: Certificates, settings: dict[str, Any], why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """It ends with a status that is not 0, and its log says why."""
    server = Server(certificates, **settings)
    assert server.wait() == 1
    server.end()
    assert why in capfd.readouterr().err
