"""What a mitigation is, and the narrow view of a client that it gets.

A mitigation is one mechanism with its parameters: a frozen dataclass whose ``kind`` is its name in scenarios. One file
each; a file in this folder is found by being there (see ``lab.mitigations.catalogue``). They know nothing of each
other.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import ClassVar, Protocol


class TransportState(str, Enum):
    """What pjsip reports of a transport (``pjsip_transport_state``)."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    """Ended by the network or the other side; not reported when pjsip itself ends it."""
    SHUTDOWN = "shutdown"
    """No longer used for anything new; destroyed once nobody holds a reference."""
    DESTROYED = "destroyed"
    """Gone, and its handle with it; the only report of an end by the idle timer."""


class Client(Protocol):
    """What the pjsip client offers to mitigations.

    A transport is named by its handle, an opaque number, valid until the transport is destroyed and possibly used again
    for another afterwards. All callbacks come from pjsip's event loop, on its one thread.
    """

    def on_subscribed(self, callback: Callable[[], None]) -> None:
        """Call back once, when the client is set up and about to fall silent."""

    def on_transport(self, callback: Callable[[int, TransportState], None]) -> None:
        """Call back with (handle, state) whenever a connection changes state; UDP has none."""

    def every(self, interval: float, callback: Callable[[], None]) -> None:
        """Call back each ``interval`` seconds, on pjsip's own timer heap, the first time after one interval."""

    def send_options(self) -> None:
        """Send OPTIONS to the server outside any dialog; its answer appears in the record as ``options-answer``."""

    def add_transport_ref(self, handle: int) -> None:
        """``pjsip_transport_add_ref``: the transport's idle timer stops; appears in the record as ``ref``."""

    def release_transport_ref(self, handle: int) -> None:
        """``pjsip_transport_dec_ref``: must follow each add exactly once; a second one aborts the process."""


class Mitigation(Protocol):
    """One mechanism with its parameters; an instance may be attached to one client only."""

    kind: ClassVar[str]
    """Name in scenarios, kebab-case; the module has the same name in snake_case."""
    source: ClassVar[str]
    """Who recommends it: RFC section, issue, article."""

    def attach(self, client: Client) -> None:
        """Hook into the client, before it starts."""
