"""The loop of an actor: in which order it obeys, and how it ends."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest

from lab.actors.channel import Channel
from lab.actors.command_loop import CommandLoop
from lab.record.events import ServerReady


def obeyed(*commands: str) -> tuple[list[str], bool]:
    """In which order these are obeyed, and whether the end was in order; `long` takes some turns of the loop."""
    done: list[str] = []

    async def run() -> bool:
        ours, theirs = socket.socketpair()
        with ours, theirs:

            async def long(name: str) -> None:
                for _ in range(5):
                    await asyncio.sleep(0)
                done.append(name)

            def obey(command: dict[str, Any]) -> None:
                if command["do"] in ("long", "beside"):
                    loop.begin(long(command["do"]), first=command["do"] == "long")
                else:
                    done.append(command["do"])

            loop = CommandLoop(theirs, asyncio.get_running_loop(), doing="testing", obey=obey)
            ours.sendall(b"".join(json.dumps({"do": each}).encode() + b"\n" for each in commands))
            return await loop.run()

    return done, asyncio.run(run())


def test_what_comes_first_is_done_before_the_next() -> None:
    """Also before the end."""
    assert obeyed("long", "short", "long", "stop") == (["long", "short", "long"], True)


def test_what_is_done_beside_keeps_nobody() -> None:
    assert obeyed("beside", "short", "long", "stop") == (["short", "beside", "long"], True)


async def after_hanging_up(callback_raises: Exception | None) -> bool:
    """Close the runner's end; a callback tells it something before the loop sees that, or raises."""
    ours, runners = socket.socketpair()
    loop = asyncio.get_running_loop()
    commands = CommandLoop(ours, loop, doing="testing", obey=lambda command: None)

    def tell() -> None:
        if callback_raises is not None:
            raise callback_raises
        Channel(ours).emit(ServerReady(ports={}))

    runners.close()
    loop.call_soon(tell)
    with ours:
        return await commands.run()


def test_the_runner_is_gone() -> None:
    """That a callback meets it first is no defect of the actor."""
    assert asyncio.run(after_hanging_up(None)) is False


def test_a_defect() -> None:
    """Another connection's broken pipe is one, like anything else that a callback raises."""
    with pytest.raises(BrokenPipeError):
        asyncio.run(after_hanging_up(BrokenPipeError()))
