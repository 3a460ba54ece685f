"""Helps mitigations whose pings make the server give up a client that does not answer."""

from __future__ import annotations

from typing import Annotated

from lab.mitigations.base import GivingUp, ServerSide
from lab.units import Checked


def _misses(value: int) -> int:
    if value < 1:
        raise ValueError("out of range; 1 or more")
    return value


Misses = Annotated[int, Checked(_misses)]
"""How many pings in a row may have no answer."""


class GivesUp(ServerSide):
    """A mitigation with these four parameters."""

    __slots__ = ()
    gives_up_after: Misses | None
    marks_only: bool
    closes_connection: bool
    ends_calls: bool

    def __post_init__(self) -> None:
        """Check that the parameters fit together.

        Raises:
            ValueError: they do not.
        """
        said = {
            "marks-only": self.marks_only,
            "closes-connection": self.closes_connection,
            "ends-calls": self.ends_calls,
        }
        for name in [name for name, value in said.items() if value and self.gives_up_after is None]:
            raise ValueError(f"{name} without gives-up-after; a server that never gives up does nothing then")
        if self.marks_only and self.closes_connection:
            raise ValueError("both marks-only and closes-connection; one of them")

    @property
    def giving_up(self) -> GivingUp | None:
        """The condition under which the server gives up, and its action then; None: never."""
        if self.gives_up_after is None:
            return None
        return GivingUp(
            after=self.gives_up_after,
            marks_only=self.marks_only,
            closes=self.closes_connection,
            ends_calls=self.ends_calls,
        )

    @property
    def server_needs(self) -> tuple[str, ...]:
        """See `ServerSide`."""
        said = {
            "gives-up": self.gives_up_after is not None,
            "gives-up-marks": self.marks_only,
            "gives-up-closes": self.closes_connection,
            "gives-up-calls": self.ends_calls,
        }
        return tuple(need for need, needed in said.items() if needed)

    def why_not_over(self, transport: str) -> str:
        """See `ServerSide`."""
        if transport == "udp" and self.closes_connection:
            return "the server would close the connection of a client that it gives up, and UDP has none"
        return ""
