"""Kamailio as the server of a real pjsip client, in a network namespace of its own: what it does and what it tells.

Nothing is awaited by sleeping: a test waits for an event, and each wait has a deadline.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from lab import certificates
from lab.mitigations.catalog import to_command
from lab.mitigations.flow_timer import FlowTimer
from lab.mitigations.refresh_subscription import RefreshSubscription
from lab.mitigations.server_options import ServerOptions
from lab.mitigations.server_outbound import ServerOutbound
from lab.mitigations.short_expiry import ShortExpiry
from lab.network.socket_checks import certificate_met, client_certificate_met, listening
from lab.servers.kamailio import actor, child
from lab.units import Seconds
from tests.contract.pjsip_testbed import ADDRESS, Actor, ActorTestbed
from tests.e2e.lab_command import wait_until

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(child.program() is None, reason=f"needs `apt-get install {' '.join(child.PACKAGES)}`"),
]

PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}
FURTHER = "127.0.0.2"
STARTS_WITHIN_S = 60.0
"""Less than a second on an idle machine."""

Serve = Callable[..., Actor]


@pytest.fixture
def serve(testbed_apart: ActorTestbed) -> Serve:
    """Start Kamailio; it is ready when this returns."""

    def start(*mitigations: Any, **settings: Any) -> Actor:
        usual = {
            "subscription_expires": 600.0,
            "registration_expires": 300.0,
            "notify_route": "flow",
            "answers_crlf": True,
            "seed": 1,
            "certificate": str(testbed_apart.certificate.certificate),
            "key": str(testbed_apart.certificate.key),
        }
        server = testbed_apart._actor(actor.main)
        server.tell(
            "start",
            folder=str(testbed_apart.folder),
            address=ADDRESS,
            ports=PORTS,
            mitigations=[to_command(mitigation) for mitigation in mitigations],
            **(usual | settings),
        )
        server.expect("server-ready", within=STARTS_WITHIN_S)
        return server

    return start


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_probes_reach_the_client(transport: str, serve: Serve, testbed_apart: ActorTestbed) -> None:
    """Of every kind, more than once; and a call is made, held and ended, as the client sees, too."""
    server = serve()
    client = testbed_apart.client(PORTS[transport], transport=transport)
    subscription = server.expect("server-subscription", state="active")
    assert subscription["expires"] == 600
    client.expect("subscribed")
    for number, kind in enumerate(("notify", "message", "options", "notify")):
        server.tell(kind, probe=f"p{number}", within=10.0)
        answered = server.expect("probe", probe=f"p{number}", state="answered")
        assert (answered["kind"], answered["code"], answered["flow"]) == (kind, 200, subscription["flow"])
    client.expect("notify", note="p3")
    server.tell("invite", probe="call", within=10.0, hold=0.1)
    for state in ("sent", "talking", "ending", "answered"):
        server.expect("probe", probe="call", state=state)
    client.expect("call", state="confirmed")
    client.expect("call", state="disconnected")
    server.tell("stop")
    assert server.end() == 0


def test_a_call_rings_before_it_is_accepted(serve: Serve, testbed_apart: ActorTestbed) -> None:
    """A second after its 180, which is told once."""
    server = serve()
    client = testbed_apart.client(PORTS["tls"])
    client.expect("subscribed")
    server.tell("invite", probe="call", within=10.0, hold=0.1, ring=1.0)
    said = [server.expect("probe", probe="call") for _ in range(5)]
    assert [one["state"] for one in said] == ["sent", "ringing", "talking", "ending", "answered"]
    assert [one["code"] for one in said] == [None, 180, 200, None, 200]
    assert said[2]["at"] - said[1]["at"] >= 0.9


def test_a_subscription_exists_before_the_client_says_so(serve: Serve, testbed_apart: ActorTestbed) -> None:
    """Events have the times at which Kamailio did things, however late its log is read."""
    server = serve()
    client = testbed_apart.client(PORTS["tls"])
    assert server.expect("server-subscription", state="active")["at"] <= client.expect("subscribed")["at"]


def test_a_registration_and_its_flow(serve: Serve, testbed_apart: ActorTestbed) -> None:
    """A probe outside the dialog goes to the binding; when the client is gone, there is no flow for it."""
    server = serve()
    client = testbed_apart.client(PORTS["tls"], account="register-and-subscribe")
    binding = server.expect("binding", state="active")
    assert binding["expires"] == 300
    client.expect("subscribed")
    client.process.kill()
    ended = server.expect("flow", id=binding["flow"])
    while ended["state"] in ("accepted", "secured"):
        ended = server.expect("flow", id=binding["flow"])
    assert ended["state"] in ("closed", "reset")
    for kind in ("options", "notify"):
        server.tell(kind, probe=kind, within=10.0)
        failed = server.expect("probe", probe=kind, state="failed")
        assert (failed["reason"], failed["flow"]) == ("flow-gone", binding["flow"])


def test_a_call_forks(serve: Serve, testbed_apart: ActorTestbed) -> None:
    """To a contact that is gone and to two that are there, one of which has it."""
    server = serve()
    clients, bound = _phones(server, testbed_apart, 3)
    clients[0].process.kill()
    server.expect("flow", id=bound[0]["flow"], state="closed")
    server.tell("invite", probe="call", within=10.0, hold=0.1, ring=0.5)
    said = [server.expect("probe-branch") for _ in range(3)]
    assert {(one["binding"], one["state"], one["reason"]) for one in said} == {
        (bound[2]["id"], "sent", ""), (bound[1]["id"], "sent", ""), (bound[0]["id"], "failed", "flow-gone"),
    }  # fmt: skip
    winner = server.expect("probe", state="talking")["flow"]
    clients[1 if winner == bound[1]["flow"] else 2].expect("call", state="confirmed")  # the ACK found its way
    server.expect("probe", state="answered")


def test_the_others_of_a_fork_are_cancelled(serve: Serve, testbed_apart: ActorTestbed) -> None:
    """The one that did not have the call answers 487 to CANCEL; or 200, if it accepted in the same instant."""
    server = serve()
    _, bound = _phones(server, testbed_apart, 2)
    server.tell("invite", probe="call", within=10.0, hold=0.1, ring=0.5)
    answered = [server.expect("probe-branch", state="answered") for _ in range(2)]
    assert {one["flow"] for one in answered} == {one["flow"] for one in bound}
    assert answered[0]["code"] == 200
    assert answered[1]["code"] in (200, 487)


def test_a_call_that_is_under_way_waits_for_a_contact(serve: Serve, testbed_apart: ActorTestbed) -> None:
    """One contact rings, another is gone: when a third registers it rings, too."""
    server = serve(on_gone_connection="wait", wait=20.0)
    clients, bound = _phones(server, testbed_apart, 2)
    clients[0].process.kill()
    server.expect("flow", id=bound[0]["flow"], state="closed")
    server.tell("invite", probe="call", within=10.0, hold=0.1, ring=8.0)
    server.expect("probe-branch", binding=bound[0]["id"], state="waiting")
    server.expect("probe", state="ringing")
    third = testbed_apart.client(PORTS["tcp"], transport="tcp", account="register-and-subscribe", seed=3)
    sent = server.expect("probe-branch", branch=3, state="sent")
    assert sent["binding"] not in (bound[0]["id"], bound[1]["id"])
    third.expect("call", state="early")


def _phones(server: Actor, testbed: ActorTestbed, number: int) -> tuple[list[Actor], list[dict[str, Any]]]:
    """Several phones of one address, one after the other, and what each has registered."""
    clients, bound = [], []
    for seed in range(10, 10 + number):
        client = testbed.client(PORTS["tcp"], transport="tcp", account="register-and-subscribe", seed=seed)
        bound.append(server.expect("binding", state="active"))
        client.expect("subscribed")
        clients.append(client)
    return clients, bound


def test_no_client_no_probe(serve: Serve) -> None:
    server = serve()
    for kind in ("notify", "options"):
        server.tell(kind, probe=kind, within=10.0)
        assert server.expect("probe", probe=kind, state="failed")["reason"] == "no-subscription"


def test_it_gives_up_a_contact_that_does_not_answer(serve: Serve, testbed_apart: ActorTestbed) -> None:
    """By nathelper's ``keepalive_timeout``, within 10 s of it; the subscription stays."""
    server = serve(ServerOptions(interval=Seconds(1), gives_up_after=2, retransmits=False))
    client = testbed_apart.client(PORTS["udp"], transport="udp", account="register-and-subscribe")
    client.expect("subscribed")
    answered = server.expect("keep-alive", state="answered", code=200)
    os.kill(client.process.pid, signal.SIGSTOP)
    try:
        given_up = server.expect("client-given-up", within=30.0)
    finally:
        os.kill(client.process.pid, signal.SIGCONT)
    assert (given_up["flow"], given_up["misses"]) == (answered["flow"], 2)
    assert server.expect("binding", state="removed")["flow"] == answered["flow"]
    server.tell("notify", probe="p1", within=10.0)
    assert server.expect("probe", probe="p1", state="answered")["code"] == 200


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_it_ends_an_idle_connection(transport: str, serve: Serve, testbed_apart: ActorTestbed) -> None:
    """By ``tcp_connection_lifetime``, here 2 s, and 5 to 10 s later; its end is told within two seconds."""
    server = serve(idle_after=2.0)
    client = testbed_apart.client(PORTS[transport], transport=transport)
    subscribed = client.expect("subscribed")["at"]
    over = client.expect("transport", state="disconnected", within=30.0)
    assert 6.5 <= over["at"] - subscribed <= 13.0
    ended = server.expect("flow", state="closed")
    assert ended["reason"] == "idle-timeout"
    assert -0.05 <= ended["at"] - over["at"] <= 2.5  # each process reads the clock when it hears of it


def test_it_closes_a_flow_when_told(serve: Serve, testbed_apart: ActorTestbed) -> None:
    server = serve()
    client = testbed_apart.client(PORTS["tls"])
    own = server.expect("server-subscription", state="active")["flow"]
    client.expect("subscribed")
    server.tell("close", flow="f7")
    assert server.expect("obeyed", do="close")["flow"] is None
    server.tell("close", flow=own)
    flow = server.expect("obeyed", do="close")["flow"]
    assert server.expect("flow", id=flow, state="closed")["reason"] == "by server"
    client.expect("transport", state="disconnected")


def test_a_restart_loses_everything(serve: Serve, testbed_apart: ActorTestbed) -> None:
    """As if killed: nobody listens, the client's connection ends; then it serves anew and knows of nothing."""
    server = serve()
    client = testbed_apart.client(PORTS["tls"])
    client.expect("subscribed")
    assert testbed_apart.namespace is not None
    server.tell("go-down", keeps_state=False)
    server.expect("obeyed", do="go-down")
    assert not listening(testbed_apart.namespace) & set(PORTS.values())
    client.expect("transport", state="disconnected")
    server.tell("come-up")
    server.expect("server-ready", within=STARTS_WITHIN_S)
    assert set(PORTS.values()) <= listening(testbed_apart.namespace)
    server.tell("notify", probe="p", within=10.0)
    assert server.expect("probe", probe="p", state="failed")["reason"] == "no-subscription"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_it_serves_at_a_further_address(transport: str, serve: Serve, testbed_apart: ActorTestbed) -> None:
    """Whatever it sends to a client that came there leaves from there, so that the client's NAT lets it in."""
    server = serve(further=[FURTHER])
    client = testbed_apart.client(PORTS[transport], server=FURTHER, transport=transport)
    flow = server.expect("flow", state="accepted")
    assert flow["own"] == f"{FURTHER}:{PORTS[transport]}"
    client.expect("subscribed")
    for kind in ("notify", "message", "options"):
        server.tell(kind, probe=kind, within=10.0)
        answered = server.expect("probe", probe=kind, state="answered")
        assert (answered["code"], answered["flow"]) == (200, flow["id"])
    server.tell("invite", probe="call", within=10.0, hold=0.1)
    assert server.expect("probe", probe="call", state="answered")["flow"] == flow["id"]
    assert f"sip:{FURTHER}:{PORTS[transport]}" in client.log.with_suffix(".pjsip.log").read_text("utf-8", "replace")


def test_it_keeps_a_flow_alive_with_options(serve: Serve, testbed_apart: ActorTestbed) -> None:
    server = serve(ServerOptions(interval=Seconds(1)))
    testbed_apart.client(PORTS["tls"])
    server.expect("keep-alive", kind="options", state="sent")
    assert server.expect("keep-alive", kind="options", state="answered")["code"] == 200


def test_it_grants_less_and_says_when_a_subscription_is_over(serve: Serve, testbed_apart: ActorTestbed) -> None:
    server = serve(ShortExpiry(expiry=Seconds(2)))
    client = testbed_apart.client(PORTS["tls"])
    assert server.expect("server-subscription", state="active")["expires"] == 2
    client.process.kill()
    server.expect("server-subscription", state="expired", within=20.0)


@pytest.mark.parametrize("mitigation", [ServerOutbound(), FlowTimer(time=Seconds(25))])
def test_it_supports_outbound(mitigation: Any, serve: Serve, testbed_apart: ActorTestbed) -> None:
    """What it was asked for is in the answer to REGISTER, as pjsip's log shows it."""
    serve(mitigation)
    client = testbed_apart.client(PORTS["tls"], account="register-and-subscribe")
    client.expect("subscribed")
    log = client.log.with_suffix(".pjsip.log").read_text("utf-8", "replace")
    assert "Require: outbound" in log
    assert ("Flow-Timer: 25" in log) == isinstance(mitigation, FlowTimer)


def test_a_refresh_from_elsewhere_moves_the_subscription(serve: Serve, testbed_apart: ActorTestbed) -> None:
    """The client's connection is lost; its next refresh comes over another, and from then on so does NOTIFY."""
    server = serve()
    client = testbed_apart.client(PORTS["tls"], RefreshSubscription(interval=Seconds(1)))
    first = server.expect("server-subscription", state="active")
    server.expect("server-subscription", state="refreshed", flow=first["flow"])
    server.tell("close", flow=first["flow"])
    server.expect("flow", id=first["flow"], state="closed")
    client.expect("transport", state="disconnected")
    moved = server.expect("server-subscription", state="refreshed")
    assert (moved["id"], moved["expires"]) == (first["id"], 600)
    assert moved["flow"] != first["flow"]
    server.tell("notify", probe="p", within=10.0)
    assert server.expect("probe", probe="p", state="answered")["flow"] == moved["flow"]


def test_statistics(serve: Serve, testbed_apart: ActorTestbed) -> None:
    server = serve()
    testbed_apart.client(PORTS["tls"]).expect("subscribed")
    server.tell("statistics", file="counted.json")
    assert server.expect("statistics")["connections"] == 1
    counted = json.loads((testbed_apart.folder / "counted.json").read_text("utf-8"))
    assert counted["statistics"]["core:rcv_requests_subscribe"] == 1
    assert [connection["type"] for connection in counted["core.tcp_list"]] == ["TLS"]


def test_certificates_change_while_it_runs(serve: Serve, testbed_apart: ActorTestbed) -> None:
    """For who connects; the client that is connected stays. Of each that is refused the reason is told."""
    files, namespace = testbed_apart.certificate, testbed_apart.namespace
    assert namespace is not None
    server = serve(expired=str(files.expired), client_ca=str(files.ca), revoked=str(files.revoked))
    client = testbed_apart.client(PORTS["tls"], certificate=files.client, key=files.client_key)
    assert server.expect("flow", state="secured")["subject"] == certificates.CLIENT
    client.expect("subscribed")

    def shown() -> str:
        own = (files.client, files.client_key)
        return client_certificate_met(namespace, ADDRESS, PORTS["tls"], files.ca, *own)

    assert shown() == "accepted"
    server.tell("revocation", listed=True)
    server.expect("obeyed", do="revocation")
    assert shown() == "revoked"
    assert server.expect("flow", state="failed")["reason"] == "certificate verify failed"
    server.tell("revocation", listed=False)
    server.expect("obeyed", do="revocation")
    assert shown() == "accepted"
    server.tell("certificate", expired=True)
    server.expect("obeyed", do="certificate")
    assert certificate_met(namespace, ADDRESS, PORTS["tls"], files.ca) == "expired"
    assert server.expect("flow", state="failed")["reason"] == "sslv3 alert certificate expired"
    server.tell("certificate", expired=False)
    server.expect("obeyed", do="certificate")
    assert shown() == "accepted"
    server.tell("notify", probe="p", within=10.0)
    server.expect("probe", probe="p", state="answered")


def test_who_shows_no_certificate_is_refused(serve: Serve, testbed_apart: ActorTestbed) -> None:
    files = testbed_apart.certificate
    server = serve(client_ca=str(files.ca))
    testbed_apart.client(PORTS["tls"]).expect("transport", state="disconnected")
    assert server.expect("flow", state="failed")["reason"] == "peer did not return a certificate"


def test_a_configuration_that_cannot_work_ends_the_actor_with_its_reason(
    testbed_apart: ActorTestbed, serve: Serve
) -> None:
    """Kamailio's own words are in the actor's last ones."""
    with pytest.raises(AssertionError, match="'server-ready'"):
        serve(certificate="/nowhere/server.pem", key="/nowhere/server.key")
    server = testbed_apart.actors[-1]
    assert server.end() != 0
    assert "/nowhere/server.pem" in server.log.read_text("utf-8")


def test_nothing_of_it_survives_the_actor(serve: Serve, testbed_apart: ActorTestbed) -> None:
    server = serve()
    namespace = testbed_apart.namespace
    assert namespace is not None
    server.process.kill()
    wait_until("nobody listens any more", lambda: not listening(namespace) & set(PORTS.values()))
