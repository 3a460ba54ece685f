"""Defines the target of a request outside any dialog."""

from __future__ import annotations

from typing import Protocol

from lab.sip.push import PushTarget


class Target(Protocol):
    """The target of requests outside any dialog: a binding or a subscriber."""

    @property
    def contact(self) -> str:
        """The Request-URI."""

    @property
    def flow(self) -> str:
        """The flow it came on."""

    @property
    def aor(self) -> str:
        """The URI for To."""

    @property
    def id(self) -> str:
        """Return its name in the record."""

    @property
    def registered_at(self) -> float | None:
        """The time of its last REGISTER, on the loop's clock; None: it is a subscriber."""

    @property
    def push(self) -> PushTarget | None:
        """The address for push messages; None: it asks for none."""
