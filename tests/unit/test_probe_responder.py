"""The helper outside: who may use it, what it never does, and whose fault an error is. On the loopback interface."""

from __future__ import annotations

import ast
import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.nat_probe import profile, responder
from lab.nat_probe.bracket import Bracket
from lab.nat_probe.findings import Findings
from lab.nat_probe.measure import Limits, measure
from lab.nat_probe.responder import Responder
from lab.nat_probe.session import Inbox, ResponderError, ResponderSession, Unanswered, flow_name, is_poke
from tests.free_ports import free_port

HOST = "127.0.0.1"
PROGRAM = Path(responder.__file__)


@asynccontextmanager
async def serving(
    secret: str = "right", *, rate: float = 100.0, second: str = ""
) -> AsyncIterator[tuple[Responder, int]]:
    """A responder in this process, without SIP's port."""
    helper = Responder(secret.encode(), rate=rate, longest=100.0)
    port = free_port()
    await helper.listen(HOST, second, port=port, sip=False, raw=False)
    try:
        yield helper, port
    finally:
        helper.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A responder that does not watch flows for long after their end."""
    monkeypatch.setattr(responder, "WATCHED_S", 0.5)


def in_loop(test: Callable[[], Awaitable[None]]) -> None:
    """Run a coroutine, for ten seconds at most; then wait for what the responder does yet."""

    async def whole() -> None:
        await asyncio.wait_for(test(), 10)
        while rest := [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]:
            await asyncio.wait(rest)

    asyncio.run(whole())


def test_it_needs_nothing_but_python() -> None:
    """It imports the standard library only, and runs alone."""
    names = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(PROGRAM.read_text("utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert names <= sys.stdlib_module_names
    command = [sys.executable, "-I", "-S", str(PROGRAM), "--help"]
    assert "--second-address" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_port_in_use_is_said() -> None:
    """Status 3, and which options are about it."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-I", "-S", str(PROGRAM), "--address", HOST, "--port", port, "--no-sip"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr == "cannot listen: Address already in use; see --address, --second-address and --port\n"


def test_a_session() -> None:
    """It says who asks, from where; answers by other endpoints; pokes later; tells what it saw, and forgets it."""

    async def test() -> None:
        async with serving(second="127.0.0.2") as (_, port):
            session = ResponderSession(HOST, port, "right")
            await session.open()
            assert session.endpoints == [(HOST, port), (HOST, port + 1), ("127.0.0.2", port), ("127.0.0.2", port + 1)]
            with Inbox() as box:
                for by, endpoint in enumerate(session.endpoints):
                    answer = await session.where(box, by=by)
                    assert answer["at"] == [HOST, box.sock.getsockname()[1]]
                    assert answer["by"] == endpoint
                flow = flow_name()
                await session.idle(box, flow, [(0.2, 0, 2)], answered=True)
                assert is_poke((await box.next(1.0) or (b"", ""))[0], flow)
                assert is_poke((await box.next(1.0) or (b"", ""))[0], flow)
            assert ((await session.tell("drop", [flow]))[flow] or {})["sent"] == 2
            assert (await session.tell("seen", [flow]))[flow] is None

    in_loop(test)


def test_tcp_flows() -> None:
    """A byte comes after its time; what the client sent is noted."""

    async def test() -> None:
        async with serving() as (_, port):
            session = ResponderSession(HOST, port, "right")
            await session.open()
            poked, silent = flow_name(), flow_name()
            reader, writer = await session.flow(poked, after=0.2, half=True)
            assert await reader.read(1) == b"!"
            writer.close()
            _, writer = await session.flow(silent, after=0.3, poke=False)
            writer.write(b"x")
            await writer.drain()
            while not ((await session.tell("seen", [silent]))[silent] or {})["events"]:
                pass
            events = ((await session.tell("seen", [silent]))[silent] or {})["events"]
            assert [name for name, _ in events] == ["data"]
            writer.close()

    in_loop(test)


def raw(session: ResponderSession, to: tuple[str, int], body: dict[str, Any], key: bytes) -> bytes:
    """A request as the client sends it, with any key."""
    return responder.sealed(key, {"s": session._name, **body}, least=200)


def test_it_never_sends_more_than_it_got() -> None:
    """No answer is longer than the request, however long it was asked to be; pokes are paid for in advance."""

    async def test() -> None:
        async with serving() as (_, port):
            session = ResponderSession(HOST, port, "right")
            await session.open()
            with Inbox() as box:
                with pytest.raises(Unanswered):
                    await session.where(box, size=400, reply=401, tries=1)
                await session.where(box, size=400, reply=400)
            with Inbox() as box:
                body = {"op": "idle", "n": 10**6, "f": flow_name(), "pokes": [[0.0, 0, 50]]}
                request = raw(session, session.endpoints[0], body, session._key)
                box.sock.sendto(request, session.endpoints[0])
                came = 0
                while (datagram := await box.next(0.5)) is not None:
                    came += len(datagram[0]) + 28
                assert 0 < came <= len(request) + 28

    in_loop(test)


def test_who_has_no_key_gets_no_answer() -> None:
    """Garbage, another key, another session, and a request that is sent twice."""

    async def test() -> None:
        async with serving() as (_, port):
            session = ResponderSession(HOST, port, "right")
            await session.open()
            to = session.endpoints[0]
            good = raw(session, to, {"op": "where", "n": 10**6}, session._key)
            cases = [
                b"",
                b"LNP1",
                b"x" * 300,
                b"LNP1" + bytes(16) + b"[" * 4000,
                b"LNP1" + bytes(16) + b'{"s": 1}',
                raw(session, to, {"op": "where", "n": 10**6 + 1}, b"another key"),
                raw(session, to, {"op": "where"}, session._key),
                raw(session, to, {"op": "where", "n": 10**6 + 2, "by": 99}, session._key),
                raw(session, to, {"op": "idle", "n": 10**6 + 3, "f": 7, "pokes": 8}, session._key),
                good[:30] + b"X" + good[31:],
            ]
            with Inbox() as box:
                for case in cases:
                    box.sock.sendto(case, to)
                assert await box.next(0.5) is None
                box.sock.sendto(good, to)
                assert await box.next(1.0) is not None
                box.sock.sendto(good, to)
                assert await box.next(0.5) is None

    in_loop(test)


def test_the_rate_is_limited() -> None:
    """Of many requests at once only as many are answered as the rate allows."""

    async def test() -> None:
        async with serving(rate=5) as (_, port):
            session = ResponderSession(HOST, port, "right")
            await session.open()
            with Inbox() as box:
                for _ in range(50):
                    session.send(box.sock, session.endpoints[0], {"op": "where"})
                answers = 0
                while await box.next(0.1) is not None:
                    answers += 1
            assert 5 <= answers <= 8

    in_loop(test)


def test_wrong_secrets() -> None:
    """The client says that the secrets differ; after some, all are refused for a minute."""

    async def test() -> None:
        async with serving() as (_, port):
            for _ in range(responder.WRONG_A_MINUTE):
                with pytest.raises(ResponderError, match="it has another secret; set the same LAB_PROBE_SECRET"):
                    await ResponderSession(HOST, port, "wrong").open()
            with pytest.raises(ResponderError, match="too many wrong secrets"):
                await ResponderSession(HOST, port, "right").open()

    in_loop(test)


def test_a_responder_that_does_not_know_the_secret_is_found_out() -> None:
    """It cannot sign its answer, so the client does not believe it."""

    async def impostor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps({"lab-nat-probe": responder.VERSION, "nonce": "1"}).encode() + b"\n")
        await reader.readline()
        writer.write(responder.signed(b"guess", "1", {"s": "1", "at": ["1.2.3.4", 5], "udp": []}))
        writer.close()
        await writer.wait_closed()

    async def test() -> None:
        server = await asyncio.start_server(impostor, HOST, 0)
        with pytest.raises(ResponderError, match="another secret"):
            await ResponderSession(HOST, server.sockets[0].getsockname()[1], "right").open()
        server.close()

    in_loop(test)


@pytest.mark.parametrize(
    ("greeting", "said"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "is not a responder of `lab probe serve`"),
        (b"", "is not a responder"),
        (b"{}\n", "is not a responder"),
        (b"[" * 5000 + b"\n", "is not a responder"),
        (b'{"lab-nat-probe": 99, "nonce": "1"}\n', "speaks version 99, this lab version 1; copy its program anew"),
        (b'{"lab-nat-probe": 1, "nonce": "1"}\n', "ended the conversation"),
        (b'{"lab-nat-probe": 1, "nonce": "1"}\n00 {"error": "version", "version": 2}\n', "speaks version 2"),
        (b'{"lab-nat-probe": 1, "nonce": "1"}\n00 {"error": "busy"}\n', "it has as many sessions as it takes"),
        (b'{"lab-nat-probe": 1, "nonce": "1"}\n00 {"error": "\\u001b[31m"}\n', r"\\x1b"),
    ],
    ids=["ssh", "silent", "no nonce", "deep", "newer", "ends", "newer answer", "busy", "control characters"],
)
def test_whose_fault_it_is(greeting: bytes, said: str) -> None:
    """What is at HOST is not the responder, or another version of it; control characters are made visible."""

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.write_eof()
        await reader.read()
        writer.close()

    async def test() -> None:
        server = await asyncio.start_server(other, HOST, 0)
        with pytest.raises(ResponderError, match=said):
            await ResponderSession(HOST, server.sockets[0].getsockname()[1], "right").open()
        server.close()

    in_loop(test)


def test_nobody_listens() -> None:
    """The host refuses: the responder is not started."""

    async def test() -> None:
        with pytest.raises(ResponderError, match="refuses TCP connections; start `lab probe serve` there"):
            await ResponderSession(HOST, free_port(), "right").open()

    in_loop(test)


def test_no_such_host() -> None:
    """A name without an address."""

    async def test() -> None:
        with pytest.raises(ResponderError, match="cannot be reached"):
            await ResponderSession("no-such-host.invalid", 1, "right").open()

    in_loop(test)


def test_udp_that_does_not_get_through(tmp_path: Path) -> None:
    """Then TCP is measured alone, and the advice says why."""

    async def test() -> None:
        async with serving() as (helper, port):
            for sock in helper._endpoints:
                asyncio.get_running_loop().remove_reader(sock)
            session = ResponderSession(HOST, port, "right")
            await session.open()
            kept = Findings(tmp_path / "state.json", HOST)
            await measure(session, kept, Limits(longest=1.0), Silent())
            assert set(kept.facts) == {"untranslated", "udp", "sip-alg"}
            assert kept.facts["udp"] is False
            assert set(kept.brackets) == {"tcp-established", "tcp-half-closed"}
            assert kept.brackets["tcp-established"].beyond
            assert profile.advice(kept)[0] == "UDP does not get through: use TCP or TLS."

    in_loop(test)


class Silent:
    """News that nobody wants."""

    def answer(self, question: str, fact: Any) -> None:
        """Take an answer."""

    def timer(self, question: str, bracket: Bracket) -> None:
        """Take what is known of a timer."""
