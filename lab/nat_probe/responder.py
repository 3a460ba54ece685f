#!/usr/bin/env python3
"""Answers a host that measures the NAT in front of it (``lab probe measure``). Runs on a host outside that NAT.

This one file needs Python 3.10 and nothing else: ``LAB_PROBE_SECRET=… python3 responder.py --address 203.0.113.10``.

Every request carries a MAC made with the secret. The responder never sends an address more bytes over UDP than it has
received from it (RFC 8085 §6: no amplification), and no session more than ``--rate`` datagrams a second.

Over TCP each side says one line: the responder a nonce, the client a request with a MAC over both. Over UDP a request
is ``LNP1``, a MAC, and JSON. A ``poke`` is what it sends later, unasked, to see whether that still gets in.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

VERSION = 1
PORT = 4787  # the number of the RFC whose questions it answers; STUN's ports may be in use by a STUN server
SIP_PORT = 5060
SECRET = "LAB_PROBE_SECRET"  # noqa: S105  (the name of the variable)

MAGIC, POKE, ANSWERED = b"LNP1", b"LNPP", b"!"
MAC_BYTES, WIRE = 16, 28  # the second: bytes of the IPv4 and UDP headers
LONGEST_DATAGRAM, MOST_BRACKETS = 4096, 500
MOST_SESSIONS, MOST_FLOWS, MOST_REQUESTS = 16, 5000, 200_000
WRONG_A_MINUTE = 10  # wrong secrets from one address
WATCHED_S = 5.0  # for this long after a poke the responder notes what comes of it
IDLE_SESSION_S = 3600.0  # beside the longest wait
TOKEN = re.compile(rb"z9hG4bKlab-([0-9a-f]{16})-([0-9a-f]{16})")

SENSELESS = (ValueError, LookupError, TypeError, AttributeError)
"""A request that raises one of these gets no answer."""

Address = tuple[str, int]


def loaded(text: bytes) -> Any:
    """Return JSON that nobody can have made deep; ValueError: it may be."""
    if text.count(b"[") + text.count(b"{") > MOST_BRACKETS:
        raise ValueError("too many brackets")
    return json.loads(text)


def mac(key: bytes, *parts: bytes) -> bytes:
    """Return the MAC of some bytes."""
    return hmac.new(key, b"|".join(parts), hashlib.sha256).digest()[:MAC_BYTES]


def sealed(key: bytes, body: dict[str, Any], *, least: int = 0) -> bytes:
    """Return a datagram of at least ``least`` bytes."""
    text = json.dumps(body, separators=(",", ":")).encode()
    text += b" " * (least - len(MAGIC) - MAC_BYTES - len(text))
    return MAGIC + mac(key, text) + text


def opened(data: bytes, key: bytes) -> dict[str, Any] | None:
    """Return the body of a datagram; None if it is not one made with this key."""
    text = data[len(MAGIC) + MAC_BYTES :]
    if not data.startswith(MAGIC) or not hmac.compare_digest(data[len(MAGIC) :][:MAC_BYTES], mac(key, text)):
        return None
    body = loaded(text)
    return body if isinstance(body, dict) else None


def signed(key: bytes, nonce: str, body: dict[str, Any]) -> bytes:
    """Return a line for a TCP connection that began with ``nonce``."""
    text = json.dumps(body, separators=(",", ":")).encode()
    return mac(key, nonce.encode(), text).hex().encode() + b" " + text + b"\n"


def session_key(secret: bytes, nonce: str, other: str) -> bytes:
    """Return the key of a session from both sides' nonces."""
    return hmac.new(secret, f"session|{nonce}|{other}".encode(), hashlib.sha256).digest()


class Session:
    """One measurement: its key, and what was seen of its flows."""

    def __init__(self, key: bytes, *, rate: float) -> None:
        self.key, self.rate = key, rate
        self.flows: dict[str, dict[str, Any]] = {}
        self.schedules: dict[str, asyncio.Task[None]] = {}
        self.credit: dict[Address, int] = {}
        self.numbers: set[int] = set()
        self.last = self._filled = time.monotonic()
        self._tokens = rate

    def may_send(self, size: int, to: Address) -> bool:
        """Take a datagram off the credit of an address and of the rate; return whether it may be sent."""
        now = time.monotonic()
        self._tokens = min(self.rate, self._tokens + (now - self._filled) * self.rate)
        self._filled = now
        if self.credit.get(to, 0) < size + WIRE or self._tokens < 1:
            return False
        self.credit[to] -= size + WIRE
        self._tokens -= 1
        return True

    def flow(self, name: str) -> dict[str, Any]:
        """Return the notes on a flow."""
        if name not in self.flows and len(self.flows) >= MOST_FLOWS:
            raise ValueError("too many flows")
        return self.flows.setdefault(name, {"sent": 0, "events": []})

    def drop(self, *names: str) -> None:
        """Forget flows, and what was to be sent on them."""
        for name in names:
            self.flows.pop(name, None)
            if (task := self.schedules.pop(name, None)) is not None:
                task.cancel()


class Responder:
    """Answers on up to four UDP endpoints (two addresses, two ports), a TCP port, and SIP's port."""

    def __init__(self, secret: bytes, *, rate: float, longest: float) -> None:
        self._secret, self._rate, self._longest = secret, rate, longest
        self._sessions: dict[str, Session] = {}
        self._wrong: dict[str, deque[float]] = {}
        self._endpoints: list[socket.socket] = []
        self._known: list[list[Any]] = []
        self._open: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._raw, self._sip, self._port = False, False, 0

    async def listen(self, address: str, second: str, *, port: int, sip: bool, raw: bool) -> None:
        """Open all sockets; OSError: an address that is not here, or a port in use."""
        self._port = port
        bound, _, shown = second.partition("=")
        for host, known in ((address, ""), *([(bound, shown or bound)] if second else [])):
            for number in (port, port + 1):
                self._endpoints.append(self._reading(_udp_socket(host, number), self._udp, len(self._endpoints)))
                self._known.append([known, number])
        self._servers.append(await asyncio.start_server(self._tcp, address, port, backlog=256))
        if sip:
            with suppress(OSError):  # in use: a session is told that SIP cannot be looked at
                self._servers.append(await asyncio.start_server(self._sip_tcp, address, SIP_PORT))
                self._reading(_udp_socket(address, SIP_PORT), lambda sock: self._arrived(sock.recv(LONGEST_DATAGRAM)))
                self._sip = True
        if raw:
            with suppress(PermissionError):  # only with CAP_NET_RAW
                self._reading(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP), self._segment)
                self._raw = True

    def _reading(self, sock: socket.socket, take: Callable[..., None], *about: int) -> socket.socket:
        sock.settimeout(0)
        self._open.append(sock)
        asyncio.get_running_loop().add_reader(sock, take, sock, *about)
        return sock

    def close(self) -> None:
        """Close what listens; sessions are forgotten."""
        for session in self._sessions.values():
            session.drop(*session.flows)
        for server in self._servers:
            server.close()
        for sock in self._open:
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()

    # -- UDP

    def _udp(self, sock: socket.socket, number: int) -> None:
        while True:
            try:
                data, source = sock.recvfrom(LONGEST_DATAGRAM)
            except (BlockingIOError, ConnectionError):
                return
            with suppress(*SENSELESS):
                self._request(number, data, source)

    def _request(self, number: int, data: bytes, source: Address) -> None:
        text = data[len(MAGIC) + MAC_BYTES :]
        session = self._sessions[loaded(text)["s"]]
        body = opened(data, session.key)
        if body is None or body["n"] in session.numbers or len(session.numbers) >= MOST_REQUESTS:
            return
        session.numbers.add(int(body["n"]))
        session.last = time.monotonic()
        session.credit[source] = session.credit.get(source, 0) + len(data) + WIRE
        if body["op"] == "where":
            self._answer(number, session, body, source)
        elif body["op"] == "idle":
            flow = session.flow(str(body["f"]))
            flow.update(at=source, sent=0, due=sum(copies for _, _, copies in body["pokes"]))
            if (before := session.schedules.get(body["f"])) is not None:
                before.cancel()
            session.schedules[body["f"]] = asyncio.ensure_future(self._pokes(number, session, body, source))
            if body.get("ack"):
                self._answer(number, session, body, source)

    def _answer(self, number: int, session: Session, body: dict[str, Any], source: Address) -> None:
        by = self._endpoints[int(body.get("by", number))]
        size = min(int(body.get("size", 0)), LONGEST_DATAGRAM)
        answer = sealed(session.key, {"n": body["n"], "at": source}, least=size)
        self._send(by, session, answer, source, body.get("ttl", 0))

    async def _pokes(self, number: int, session: Session, body: dict[str, Any], to: Address) -> None:
        begun = time.monotonic()
        for delay, ttl, copies in body["pokes"]:
            if not 0 <= delay <= self._longest:
                return
            for copy in range(copies):
                await asyncio.sleep(begun + delay + 0.15 * copy - time.monotonic())
                poke = POKE + bytes.fromhex(body["f"])
                if self._send(self._endpoints[number], session, poke, to, ttl):
                    session.flow(body["f"])["sent"] += 1

    @staticmethod
    def _send(sock: socket.socket, session: Session, data: bytes, to: Address, ttl: int) -> bool:
        if not session.may_send(len(data), to):
            return False
        try:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl or -1)  # -1: the default again
            sock.sendto(data, to)
        except OSError:
            return False
        return True

    # -- TCP

    async def _tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonce = secrets.token_hex(16)
        peer: Address = writer.get_extra_info("peername")[:2]
        try:
            writer.write(json.dumps({"lab-nat-probe": VERSION, "nonce": nonce}).encode() + b"\n")
            line = await asyncio.wait_for(reader.readline(), WATCHED_S)
            answer, key = self._asked(line, nonce, peer)
            writer.write(signed(key, nonce, answer))
            await writer.drain()
            if "flow" in answer:
                request = loaded(line.partition(b" ")[2])
                await self._flow(reader, writer, self._sessions[request["s"]].flow(request["f"]), request)
        except (OSError, asyncio.TimeoutError, asyncio.CancelledError, *SENSELESS):
            pass  # also at the end: Python 3.11 would print a traceback
        finally:
            with suppress(OSError, RuntimeError):
                writer.close()

    def _asked(self, line: bytes, nonce: str, peer: Address) -> tuple[dict[str, Any], bytes]:
        given, _, text = line.rstrip(b"\n").partition(b" ")
        request = loaded(text)
        if request.get("v") != VERSION:
            return {"error": "version", "version": VERSION}, b""
        wrong = self._wrong.setdefault(peer[0], deque(maxlen=WRONG_A_MINUTE))
        if len(wrong) == WRONG_A_MINUTE and time.monotonic() - wrong[0] < 60:
            return {"error": "too-many-wrong-secrets"}, b""
        session = self._sessions.get(str(request.get("s", "")))
        if request["op"] != "session" and session is None:
            return {"error": "no-such-session"}, b""
        key = self._secret if session is None else session.key
        if not hmac.compare_digest(given, mac(key, nonce.encode(), text).hex().encode()):
            wrong.append(time.monotonic())
            return {"error": "secret"}, b""
        if session is None:
            return self._begin(request, nonce, peer), key
        session.last = time.monotonic()
        if request["op"] == "flow":
            session.flow(request["f"])["at"] = peer
            return {"flow": request["f"]}, key
        notes = {name: session.flows.get(name) for name in request["flows"]}
        session.drop(*(request["flows"] if request["op"] == "drop" else ()))
        return {"flows": notes}, key

    def _begin(self, request: dict[str, Any], nonce: str, peer: Address) -> dict[str, Any]:
        now = time.monotonic()
        for name, session in list(self._sessions.items()):
            if now - session.last > self._longest + IDLE_SESSION_S:
                session.drop(*session.flows)
                del self._sessions[name]
        if len(self._sessions) >= MOST_SESSIONS:
            return {"error": "busy"}
        name = secrets.token_hex(8)
        self._sessions[name] = Session(session_key(self._secret, nonce, request["nonce"]), rate=self._rate)
        about = {"udp": self._known, "sip": self._sip, "raw": self._raw, "longest": self._longest}
        return {"s": name, "at": peer, **about}

    async def _flow(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flow: dict[str, Any], request: dict[str, Any]
    ) -> None:
        """Note what comes on a TCP flow; after its time poke it, and note what comes of that."""
        if request.get("half"):
            await reader.read(1)
        after = min(float(request["after"]), self._longest)
        noting: asyncio.Future[Any] = asyncio.ensure_future(
            asyncio.Event().wait() if request.get("half") else _note(reader, flow)
        )
        try:
            await asyncio.wait([noting], timeout=after)
            flow["found"] = [name for name, _ in flow["events"]]
            if request.get("poke", True) and not writer.is_closing():
                writer.write(ANSWERED)
                flow["sent"] = 1
            await asyncio.wait([noting], timeout=WATCHED_S)
        finally:
            noting.cancel()
            sock = writer.get_extra_info("socket")
            with suppress(OSError):  # already gone
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def _segment(self, raw: socket.socket) -> None:
        """Note data on a flow that comes from another port than before: of it the kernel knows no connection."""
        packet, (host, _) = raw.recvfrom(LONGEST_DATAGRAM)
        segment = packet[(packet[0] & 0xF) * 4 :]
        port, to = struct.unpack_from("!HH", segment)
        if to != self._port:
            return
        name = segment[(segment[12] >> 4) * 4 :][:16].decode("ascii", "replace")
        for session in self._sessions.values():
            flow = session.flows.get(name)
            if flow is not None and flow.get("at") != (host, port):
                flow["elsewhere"] = (host, port)

    # -- SIP

    async def _sip_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            self._arrived(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WATCHED_S))
        writer.close()

    def _arrived(self, message: bytes) -> None:
        """Keep a SIP request as it came, if a session announced it."""
        match = TOKEN.search(message)
        for session in self._sessions.values():
            if match and hmac.compare_digest(match[2], mac(session.key, b"sip", match[1]).hex()[:16].encode()):
                session.flow(match[1].decode())["sip"] = base64.b64encode(message).decode()


def _udp_socket(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, port))
    return sock


async def _note(reader: asyncio.StreamReader, flow: dict[str, Any]) -> None:
    """Note what comes on a flow until it ends."""
    begun, kind = time.monotonic(), "data"
    while kind == "data":
        try:
            kind = "data" if await reader.read(64) else "closed"
        except OSError as end:
            kind = "reset" if isinstance(end, ConnectionResetError) else "error"
        flow["events"].append([kind, time.monotonic() - begun])


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The helper outside for `lab probe measure`.")
    parser.add_argument("--address", default="0.0.0.0", help="address to listen at")  # noqa: S104  (for the open)
    parser.add_argument("--second-address", default="", metavar="ADDRESS[=PUBLIC]", help="another address of this host")
    parser.add_argument("--port", type=int, default=PORT, help=f"UDP and TCP, and UDP the next ({PORT})")
    parser.add_argument("--no-sip", action="store_true", help=f"leave port {SIP_PORT} alone")
    parser.add_argument("--no-raw", action="store_true", help="do not look at raw TCP segments, which takes root")
    parser.add_argument("--rate", type=float, default=100.0, help="datagrams a second to one client at most (100)")
    parser.add_argument("--longest", type=float, default=864000.0, help="seconds a flow may be idle (10 days)")
    return parser.parse_args(arguments)


async def _serve(told: argparse.Namespace, secret: str, on_ready: Callable[[], None]) -> None:
    responder = Responder(secret.encode(), rate=told.rate, longest=told.longest)
    await responder.listen(told.address, told.second_address, port=told.port, sip=not told.no_sip, raw=not told.no_raw)
    on_ready()
    await asyncio.Event().wait()


def main(arguments: list[str] | None = None, *, on_ready: Callable[[], None] | None = None) -> int:
    """Serve until interrupted; return the exit status."""
    told = _arguments(arguments)
    secret = os.environ.get(SECRET) or secrets.token_urlsafe(16)
    made = "" if os.environ.get(SECRET) else f"; on the other side set {SECRET}={secret}"
    ready = f"listening at {told.address}:{told.port} (UDP and TCP) and :{told.port + 1} (UDP){made}\n"
    try:
        asyncio.run(_serve(told, secret, on_ready or (lambda: (sys.stdout.write(ready), sys.stdout.flush())[1])))
    except OSError as problem:
        reason = os.strerror(problem.errno) if problem.errno else str(problem)
        sys.stderr.write(f"cannot listen: {reason}; see --address, --second-address and --port\n")
        return 3
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
