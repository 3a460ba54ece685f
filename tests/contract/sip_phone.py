"""The scripted SIP server's process on loopback, a plain socket client, and what they say to each other.

Nothing is awaited by sleeping: a test waits for a message or an event, and each wait has a deadline.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import struct
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.actors.channel import Lines
from lab.certificates import Certificates
from lab.servers.scripted import actor as sip_server
from lab.sip.fields import NameAddr
from lab.sip.message import MalformedMessage, Request, Response, parse
from lab.sip.stream import Item, KeepAlive, StreamParser

HOST, OTHER = "127.0.0.1", "127.0.0.2"
DEADLINE = 10.0  # seconds; only a broken server makes anything wait for it
TRANSPORTS = ("udp", "tcp", "tls")
Message = Request | Response | KeepAlive


class Server:
    """The server in its own process, as a runner would start it."""

    def __init__(self, certificates: Certificates, **settings: Any) -> None:
        self._runner, actor = socket.socketpair()
        self._runner.settimeout(DEADLINE)
        self._lines = Lines()
        self._waiting: list[dict[str, Any]] = []
        self.log: list[dict[str, Any]] = []
        self.status: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            self._runner.close()
            try:
                sip_server.main(actor)
            except BaseException:  # noqa: BLE001 - the child must not return into pytest
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        actor.close()
        defaults = {
            "address": HOST,
            "ports": dict.fromkeys(TRANSPORTS, 0),
            "certificate": str(certificates.certificate),
            "key": str(certificates.key),
            "keylog": None,
            "subscription_expires": 600.0,
            "registration_expires": 300.0,
            "notify_route": "flow",
            "answers_crlf": True,
            "seed": 7,
        }
        self.command("start", **defaults | settings)

    def ports(self) -> dict[str, int]:
        ports = self.event("server-ready")["ports"]
        assert isinstance(ports, dict)
        return ports

    def command(self, do: str, **fields: Any) -> None:
        self._runner.sendall(json.dumps({"do": do, **fields}).encode() + b"\n")

    def event(self, ev: str, **fields: Any) -> dict[str, Any]:
        """Wait for an event; those before it are in ``log``."""
        while True:
            while self._waiting:
                event = self._waiting.pop(0)
                self.log.append(event)
                if event["ev"] == ev and all(event[name] == value for name, value in fields.items()):
                    return event
            data = self._runner.recv(65536)
            assert data, f"the server is gone; it said {self.log}"
            self._waiting += self._lines.feed(data)

    def seen(self, ev: str) -> list[dict[str, Any]]:
        return [event for event in self.log if event["ev"] == ev]

    def hang_up(self) -> None:
        self._runner.close()

    def wait(self) -> int:
        """Return the exit status."""
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def end(self) -> None:
        if self.status is None:
            with contextlib.suppress(OSError):
                self.command("stop")
            assert self.wait() == 0
        self._runner.close()


Start = Callable[..., tuple[Server, dict[str, int]]]


class Phone:
    """A client made of one socket."""

    def __init__(
        self, transport: str, port: int, ca: Path, *, bind: tuple[str, int] = (HOST, 0), server: str = HOST
    ) -> None:
        self.transport = transport
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self.sock = socket.socket(socket.AF_INET, kind)
        self.sock.bind(bind)
        self.sock.settimeout(DEADLINE)
        self.sock.connect((server, port))
        if transport == "tls":
            context = ssl.create_default_context(cafile=ca)
            context.maximum_version = ssl.TLSVersion.TLSv1_2  # as the client under test
            context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # a FIN without close_notify is an error
            self.sock = context.wrap_socket(self.sock, server_hostname=server, suppress_ragged_eofs=False)
        self.address: tuple[str, int] = self.sock.getsockname()
        self.peer = f"{self.address[0]}:{self.address[1]}"
        self.uri = f"sip:alice@{self.peer}" + ("" if transport == "udp" else f";transport={transport}")
        self._parser = StreamParser()
        self._items: list[Item] = []
        self._cseq = 0
        self._tag = ""
        self.server: Any = None

    def request(self, method: str, *, cseq: int | None = None, branch: str = "", **more: str) -> Request:
        self._cseq = self._cseq + 1 if cseq is None else cseq
        headers = {
            "Via": f"SIP/2.0/{self.transport.upper()} {self.peer};rport;branch={branch or f'z9hG4bK{self._cseq}'}",
            "From": "<sip:alice@example.com>;tag=a",
            "To": "<sip:bob@example.com>" + (f";tag={self._tag}" if self._tag and method == "SUBSCRIBE" else ""),
            "Call-ID": f"{method}-{self.peer}",
            "CSeq": f"{self._cseq} {method}",
            "Contact": f"<{self.uri}>",
            **({"Event": "presence"} if method == "SUBSCRIBE" else {}),
            **more,
        }
        return Request(method=method, uri="sip:example.com", headers=tuple(headers.items()))

    def send(self, message: Request | Response | bytes) -> None:
        self.sock.sendall(message if isinstance(message, bytes) else message.encode())

    def receive(self) -> Message:
        while not self._items:
            data = self.sock.recv(65536)
            assert data, "the server closed the connection"
            self._items = [parse(data)] if self.transport == "udp" else self._parser.feed(data)
        item = self._items.pop(0)
        assert not isinstance(item, MalformedMessage)
        return item

    def response(self) -> Response:
        item = self.receive()
        assert isinstance(item, Response)
        return item

    def notify(self) -> Request:
        item = self.receive()
        assert isinstance(item, Request)
        assert item.method == "NOTIFY"
        return item

    def ask(self, method: str, **more: str) -> Response:
        self.send(self.request(method, cseq=None, branch="", **more))
        return self.response()

    def answer(self, request: Request, code: int = 200) -> None:
        names = ("Via", "From", "To", "Call-ID", "CSeq")
        headers = tuple((name, value) for name in names for value in request.all(name))
        self.send(Response(code=code, reason="", headers=headers))

    def subscribe(self, **more: str) -> tuple[Response, Request]:
        """SUBSCRIBE, and answer the NOTIFY."""
        response = self.ask("SUBSCRIBE", **more)
        self._tag = NameAddr.parse(response.first("To") or "").tag or ""
        notify = self.notify()
        self.answer(notify)
        return response, notify

    def forget(self) -> None:
        """The next SUBSCRIBE begins a dialog."""
        self._tag = ""

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def gone(self) -> bool:
        """Whether the server ends the connection, with nothing before that."""
        with contextlib.suppress(ConnectionResetError):
            return self.sock.recv(65536) == b""
        return True


Call = Callable[..., Phone]


def accepted(phone: Phone, invite: Request) -> Request:
    """Answer 200 as a phone does; the ACK."""
    names = ("Via", "From", "Call-ID", "CSeq")
    headers = tuple((name, value) for name in names for value in invite.all(name))
    to, contact = ("To", f"{invite.first('To')};tag=p"), ("Contact", f"<{phone.uri}>")
    phone.send(Response(code=200, reason="OK", headers=(*headers, to, contact)))
    ack = phone.receive()
    assert isinstance(ack, Request)
    assert ack.method == "ACK"
    return ack


def registered(start: Start, call: Call, number: int = 2, transport: str = "tcp", **settings: Any) -> list[Phone]:
    """So many phones that have registered the same address; each knows the server."""
    server, ports = start(**settings)
    phones = [call(transport, ports[transport]) for _ in range(number)]
    for phone in phones:
        assert phone.ask("REGISTER").code == 200
        phone.server = server
    return phones


def asked(phone: Phone, method: str) -> Request:
    """The request that a phone gets next."""
    request = phone.receive()
    assert isinstance(request, Request)
    assert request.method == method
    return request


def branches(server: Server) -> list[tuple[int, str, int | None, str]]:
    """What became of each branch: its number, state, code and reason."""
    return [(one["branch"], one["state"], one["code"], one["reason"]) for one in server.seen("probe-branch")]
