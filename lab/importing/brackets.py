"""Brackets the timers of the middlebox: the longest silence that was survived, and the shortest that was not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.importing.silences import Silence


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """The silences that bound one timer.

    Attributes:
        protocol: ``tcp`` or ``udp``.
        up: whose packet ended the silences: the client's, or the server's.
        alive: the longest silence that was survived; None: there was none.
        dead: the shortest that was not; None: there was none.
    """

    protocol: str
    up: bool
    alive: Silence | None
    dead: Silence | None

    @property
    def alive_s(self) -> float:
        """The longest silence that was survived, in seconds; 0: there was none."""
        return 0.0 if self.alive is None else self.alive.seconds

    @property
    def dead_s(self) -> float | None:
        """The shortest silence that was not survived, in seconds; None: there was none."""
        return None if self.dead is None else self.dead.seconds

    @property
    def contradicts(self) -> bool:
        """True if a longer silence was survived than one that was not: no idle timer explains both."""
        return self.dead is not None and self.alive_s >= self.dead.seconds


def brackets(silences: Iterable[Silence]) -> list[Bracket]:
    """Return the brackets of each protocol and direction of which silences say something.

    Over UDP a packet from the client makes a new mapping, so its arrival says nothing of the old one; its silence is
    left out.
    """
    found = []
    all_ = list(silences)
    for protocol in ("tcp", "udp"):
        for up in (True, False):
            of_it = [each for each in all_ if each.flow.is_stream is (protocol == "tcp") and each.up is up]
            if protocol == "udp" and up:
                continue
            alive = [each for each in of_it if each.survived]
            dead = [each for each in of_it if each.survived is False]
            if alive or dead:
                found.append(
                    Bracket(
                        protocol=protocol,
                        up=up,
                        alive=max(alive, key=lambda each: each.seconds, default=None),
                        dead=min(dead, key=lambda each: each.seconds, default=None),
                    )
                )
    return found


def combined(found: Sequence[Bracket], protocol: str) -> tuple[Silence | None, Silence | None]:
    """Return the longest silence survived and the shortest that was not, of a protocol, whatever the direction."""
    of_it = [each for each in found if each.protocol == protocol]
    alive = max((each.alive for each in of_it if each.alive), key=lambda each: each.seconds, default=None)
    dead = min((each.dead for each in of_it if each.dead), key=lambda each: each.seconds, default=None)
    return alive, dead
