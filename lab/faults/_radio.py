"""Plays the radio of a phone: it sleeps when nothing has passed for a time, and must be paged for what comes then."""

from __future__ import annotations

import asyncio

from lab.faults.base import RunningCell
from lab.network.paging import Paging
from lab.network.plan import interface
from lab.record.events import SENTINEL_PORT


class Radio:
    """The radio of the client's device.

    It is connected at first. While it sleeps, the nodes at the far ends of the client's links hold back what is for
    the client; the first such packet pages it. What the client sends wakes it at once.

    Args:
        cell: the running cell.
        tail: for how many seconds after the last packet it stays connected.
        paging: how many seconds it takes from the first packet that waits until packets pass.
    """

    def __init__(self, cell: RunningCell, *, tail: float, paging: float) -> None:
        self._cell = cell
        self._tail = tail
        self._paging_s = paging
        self._loop = asyncio.get_running_loop()
        self._idle = False
        self._wakes: asyncio.TimerHandle | None = None
        self._links = [self._far_end(link.name) for link in cell.cell.topology.client_links()]
        for link in self._links:
            self._loop.add_reader(link.sock.fileno(), link.readable)
        self._sleeps = self._loop.call_later(tail, self._sleep)
        self._forget = cell.watch_client_packets(self._hears)

    def _far_end(self, name: str) -> Paging:
        topology = self._cell.cell.topology
        link = topology.link(name)
        ends = dict(link.ends)
        (far,) = (node for node in ends if node != self._cell.client_node)
        return Paging(
            interface(link),
            ends[self._cell.client_node].ip,
            namespace=self._cell.namespaces[far],
            spared=SENTINEL_PORT,
            waits=self._page,
        )

    def _hears(self, _: float) -> None:
        """Stay connected, or wake for what the client has sent."""
        if self._idle:
            self._connect()
        else:
            self._sleeps.cancel()
            self._sleeps = self._loop.call_later(self._tail, self._sleep)

    def _sleep(self) -> None:
        self._idle = True
        for link in self._links:
            link.hold()
        self._cell.note_radio("idle")

    def _page(self) -> None:
        if self._idle and self._wakes is None:
            self._cell.note_radio("paged")
            self._wakes = self._loop.call_later(self._paging_s, self._connect)

    def _connect(self) -> None:
        if self._wakes is not None:
            self._wakes.cancel()
            self._wakes = None
        self._idle = False
        self._cell.note_radio("connected")  # before what it lets pass
        for link in self._links:
            link.release()
        self._sleeps = self._loop.call_later(self._tail, self._sleep)

    def end(self) -> None:
        """Stay connected from now on."""
        self._forget()
        self._sleeps.cancel()
        if self._wakes is not None:
            self._wakes.cancel()
        if self._idle:
            self._cell.note_radio("connected")
        for link in self._links:
            self._loop.remove_reader(link.sock.fileno())
            link.close()
