"""What a mitigation is, and the narrow view of a client that it gets.

A mitigation is one mechanism with its parameters: a frozen dataclass whose ``kind`` is its name in scenarios. One file
each; a file in this folder is found by being there (see ``lab.mitigations.catalogue``). They know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol


class Client(Protocol):
    """What the pjsip client offers to mitigations. All callbacks run on pjsip's own thread, from its event loop."""

    def on_subscribed(self, callback: Callable[[], None]) -> None:
        """Call back once, when the client is set up and about to fall silent."""

    def on_transport(self, callback: Callable[[int, str], None]) -> None:
        """Call back at each transport state: (handle, ``connected`` | ``disconnected`` | ``shutdown`` | ``destroyed``)."""

    def every(self, interval: float, callback: Callable[[], None]) -> None:
        """Call back each ``interval`` seconds, on pjsip's own timer heap, the first time after one interval."""

    def send_options(self) -> None:
        """Send OPTIONS to the server outside any dialog; its answer appears in the record as ``options-answer``."""

    def add_transport_ref(self, handle: int) -> None:
        """``pjsip_transport_add_ref``: the transport's idle timer stops."""

    def release_transport_ref(self, handle: int) -> None:
        """``pjsip_transport_dec_ref``: must follow each add exactly once; a second one aborts the process."""

    def emit(self, ev: str, **fields: Any) -> None:
        """Write an event to the record."""


class Mitigation(Protocol):
    """One mechanism with its parameters."""

    kind: ClassVar[str]
    """Name in scenarios, kebab-case."""
    source: ClassVar[str]
    """Who recommends it: RFC section, issue, article."""

    def attach(self, client: Client) -> None:
        """Hook into the client, before it starts."""
