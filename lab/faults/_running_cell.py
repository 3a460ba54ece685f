"""Defines the view of a running cell that a fault has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from lab.model.endpoint import Endpoint
from lab.model.push import PushPriority
from lab.model.scenario import Cell
from lab.record.events import ClientAddresses, Obeyed
from lab.record.flows import Flow

TakesPush = Callable[[PushPriority], bool]
"""Is asked when a push of this priority has reached the client's device. True: the app gets it now, and whoever is
asked has woken it, or started it, if need be. False: it waits on the device."""


class PushWatch(Protocol):
    """One who decides what becomes of pushes on the client's device."""

    def offer_again(self) -> None:
        """Ask again about the pushes that wait, as when a window opens."""

    def end(self) -> None:
        """Decide no more; the pushes that wait are offered again to those who are left."""


class RunningCell(Protocol):
    """The running cell, as far as a fault may see it and act on it."""

    @property
    def cell(self) -> Cell:
        """The cell that runs."""

    @property
    def namespaces(self) -> Mapping[str, int]:
        """A descriptor of each node's network namespace, by the node's name."""

    @property
    def client_node(self) -> str:
        """The name of the client's node."""

    @property
    def server_node(self) -> str:
        """The name of the server's node."""

    @property
    def server_endpoint(self) -> Endpoint:
        """The server's own endpoint."""

    @property
    def server_name(self) -> str:
        """The name that the server's certificate is for, and by which a client may know it."""

    @property
    def certificates(self) -> Path:
        """The folder of the run's certificates."""

    def current_flow(self) -> Flow | None:
        """Return the client's current flow; None if no flow of it lives."""

    def next_sequence_number(self, link: str, source: Endpoint, target: Endpoint) -> int | None:
        """Return what the next TCP segment of ``source`` begins with, as seen on a link; None if none was seen."""

    async def ask_server(self, do: str, **fields: Any) -> Obeyed:
        """Tell the server to do something, and wait until it has done it.

        Raises:
            LabFault: it did not obey at once.
        """

    def tell_server(self, do: str, **fields: Any) -> None:
        """Tell the server to do something, and do not wait."""

    async def ask_name_server(self, do: str, **fields: Any) -> Obeyed:
        """Tell the name server to do something, and wait until it has done it.

        Raises:
            LabFault: it did not obey at once.
        """

    def tell_name_server(self, do: str, **fields: Any) -> None:
        """Tell the name server to do something, and do not wait."""

    async def freeze_server(self) -> bool:
        """Stop the server's process where it stands; return whether the kernel says that it is stopped.

        What the server has been asked to do before, it does first.
        """

    def thaw_server(self) -> None:
        """Let the server's process go on."""

    def suspend_client(self) -> bool:
        """Stop the client's process where it stands; return whether the kernel says that it is stopped."""

    def resume_client(self) -> None:
        """Let the client's process go on."""

    def kill_client(self) -> int:
        """Kill the client's process; return its exit status (negative: the signal that ended it)."""

    def start_client_again(self) -> None:
        """Start the client's program anew and let it set up its account. It knows nothing of its former life."""

    def block_client(self) -> int:
        """Take the network from the client, but not from the sentinel beside it; return how many rules are in place."""

    def unblock_client(self) -> int:
        """Give it back; return how many packets the rules have refused and dropped."""

    def watch_data_for_client(self, hears: Callable[[float], None]) -> Callable[[], None]:
        """Call ``hears`` with the time of each packet with data that reaches the client; return how to stop that.

        The time is CLOCK_MONOTONIC, in seconds. What the sentinel sends does not count.
        """

    def watch_client_packets(self, hears: Callable[[float], None]) -> Callable[[], None]:
        """Call ``hears`` with the time of each packet on the client's links, either way; return how to stop that.

        Likewise; what the sentinel sends and is sent does not count.
        """

    def note_radio(self, state: Literal["idle", "paged", "connected"]) -> None:
        """Write into the record in which state the radio of the client's device is now."""

    def watch_pushes(self, takes: TakesPush) -> PushWatch:
        """Call ``takes`` with the priority of each push message that reaches the client's device.

        The app gets a push at once if all who watch say so; else it waits until one of them offers it again. When it
        gets it, the record has ``push-delivered``, and the client program is told ``push``.
        """

    def in_call(self) -> bool:
        """Return whether the client has a call, as the server sees it: it rings, talks, or is about to end."""

    def note_addresses(self, addresses: ClientAddresses, at: float) -> None:
        """Write into the record which addresses the client's node has from a moment on (CLOCK_MONOTONIC seconds)."""

    def send_ip_changed(self) -> None:
        """Tell the client program that its address has changed; wait for nothing."""

    async def tell_client_ip_changed(self) -> None:
        """Tell the client program that its address has changed, and wait until it has taken note.

        A client that stands still hears of it when it goes on; nobody waits for that.

        Raises:
            LabFault: the lab's own client did not take note.
        """
