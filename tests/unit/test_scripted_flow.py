"""One connection of the scripted server: what it reads when its peer sends without end, and when it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest

from lab.servers.scripted.flows import MOST_AT_ONCE, StreamFlow
from lab.sip.message import Request

PING = b"\r\n\r\n"
REQUEST = b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP x;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n"


class Socket(asyncio.Transport):
    """What asyncio gives a flow; keeps what is done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = True
        self.closing = False
        self.written: list[bytes] = []

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: Any) -> None:
        assert not self.closing, "asyncio would complain on standard error"
        self.written.append(data)

    def close(self) -> None:
        self.closing = True


class Owner:
    """Whom the flow reports to."""

    def __init__(self) -> None:
        self.received: list[Any] = []
        self.on_received: Callable[[], object] = lambda: None

    def flow_opened(self, flow: Any) -> None: ...

    def flow_reached(self, flow: Any, state: str) -> None: ...

    def flow_ready(self, flow: Any) -> None: ...

    def flow_received(self, flow: Any, item: Any) -> None:  # noqa: ARG002
        self.received.append(item)
        self.on_received()

    def message_passed(self, flow: Any, way: str, data: bytes, at: float) -> None: ...

    def flow_ended(self, flow: Any, state: str, reason: str) -> None: ...


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def sock() -> Socket:
    return Socket()


def in_loop(test: Callable[[Owner, Socket], Coroutine[Any, Any, None]]) -> Callable[[Owner, Socket], None]:
    """Run a test in an event loop of its own."""

    @wraps(test)
    def run(owner: Owner, sock: Socket) -> None:
        asyncio.run(test(owner, sock))

    return run


def connected(owner: Owner, sock: Socket) -> StreamFlow:
    flow = StreamFlow(owner, "tcp", "127.0.0.1", peer=("127.0.0.1", 1))
    flow.connection_made(sock)
    return flow


@in_loop
async def test_others_have_their_turn(owner: Owner, sock: Socket) -> None:
    """Of many requests that are read at once, some are acted on before what else is due; none is lost."""
    flow = connected(owner, sock)
    turns: list[int] = []
    asyncio.get_running_loop().call_soon(lambda: turns.append(len(owner.received)))
    flow.data_received(REQUEST * 100)
    assert (len(owner.received), sock.reads) == (MOST_AT_ONCE, False)
    for _ in range(100 // MOST_AT_ONCE):
        await asyncio.sleep(0)
    assert sock.reads
    assert turns == [MOST_AT_ONCE]
    assert len(owner.received) == 100
    assert all(isinstance(item, Request) for item in owner.received)


@in_loop
async def test_a_peer_that_does_not_read_is_not_read(owner: Owner, sock: Socket) -> None:
    """Nor is anything of what was read acted on before the peer reads again."""
    flow = connected(owner, sock)
    owner.on_received = lambda: flow.pause_writing() if len(owner.received) == 3 else None
    flow.data_received(REQUEST * 10)
    await asyncio.sleep(0)
    assert (len(owner.received), sock.reads) == (3, False)
    flow.resume_writing()
    assert (len(owner.received), sock.reads) == (10, True)


@in_loop
async def test_what_comes_while_it_waits_is_kept(owner: Owner, sock: Socket) -> None:
    flow = connected(owner, sock)
    flow.data_received(REQUEST * (MOST_AT_ONCE + 1) + REQUEST[:20])
    flow.data_received(REQUEST[20:])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (len(owner.received), sock.reads) == (MOST_AT_ONCE + 2, True)


@in_loop
async def test_nothing_is_written_after_a_reset(owner: Owner, sock: Socket) -> None:
    """Which asyncio knows before it tells: it would write to standard error instead."""
    flow = connected(owner, sock)
    flow.send(PING)
    sock.closing = True
    flow.send(PING)
    assert sock.written == [PING]


@in_loop
async def test_nothing_is_acted_on_after_the_end(owner: Owner, sock: Socket) -> None:
    flow = connected(owner, sock)
    flow.data_received(REQUEST * 40)
    flow.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(owner.received) == MOST_AT_ONCE
