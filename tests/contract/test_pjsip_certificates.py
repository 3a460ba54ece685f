"""Certificates of the real pjsip client and the scripted server, on loopback: who shows which, and who is refused."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from lab import certificate_authority, certificates
from lab.clients.pjsip import client
from lab.clients.pjsip.agent import UserAgent
from lab.mitigations import classes
from lab.mitigations.base import ClientSide
from lab.network.socket_checks import certificate_met, client_certificate_met
from lab.record.events import Other
from tests.contract.pjsip_testbed import ADDRESS, ActorTestbed


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenAnother(ClientSide):
    """Opens a connection beside pjsip's when the client has subscribed, and says when data can be sent."""

    kind: ClassVar[str] = "open-another"
    source: ClassVar[str] = "test"

    def attach(self, client: Any) -> None:
        agent: UserAgent = client
        opened: list[Any] = []

        def say(what: str, *_: bytes) -> None:
            agent.emit(Other(said=what, fields="{}"))

        def open_it() -> None:
            opened.append(agent.connect(partial(say, "opened"), partial(say, "ended")))

        agent.on_set_up(open_it)


def with_test_mitigations(sock: socket.socket) -> None:
    client.run(sock, classes() | {OpenAnother.kind: OpenAnother})


def test_a_server_of_another_authority_is_refused(testbed: ActorTestbed, tmp_path: Path) -> None:
    """The certificate is verified: no subscription with a server whose authority is not the given one."""
    other = tmp_path / "other"
    other.mkdir()
    server = testbed.server(tls=0)
    port = server.expect("server-ready")["ports"]["tls"]
    alice = testbed.client(port, ca=certificate_authority.make(other, ADDRESS).ca)
    assert "certificate" in alice.expect("transport", state="disconnected")["reason"].lower()
    alice.tell("stop")
    alice.end()
    assert all(event["ev"] != "subscribed" for event in alice.events)
    assert all(event["ev"] != "request" for event in server.events)


def test_an_expired_certificate_is_for_new_connections(testbed: ActorTestbed) -> None:
    """The connection that is there stays; a new one is refused; with the valid certificate it is accepted again."""
    server = testbed.server_that({"tls": 0}, expired=str(testbed.certificate.expired))
    port = server.expect("server-ready")["ports"]["tls"]
    alice = testbed.client(port, ca=testbed.certificate.ca)
    alice.expect("subscribed")
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    for expired, met in ((True, "expired"), (False, "valid")):
        server.tell("certificate", expired=expired)
        server.expect("obeyed", do="certificate")
        assert certificate_met(here, ADDRESS, port, testbed.certificate.ca) == met
        server.tell("notify", probe=met, within=5.0)
        assert server.expect("probe", state="answered")["probe"] == met
        if expired:
            late = testbed.client(port, ca=testbed.certificate.ca)
            assert "certificate" in late.expect("transport", state="disconnected")["reason"].lower()
    os.close(here)


def test_a_certificate_of_its_own(testbed: ActorTestbed) -> None:
    """The server asks for it and knows the client by it; one that shows none, or another's, is refused."""
    made = testbed.certificate
    server = testbed.server_that({"tls": 0}, client_ca=str(made.ca))
    port = server.expect("server-ready")["ports"]["tls"]
    testbed.client(port, certificate=made.client, key=made.client_key).expect("subscribed")
    assert server.expect("flow", state="secured")["subject"] == certificates.CLIENT
    other = testbed.folder / "other"
    other.mkdir()
    another = certificate_authority.make(other, ADDRESS)
    refused: tuple[tuple[dict[str, Any], str], ...] = (
        ({}, "PEER_DID_NOT_RETURN_A_CERTIFICATE"),
        ({"certificate": another.client, "key": another.client_key}, "CERTIFICATE_VERIFY_FAILED: unable to get local"),
    )
    for shown, why in refused:
        client_of_none = testbed.client(port, **shown)
        assert why in server.expect("flow", state="failed")["reason"]
        client_of_none.expect("transport", state="disconnected")
        client_of_none.tell("stop")
        client_of_none.end()
        assert all(event["ev"] != "subscribed" for event in client_of_none.events)


def test_a_revoked_certificate_is_for_new_connections(testbed: ActorTestbed) -> None:
    """The connection that is there stays; a new one is refused; one after the list is forgotten is accepted again."""
    made = testbed.certificate
    server = testbed.server_that({"tls": 0}, client_ca=str(made.ca), revoked=str(made.revoked))
    port = server.expect("server-ready")["ports"]["tls"]
    testbed.client(port, certificate=made.client, key=made.client_key).expect("subscribed")
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    for listed, met in ((True, "revoked"), (False, "accepted")):
        server.tell("revocation", listed=listed)
        server.expect("obeyed", do="revocation")
        assert client_certificate_met(here, ADDRESS, port, made.ca, made.client, made.client_key) == met
        server.tell("notify", probe=met, within=5.0)
        assert server.expect("probe", state="answered")["probe"] == met
        if listed:
            late = testbed.client(port, certificate=made.client, key=made.client_key)
            late.expect("transport", state="disconnected")
    os.close(here)


def test_a_connection_beside_pjsips_shows_the_certificate(testbed: ActorTestbed) -> None:
    """What a mitigation opens by itself gets through as well."""
    made = testbed.certificate
    server = testbed.server_that({"tls": 0}, client_ca=str(made.ca))
    port = server.expect("server-ready")["ports"]["tls"]
    shown: dict[str, Any] = {"certificate": made.client, "key": made.client_key}
    testbed.client(port, OpenAnother(), main=with_test_mitigations, **shown).expect("other", said="opened")
    subjects = [server.expect("flow", state="secured")["subject"] for _ in range(2)]
    assert subjects == [certificates.CLIENT] * 2
