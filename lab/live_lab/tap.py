"""Captures what passes a link of a lab that is up, live, with the keys of its TLS connections."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO

from lab.actors.capture import Capture
from lab.live_lab.control import Talk, ask
from lab.live_lab.node_command import enter
from lab.live_lab.registry import Entry
from lab.pcapng import Frame, Interface, PcapNg, frames
from lab.record.events import Event, Packet

KEYS = "tls.keys"
"""In the cell's folder: the key log of the server's TLS connections."""


class LiveFile(PcapNg):
    """A file with the lines of a key log that grows: each stands before the first frame that may need it.

    Args:
        file: open.
        interface: where frames are seen.
        keys: the key log.
    """

    def __init__(self, file: BinaryIO, interface: Interface, keys: Path) -> None:
        super().__init__(file, [interface])
        self._keys = keys
        self._read = 0
        self._last = 0

    def begin_with(self, earlier: Sequence[Frame]) -> None:
        """Write frames that passed before; what is written later is newer."""
        for frame in earlier:
            self.write(frame)
        self._last = max((frame.at for frame in earlier), default=0)

    def write(self, frame: Frame) -> None:
        """Add a frame, unless it is one of the earlier ones."""
        if frame.at > self._last:
            if keys := self._new_keys():
                self.add_keys(keys)
            super().write(frame)

    def _new_keys(self) -> bytes:
        try:
            with self._keys.open("rb") as file:
                file.seek(self._read)
                lines = b"".join(file.read().rpartition(b"\n")[:2])
        except FileNotFoundError:
            return b""
        self._read += len(lines)
        return lines


def tap(lab: Entry, link: str, file: BinaryIO, *, from_start: bool, show: Callable[[float, Packet], None]) -> None:
    """Capture until SIGINT or SIGTERM, the end of the lab, or of whoever reads the file.

    The end of the link is that at the node which the topology names first.

    Args:
        lab: which is up.
        link: a link of it.
        file: where the capture goes.
        from_start: whether it begins with what has passed since the lab is up.
        show: given each IPv4 packet from now on, and when it passed (CLOCK_MONOTONIC).

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

        into = LiveFile(file, Interface(link=link, here=here, there=there), lab.folder / KEYS)
        capture = Capture(link, here=here, there=there, namespace=network, file=into, emit=emit)
        if from_start:
            ask(lab, "status")  # it has written by now what passed before it answered
            into.begin_with(list(frames(lab.folder / f"{link}.pcapng")))
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
    with suppress(BrokenPipeError):  # whoever reads the file has ended
        try:
            await over
        finally:
            loop.remove_reader(talk.sock)
        capture.close()
