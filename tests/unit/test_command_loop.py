"""The loop of an actor: in which order it obeys."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

from lab.actors.command_loop import CommandLoop


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
