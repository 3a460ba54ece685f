"""Routes of the scripted server's own requests, on loopback: by the flow, to the Contact, from another address."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Any

import pytest

from lab.certificates import Certificates
from lab.sip.fields import NameAddr
from lab.sip.message import Request, parse
from tests.contract.sip_phone import DEADLINE, HOST, OTHER, TRANSPORTS, Call, Server, Start, asked, branches

# By flow


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_by_flow_a_closed_flow_is_gone(start: Start, call: Call, transport: str) -> None:
    """A new connection of the phone does not help until a SUBSCRIBE comes over it."""
    server, ports = start()
    phone = call(transport, ports[transport])
    phone.subscribe()
    phone.sock.close()
    server.event("flow", id="f1", state="closed")
    other = call(transport, ports[transport])
    assert other.ask("OPTIONS").code == 200
    server.command("notify", probe="p1", within=5.0)
    assert server.event("probe")["reason"] == "flow-gone"


# By contact


def test_by_contact_an_existing_flow_is_used(start: Start, call: Call) -> None:
    """One from exactly the Contact's host and port, though the SUBSCRIBE came on another."""
    server, ports = start(notify_route="contact")
    named, other = call("tcp", ports["tcp"]), call("tcp", ports["tcp"])
    assert named.ask("OPTIONS").code == 200
    response = other.ask("SUBSCRIBE", Contact=f"<{named.uri}>")
    assert response.code == 200
    named.answer(named.notify())
    server.command("notify", probe="p1", within=5.0)
    named.answer(named.notify())
    done = server.event("probe", state="answered")
    assert (done["peer"], server.seen("flow")[-1]["state"]) == (named.peer, "accepted")


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_by_contact_a_connection_is_made(start: Start, call: Call, certificates: Certificates, transport: str) -> None:
    """To a phone that listens, also with TLS; the same connection is used again."""
    server, ports = start(notify_route="contact")
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(DEADLINE)
        phone = call("tcp", ports["tcp"])
        phone.ask("SUBSCRIBE", Contact=f"<sip:alice@{HOST}:{listener.getsockname()[1]};transport={transport}>")
        accepted, _ = listener.accept()
        accepted.settimeout(DEADLINE)
        if transport == "tls":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.certificate, certificates.key)
            accepted = context.wrap_socket(accepted, server_side=True)
        with accepted:
            phone.sock.close()
            phone.sock, phone.transport = accepted, transport
            phone.answer(phone.notify())
            server.command("notify", probe="p1", within=5.0)
            phone.answer(phone.notify())
            assert server.event("probe", state="answered")["flow"] == "f2"
            assert [event["id"] for event in server.seen("flow") if event["state"] == "connected"] == ["f2"]


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_by_contact_nobody_listens(start: Start, call: Call, transport: str) -> None:
    """The attempt's errno is the probe's reason."""
    server, ports = start(notify_route="contact")
    with socket.socket() as unused:
        unused.bind((HOST, 0))  # bound, not listening: nobody else gets this port
        phone = call(transport, ports[transport])
        phone.ask("SUBSCRIBE", Contact=f"<sip:alice@{HOST}:{unused.getsockname()[1]};transport={transport}>")
        server.command("notify", probe="p1", within=5.0)
        tried, failed = server.event("probe"), server.event("probe")
        assert (tried["state"], tried["flow"]) == ("connecting", "f1")
        assert (failed["state"], failed["reason"], failed["flow"]) == ("failed", "Connection refused", "f1")
        assert server.seen("flow")[-1]["state"] == "failed"


def test_by_contact_over_udp(start: Start, call: Call) -> None:
    """The NOTIFY goes to the Contact, wherever the SUBSCRIBE came from."""
    server, ports = start(notify_route="contact")
    named, other = call("udp", ports["udp"]), call("udp", ports["udp"])
    other.ask("SUBSCRIBE", Contact=f"<{named.uri}>")
    named.answer(named.notify())
    server.command("notify", probe="p1", within=5.0)
    named.answer(named.notify())
    assert server.event("probe", state="answered")["peer"] == named.peer


def test_by_contact_a_name_leads_nowhere(start: Start, call: Call) -> None:
    """The lab has no DNS."""
    server, ports = start(notify_route="contact")
    phone = call("tcp", ports["tcp"])
    phone.ask("SUBSCRIBE", Contact="<sip:alice@phone.example.com;transport=tcp>")
    server.command("notify", probe="p1", within=5.0)
    assert server.event("probe")["reason"] == "contact is not an address"


def test_by_contact_without_that_transport(start: Start, call: Call) -> None:
    """A server without TLS cannot reach a TLS Contact, and says so."""
    server, ports = start(notify_route="contact", ports={"tcp": 0})
    phone = call("tcp", ports["tcp"])
    phone.ask("SUBSCRIBE", Contact=f"<sips:alice@{HOST}:9>")
    server.command("notify", probe="p1", within=5.0)
    assert server.event("probe")["reason"] == "no tls here"


# A second address


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_second_address(start: Start, call: Call, transport: str) -> None:
    """Who comes to it is answered from it, with a contact there, beside who stays at the first; state is common."""
    server, ports = start(further=[OTHER])
    ends = {address: call(transport, ports[transport], server=address) for address in (HOST, OTHER)}
    for address, phone in ends.items():
        response, notify = phone.subscribe()
        contact = NameAddr.parse(response.first("Contact") or "").uri
        assert contact.partition(";")[0] == f"sip:{address}:{ports[transport]}"
        assert notify.first("Contact") == response.first("Contact")
        assert f" {address}:{ports[transport]};" in (notify.first("Via") or "")
        flow = server.event("flow", state="accepted")
        assert (flow["peer"], flow["own"]) == (phone.peer, f"{address}:{ports[transport]}")
    server.command("notify", probe="p1", within=5.0)
    assert ends[OTHER].notify().first("CSeq") == "2 NOTIFY"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_server_that_has_moved(start: Start, call: Call, transport: str) -> None:
    """It connects from its new address from then on, and what it says of itself is that one."""
    server, ports = start(further=[OTHER], notify_route="contact")
    server.command("move", address=OTHER)
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as phone, contextlib.ExitStack() as opened:
        phone.bind((HOST, 0))
        phone.settimeout(DEADLINE)
        if transport == "tcp":
            phone.listen()
        parameter = "" if transport == "udp" else f";transport={transport}"
        contact = f"<sip:alice@{HOST}:{phone.getsockname()[1]}{parameter}>"
        call(transport, ports[transport]).ask("SUBSCRIBE", Contact=contact)
        if transport == "tcp":
            reached, (source, _) = phone.accept()
            opened.enter_context(reached)
            reached.settimeout(DEADLINE)
            notify = parse(reached.recv(65536))
        else:
            data, (source, _) = phone.recvfrom(65536)
            notify = parse(data)
    assert isinstance(notify, Request)
    assert source == OTHER
    assert f"sip:{OTHER}:{ports[transport]}" in (notify.first("Contact") or "")


# Requests for a contact whose connection is gone


def gone(start: Start, call: Call, **settings: Any) -> tuple[Server, dict[str, int], socket.socket]:
    """A server with one contact whose connection is gone; where the contact can be connected to."""
    server, ports = start(**settings)
    listener = socket.create_server((HOST, 0))
    listener.settimeout(DEADLINE)
    phone = call("tcp", ports["tcp"])
    phone.ask("REGISTER", Contact=f"<sip:alice@{HOST}:{listener.getsockname()[1]};transport=tcp>")
    phone.sock.close()
    server.event("flow", state="closed")
    return server, ports, listener


@pytest.mark.parametrize("route", ["flow", "contact"])
def test_a_request_that_fails_at_once(start: Start, call: Call, route: str) -> None:
    """There is no connection, and none is made."""
    server, _, listener = gone(start, call, notify_route=route, on_gone_connection="fail")
    server.command("options", probe="p1", within=5.0)
    failed = server.event("probe", state="failed")
    assert (failed["reason"], failed["flow"]) == ("flow-gone", "f1")
    assert branches(server) == [(1, "failed", None, "flow-gone")]
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()
    listener.close()


@pytest.mark.parametrize("route", ["flow", "contact"])
def test_a_request_that_connects(start: Start, call: Call, route: str) -> None:
    """To the host and port of the Contact."""
    server, _, listener = gone(start, call, notify_route=route, on_gone_connection="connect")
    server.command("options", probe="p1", within=5.0)
    connection, _ = listener.accept()
    assert connection.recv(65536).startswith(b"OPTIONS ")
    server.event("flow", state="connected")
    connection.close()
    listener.close()


@pytest.mark.parametrize("kind", ["options", "message", "invite"])
def test_a_request_that_waits(start: Start, call: Call, kind: str) -> None:
    """The phone registers anew, and gets it on its new connection."""
    server, ports, listener = gone(start, call, on_gone_connection="wait", wait=5.0)
    listener.close()
    server.command(kind, probe="p1", within=8.0, **({"hold": 0.1} if kind == "invite" else {}))
    server.event("probe-branch", state="waiting")
    phone = call("tcp", ports["tcp"])
    phone.ask("REGISTER")
    asked(phone, kind.upper())
    assert server.event("probe", state="sent")["flow"] == "f2"
    server.event("probe-branch", state="sent")
    assert branches(server) == [
        (1, "waiting", None, ""), (1, "failed", None, "registered-anew"), (2, "sent", None, "")
    ]  # fmt: skip


def test_a_request_that_waits_in_vain(start: Start, call: Call) -> None:
    """For so long and no longer, and not for the caller's whole patience."""
    server, ports, listener = gone(start, call, on_gone_connection="wait", wait=0.2)
    listener.close()
    server.command("options", probe="p1", within=8.0)
    waiting = server.event("probe-branch", state="waiting")
    failed = server.event("probe", state="failed")
    assert (failed["reason"], failed["flow"]) == ("flow-gone", "f1")
    assert failed["at"] - waiting["at"] == pytest.approx(0.2, abs=0.15)
    phone = call("tcp", ports["tcp"])
    phone.ask("REGISTER")
    phone.ask("OPTIONS")  # what comes first would be the request that waited
    assert branches(server) == [(1, "waiting", None, ""), (1, "failed", None, "flow-gone")]


def test_a_request_waits_for_a_phone_that_has_no_contact_left(start: Start, call: Call) -> None:
    """Its binding went with its connection."""
    server, ports, listener = gone(start, call, on_gone_connection="wait", wait=5.0, removes_closed=True)
    listener.close()
    server.command("options", probe="p1", within=8.0)
    phone = call("tcp", ports["tcp"])
    phone.ask("REGISTER")
    phone.answer(asked(phone, "OPTIONS"))
    assert server.event("probe", state="answered")["code"] == 200
