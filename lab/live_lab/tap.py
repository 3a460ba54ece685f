"""Captures what passes a link of a lab that is up, live, with the keys of its TLS connections."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lab.actors.capture import Capture
from lab.live_lab.control import Talk
from lab.live_lab.node_command import enter
from lab.live_lab.registry import Entry
from lab.record.events import Event, Packet

KEYS = "tls.keys"
"""In the cell's folder: the key log of the server's TLS connections."""


@dataclass(slots=True)
class _NewKeys:
    """Reads the lines that a key log has got since the last time."""

    path: Path
    read: int = 0

    def __call__(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(self.read)
                whole = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return b""
        lines = whole[0] + whole[1]
        self.read += len(lines)
        return lines


def tap(lab: Entry, link: str, into: Path | BinaryIO, show: Callable[[float, Packet], None]) -> None:
    """Capture until SIGINT or SIGTERM, the end of the lab, or of whoever reads the file.

    The end of the link is that at the node which the topology names first.

    Args:
        lab: which is up.
        link: a link of it.
        into: the pcapng file, or an open one.
        show: given each IPv4 packet, and when it passed (CLOCK_MONOTONIC).

    Raises:
        LabError: the lab does not answer.
    """
    here, there = lab.links[link]
    with closing(Talk(lab, "enter", node=here)) as talk:
        user, network = talk.descriptors[0], talk.descriptors[-1]
        enter((user, network))

        def emit(event: Event, *, at: float | None = None) -> None:
            assert isinstance(event, Packet)
            assert at is not None
            show(at, event)

        capture = Capture(
            link, here=here, there=there, namespace=network, path=into, emit=emit, new_keys=_NewKeys(lab.folder / KEYS)
        )
        asyncio.run(_until_the_end(capture, talk))


async def _until_the_end(capture: Capture, talk: Talk) -> None:
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()

    def end() -> None:
        if not over.done():
            over.set_result(None)

    def failed(_: object, context: dict[str, object]) -> None:
        if not over.done():
            error = context.get("exception")
            over.set_exception(error if isinstance(error, Exception) else RuntimeError(context["message"]))

    loop.set_exception_handler(failed)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    loop.add_reader(talk.sock, end)  # the lab says nothing more: it has ended
    capture.watch()
    try:
        await over
    except BrokenPipeError:
        return  # whoever read it has ended, and there is nothing to close
    finally:
        loop.remove_reader(talk.sock)
    capture.close()
