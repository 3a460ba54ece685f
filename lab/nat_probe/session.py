"""Talks to the responder: requests over TCP and UDP, each with a MAC (see ``lab.nat_probe.responder``)."""

from __future__ import annotations

import asyncio
import errno
import itertools
import secrets
import socket
import time
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from lab.errors import HostNotCapable, LabError
from lab.nat_probe.responder import (
    MAC_BYTES,
    POKE,
    VERSION,
    WIRE,
    Address,
    loaded,
    mac,
    opened,
    sealed,
    session_key,
    signed,
)
from lab.visible_text import visible

if TYPE_CHECKING:
    from typing_extensions import Self

ANSWERS_WITHIN_S = 1.0
"""A round trip on the Internet is shorter, but for satellites."""
TRIES = 4
CONNECTS_WITHIN_S = 8.0  # two retransmitted SYN: Linux sends them after 1 s and 3 s (RFC 6298 §2)
PAUSE_S = 0.02
"""Between new flows, so that a middlebox that limits their rate does not."""
LEAST_REQUEST = 200
"""Bytes: no answer without `size` is longer."""


class ResponderError(LabError):
    """The responder cannot be used; the message names whose fault that is."""

    exit_code = 3
    side = "responder"


class Unanswered(Exception):
    """No datagram came back, however often it was asked."""


class Inbox:
    """A UDP socket with what has come in; used in a ``with`` block.

    Attributes:
        sock: it, bound to a port.
    """

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.settimeout(0)
        self.sock.bind(("", 0))
        self._loop = asyncio.get_running_loop()
        self._came: deque[tuple[bytes, Address]] = deque()
        self._ready = asyncio.Event()
        self._loop.add_reader(self.sock, self._read)

    def _read(self) -> None:
        try:
            self._came.append(self.sock.recvfrom(65536))
        except OSError:  # nothing, or an ICMP error
            return
        self._ready.set()

    async def next(self, within: float) -> tuple[bytes, Address] | None:
        """Return the next datagram and its source; None if none comes in time."""
        if not self._came:
            self._ready.clear()
            try:
                await asyncio.wait_for(self._ready.wait(), within)
            except asyncio.TimeoutError:
                return None
        return self._came.popleft()

    def close(self) -> None:
        """Close the socket."""
        self._loop.remove_reader(self.sock)
        self.sock.close()

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        """Close the socket."""
        self.close()


class ResponderSession:
    """A session with the responder.

    Attributes:
        host, port: where it is.
        local: the address of this host towards it.
        external: the address that the responder saw.
        endpoints: its UDP endpoints: the first address with two ports, then the second if it has one.
        has_sip, has_raw: whether it listens at SIP's port, and whether it sees segments of unknown connections.
        longest: seconds for which it lets a flow be idle.
    """

    def __init__(self, host: str, port: int, secret: str) -> None:
        self.host, self.port, self._secret = host, port, secret.encode()
        self._numbers = itertools.count()
        self._gate = asyncio.Lock()
        self.local = self.external = ""
        self.endpoints: list[Address] = []
        self.has_sip = self.has_raw = False
        self.longest = 0.0

    async def open(self) -> None:
        """Begin a session.

        Raises:
            ResponderError: it cannot be reached, is something else, has another version, or another secret.
        """
        self._key, self._name = self._secret, ""
        nonce = secrets.token_hex(16)
        reader, writer, theirs = await self._connected()
        self.local = writer.get_extra_info("sockname")[0]
        peer = writer.get_extra_info("peername")[0]
        try:
            told = await self._said(reader, writer, theirs, {"op": "session", "nonce": nonce})
        finally:
            writer.close()
        self._key, self._name = session_key(self._secret, theirs, nonce), told["s"]
        self.endpoints = [(known or peer, port) for known, port in told["udp"]]
        self.external, self.has_sip, self.has_raw = told["at"][0], told["sip"], told["raw"]
        self.longest = float(told["longest"])

    def token(self, flow: str) -> str:
        """Return the branch of a SIP request that the responder keeps."""
        return f"z9hG4bKlab-{flow}-{mac(self._key, b'sip', flow.encode()).hex()[:16]}"

    # -- TCP

    async def tell(self, op: str, flows: Iterable[str]) -> dict[str, dict[str, Any] | None]:
        """Ask what was seen of some flows (``seen``), or have them forgotten after that (``drop``)."""
        reader, writer, nonce = await self._connected()
        try:
            told = await self._said(reader, writer, nonce, {"op": op, "flows": list(flows)})
        finally:
            writer.close()
        return dict(told["flows"])

    async def flow(
        self, name: str, *, after: float, half: bool = False, poke: bool = True
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a TCP flow on which the responder sends a byte after some seconds."""
        reader, writer, nonce = await self._connected()
        try:
            body = {"op": "flow", "f": name, "after": after, "half": half, "poke": poke}
            await self._said(reader, writer, nonce, body)
        except BaseException:
            writer.close()
            raise
        if half:
            writer.write_eof()
        return reader, writer

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
        await self.pace()
        where = f"{visible(self.host)}:{self.port}"
        try:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(self.host, self.port, family=socket.AF_INET),
                CONNECTS_WITHIN_S,
            )
        except asyncio.TimeoutError:
            raise ResponderError(
                f"{where} does not answer; is the address right, and does its firewall let TCP port {self.port} in?"
            ) from None
        except ConnectionRefusedError:
            raise ResponderError(f"{where} refuses TCP connections; start `lab probe serve` there") from None
        except OSError as problem:
            if problem.errno == errno.EMFILE:
                raise HostNotCapable("too many open files", fix="raise `ulimit -n`") from None
            raise ResponderError(f"{where} cannot be reached: {visible(problem.strerror or str(problem))}") from None
        try:
            greeting = loaded(await asyncio.wait_for(reader.readline(), CONNECTS_WITHIN_S))
            version, nonce = greeting["lab-nat-probe"], str(greeting["nonce"])
        except (OSError, ValueError, LookupError, TypeError, asyncio.TimeoutError):
            writer.close()
            raise ResponderError(
                f"{where} is not a responder of `lab probe serve`, or a middlebox answers for it"
            ) from None
        if version != VERSION:
            writer.close()
            raise ResponderError(_versions(where, version))
        return reader, writer, nonce

    async def _said(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nonce: str, body: dict[str, Any]
    ) -> dict[str, Any]:
        """Send a request on a new connection and return the answer."""
        where = f"{visible(self.host)}:{self.port}"
        try:
            writer.write(signed(self._key, nonce, {"v": VERSION, "s": self._name, **body}))
            line = (await asyncio.wait_for(reader.readline(), CONNECTS_WITHIN_S)).rstrip(b"\n")
            given, _, text = line.partition(b" ")
            told: dict[str, Any] = loaded(text)
            problem = told.get("error")
        except (OSError, ValueError, AttributeError, asyncio.TimeoutError):
            raise ResponderError(f"{where} ended the conversation; its log may say why") from None
        if problem == "version":
            raise ResponderError(_versions(where, told.get("version")))
        if problem:
            raise ResponderError(f"{where}: {_REFUSALS.get(problem, visible(str(problem)))}")
        if given != mac(self._key, nonce.encode(), text).hex().encode():
            raise ResponderError(f"{where}: {_REFUSALS['secret']}")
        return told

    async def pace(self) -> None:
        """Wait until another flow may begin."""
        async with self._gate:
            await asyncio.sleep(PAUSE_S)

    # -- UDP

    async def where(
        self,
        box: Inbox,
        to: int = 0,
        *,
        by: int | None = None,
        size: int = 0,
        reply: int = 0,
        ttl: int = 0,
        back: int = 0,
        tries: int = TRIES,
    ) -> dict[str, Any]:
        """Ask from where a datagram comes out.

        Args:
            box: sends it.
            to: number of the endpoint.
            by: number of the endpoint that is to answer.
            size: bytes of the request at least; and of the answer, if ``reply`` says so.
            reply: bytes of the answer at least.
            ttl: hops that the request may travel; 0: enough.
            back: the same for the answer.
            tries: how often to ask.

        Raises:
            Unanswered: nothing came back.
        """
        body = {"op": "where", "size": reply, "ttl": back, **({} if by is None else {"by": by})}
        for _ in range(tries):
            number = self.send(box.sock, self.endpoints[to], body, least=size, ttl=ttl)
            if (answer := await self._answer(box, number)) is not None:
                return answer
        raise Unanswered

    async def idle(
        self, box: Inbox, flow: str, pokes: list[tuple[float, int, int]], *, answered: bool
    ) -> Address | None:
        """Have pokes sent to where a datagram comes out: seconds, hops (0: enough), copies; return where, if answered.

        Raises:
            Unanswered: nothing came back, though that was asked for.
        """
        owed = sum(copies for _, _, copies in pokes) * (len(POKE) + 8 + WIRE) + (LEAST_REQUEST + WIRE) * answered
        body = {"op": "idle", "f": flow, "pokes": pokes, "ack": answered}
        for _ in range(TRIES if answered else 1):
            number = self.send(box.sock, self.endpoints[0], body, least=owed)
            if not answered:
                return None
            if (answer := await self._answer(box, number)) is not None:
                host, port = answer["at"]
                return host, port
        raise Unanswered

    def send(self, sock: socket.socket, to: Address, body: dict[str, Any], *, least: int = 0, ttl: int = 0) -> int:
        """Send a request; return its number."""
        number = next(self._numbers)
        data = sealed(self._key, {"s": self._name, "n": number, **body}, least=max(LEAST_REQUEST, least))
        if ttl:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        try:
            sock.sendto(data, to)
        except OSError:  # an earlier ICMP error, or no route now: it is as good as lost
            pass
        finally:
            if ttl:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 64)  # RFC 1700's default
        return number

    async def _answer(self, box: Inbox, number: int) -> dict[str, Any] | None:
        until = time.monotonic() + ANSWERS_WITHIN_S
        while (left := until - time.monotonic()) > 0 and (came := await box.next(left)) is not None:
            try:
                body = opened(came[0], self._key)
            except ValueError:
                continue
            if body is not None and body.get("n") == number:
                return {**body, "by": came[1]}
        return None


_REFUSALS = {
    "secret": "it has another secret; set the same LAB_PROBE_SECRET on both sides",
    "too-many-wrong-secrets": "it had too many wrong secrets from this address; wait a minute",
    "busy": "it has as many sessions as it takes; wait, or start another on another port",
    "no-such-session": "it was restarted, and has forgotten this session; start again, and what is measured is kept",
}


def _versions(where: str, theirs: object) -> str:
    return (
        f"{where} speaks version {visible(str(theirs))}, this lab version {VERSION}; copy its program anew:"
        " `lab probe serve --print`"
    )


def flow_name() -> str:
    """Return a new name of a flow, 16 hexadecimal digits."""
    return secrets.token_hex(MAC_BYTES // 2)


def is_poke(data: bytes, flow: str) -> bool:
    """Return whether a datagram is the poke of a flow."""
    return data == POKE + bytes.fromhex(flow)
