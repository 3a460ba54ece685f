"""A phone that registers again from another port, over UDP or TCP, and never removes what it registered before.

It stands for phones that are restarted, or that lose their connection, and know nothing of their earlier contacts. See
docs/actor-protocol.md for what it says and is told.

Arguments, as ``name=value``:

- ``every``: seconds from one registration to the next, each from another port (40); 0: it registers once.
- ``expires``: what each asks for, seconds (300).
- ``instance``: ``no``, or its Contact carries ``+sip.instance`` and ``reg-id`` (RFC 5626 §4.1).
- ``leaves``: what becomes of the port before: ``closed``, or ``open``, where nobody reads it any more.
- ``away``: seconds without any connection before each further registration (0).
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import json
import select
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

COPIED = ("via", "from", "call-id", "cseq")
SDP = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\na=inactive\r\n"
STREAM = 1 << 16


def say(ev: str, **fields: Any) -> None:
    """Tell the lab."""
    sys.stdout.write(json.dumps({"ev": ev, **fields}) + "\n")
    sys.stdout.flush()


class Phone:
    """The phone and its newest socket."""

    def __init__(self, start: dict[str, Any], options: dict[str, str]) -> None:
        self.start = start
        self.every = float(options.get("every", 40))
        self.expires = options.get("expires", "300")
        self.instance = options.get("instance") == "yes"
        self.leaves_open = options.get("leaves") == "open"
        self.away = float(options.get("away", 0))
        self.udp = start["transport"] == "udp"
        self.sock: socket.socket | None = None
        self.left: list[socket.socket] = []
        self.local = ""
        self.data = b""
        self.count = itertools.count(1)
        self.timers: list[tuple[float, int, Callable[[], None]]] = []
        self.registered = self.subscribed = False
        self.ringing: dict[str, tuple[list[str], dict[str, str]]] = {}  # calls that are not accepted yet

    # Time

    def after(self, delay: float, act: Callable[[], None]) -> None:
        """Do it later."""
        heapq.heappush(self.timers, (time.monotonic() + delay, next(self.count), act))

    def run(self) -> None:
        """Live until the lab says stop or is gone."""
        while True:
            wait = max(0.0, self.timers[0][0] - time.monotonic()) if self.timers else None
            sources: list[Any] = [sys.stdin, *([self.sock] if self.sock else [])]
            readable, _, _ = select.select(sources, [], [], wait)
            if sys.stdin in readable:
                line = sys.stdin.readline()
                if not line or json.loads(line)["do"] == "stop":
                    return
            if self.sock is not None and self.sock in readable:
                self.read()
            while self.timers and self.timers[0][0] <= time.monotonic():
                heapq.heappop(self.timers)[2]()

    # Connections

    def leave(self) -> None:
        """Leave the port there is; come back from another."""
        if self.sock is not None and self.leaves_open:
            self.left.append(self.sock)
        elif self.sock is not None:
            self.sock.close()
        if self.sock is not None and not self.udp:
            say("transport", id=self.local, state="disconnected", local=self.local, reason="left")
        self.sock = None
        self.after(self.away, self.come)

    def come(self) -> None:
        """Register from a new port, and the first time subscribe."""
        kind = socket.SOCK_DGRAM if self.udp else socket.SOCK_STREAM
        self.sock, self.data = socket.socket(socket.AF_INET, kind), b""
        self.sock.connect((self.start["server"], self.start["port"]))
        self.local = "{}:{}".format(*self.sock.getsockname())
        if not self.udp:
            say("transport", id=self.local, state="connected", local=self.local)
        self.request("REGISTER", self.start["user"], [f"Expires: {self.expires}"])
        if self.every:
            self.after(self.every, self.leave)

    def send(self, lines: list[str], body: str = "") -> None:
        """Send a message on the newest socket."""
        text = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])
        if self.sock is not None:
            with contextlib.suppress(OSError):  # the other side has ended it
                self.sock.sendall(text.encode())

    def request(self, method: str, to: str, more: list[str]) -> None:
        """Send a request of our own."""
        number, domain = next(self.count), self.start["domain"]
        transport = self.start["transport"]
        device = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>";reg-id=1' if self.instance else ""
        target = f"sip:{domain}" if method == "REGISTER" else f"sip:{to}@{domain}"
        self.send([
            f"{method} {target} SIP/2.0",
            f"Via: SIP/2.0/{transport.upper()} {self.local};rport;branch=z9hG4bK{number}",
            "Max-Forwards: 70",
            f"From: <sip:{self.start['user']}@{domain}>;tag={number}",
            f"To: <sip:{to}@{domain}>",
            f"Call-ID: {method.lower()}-{self.local}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:{self.start['user']}@{self.local};transport={transport}>{device}",
            *more,
        ])  # fmt: skip

    # What comes

    def read(self) -> None:
        """Take what has come; a connection that ends is replaced by the next registration."""
        assert self.sock is not None
        try:
            data = self.sock.recv(STREAM)
        except OSError:
            data = b""
        if not data and not self.udp:
            say("transport", id=self.local, state="disconnected", local=self.local, reason="ended by the other side")
            self.sock.close()
            self.sock = None
            return
        self.data = data if self.udp else self.data + data
        while b"\r\n\r\n" in self.data.lstrip(b"\r\n"):
            head, _, rest = self.data.lstrip(b"\r\n").partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            headers = {
                name.strip().lower(): value.strip() for name, _, value in (one.partition(":") for one in lines[1:])
            }
            length = int(headers.get("content-length", 0))
            if len(rest) < length:
                return
            self.data = rest[length:]
            self.take(lines, headers)

    def take(self, lines: list[str], headers: dict[str, str]) -> None:
        """Act on a message."""
        method, code = lines[0].split()[:2]
        call = headers.get("call-id", "")
        if method == "SIP/2.0":
            self.answered(headers["cseq"].split()[1], int(code))
        elif method == "INVITE":
            if call in self.ringing:  # again, or by another contact of ours (RFC 3261 §8.2.2.2)
                again = self.ringing[call][1]["via"] == headers["via"]
                self.answer(lines, headers, "180 Ringing" if again else "482 Loop Detected")
                return
            self.ringing[call] = lines, headers
            say("call", call_id=call, state="early")
            self.answer(lines, headers, "180 Ringing")
            self.after(float(headers.get("x-ring", 0)), lambda: self.accept(call))
        elif method == "CANCEL":
            self.answer(lines, headers, "200 OK")
            if call in self.ringing:
                self.answer(*self.ringing.pop(call), "487 Request Terminated")
                say("call", call_id=call, state="disconnected")
        elif method == "ACK":
            say("call", call_id=call, state="confirmed")
        else:
            if method == "BYE":
                say("call", call_id=call, state="disconnected")
            self.answer(lines, headers, "200 OK")
            if method == "NOTIFY" and not self.subscribed:
                self.subscribed = True
                say("subscribed")

    def answered(self, method: str, code: int) -> None:
        """Take a final answer: after the first REGISTER comes SUBSCRIBE, if the account has that."""
        if method == "REGISTER" and code >= 200:
            say("registration", code=code)
            if code < 300 and not self.registered:
                self.registered = True
                say("registered")
            if "subscribe" in self.start["account"] and not self.subscribed:
                self.request("SUBSCRIBE", self.start["peer"], ["Event: presence", "Expires: 3600"])

    def accept(self, call: str) -> None:
        """Accept a call that still rings."""
        if call in self.ringing:
            say("call", call_id=call, state="connecting")
            self.answer(*self.ringing.pop(call), "200 OK", SDP)

    def answer(self, lines: list[str], headers: dict[str, str], status: str, body: str = "") -> None:
        """Answer a request."""
        copied = [line for line in lines[1:] if line.partition(":")[0].strip().lower() in COPIED]
        to = headers["to"] if ";tag=" in headers["to"] else f"{headers['to']};tag=phone"
        contact = f"Contact: <sip:{self.start['user']}@{self.local};transport={self.start['transport']}>"
        kind = ["Content-Type: application/sdp"] if body else []
        self.send([f"SIP/2.0 {status}", *copied, f"To: {to}", contact, *kind], body)


if __name__ == "__main__":
    phone = Phone(json.loads(sys.stdin.readline()), dict(option.split("=", 1) for option in sys.argv[1:]))
    say("ready")
    phone.come()
    phone.run()
