"""Asks the push service to wake clients for which requests are held (RFC 8599 §5.6)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Protocol

from lab.actors.channel import Channel
from lab.mitigations.base import PushPriorityName
from lab.record.events import PushRequested
from lab.sip.push import PushTarget


class Contact(Protocol):
    """A contact, as far as pushes are about it."""

    @property
    def id(self) -> str:
        """Return its name in the record."""

    @property
    def flow(self) -> str:
        """The flow it came on."""

    @property
    def push(self) -> PushTarget | None:
        """The address for push messages; None: it asks for none."""


class PushSettings(NamedTuple):
    """The settings of the server for push messages; see ``lab.mitigations.server_push``.

    Attributes:
        wait: seconds for which a request is held.
        quiet_after: seconds without data from the client after which its connection is not relied on.
        priority: of the pushes.
    """

    wait: float
    quiet_after: float
    priority: PushPriorityName


class Pushes:
    """The pushes that the server has asked for.

    Args:
        settings: None: it asks for none.
        heard_at: says when the client was last heard on a flow (loop time); None: the flow is gone.
    """

    def __init__(
        self,
        settings: PushSettings | None,
        channel: Channel,
        loop: asyncio.AbstractEventLoop,
        *,
        heard_at: Callable[[str], float | None],
    ) -> None:
        self._settings = settings
        self._channel = channel
        self._loop = loop
        self._heard_at = heard_at
        self._count = 0
        self._asked: dict[str, tuple[PushTarget, Callable[[], None]]] = {}
        self._dropped: set[PushTarget] = set()

    @property
    def wait(self) -> float:
        """Seconds for which a request is held."""
        return 0.0 if self._settings is None else self._settings.wait

    def wanted(self, target: Contact) -> PushTarget | None:
        """Return whom to wake before a request may be sent to a contact; None: it can be sent at once, or never."""
        if self._settings is None or target.push is None or target.push in self._dropped:
            return None
        heard = self._heard_at(target.flow)
        if heard is not None and self._loop.time() - heard < self._settings.quiet_after:
            return None
        return target.push

    def ask(self, target: Contact, probe: str, on_refused: Callable[[], None]) -> None:
        """Ask for a push for a request that is held; ``on_refused`` is called if there will be none."""
        assert self._settings is not None
        assert target.push is not None
        self._count += 1
        name = f"n{self._count}"
        self._asked[name] = (target.push, on_refused)
        self._channel.emit(
            PushRequested(
                id=name,
                probe=probe,
                binding=target.id,
                provider=target.push.provider,
                prid=target.push.prid,
                priority=self._settings.priority,
            )
        )

    def refused(self, name: str) -> None:
        """Handle that the push service does not know a token: it is used no more until a REGISTER names it again."""
        if name not in self._asked:
            return  # it was asked for by a process that is gone
        push, on_refused = self._asked.pop(name)
        self._dropped.add(push)
        on_refused()

    def registered(self, target: Contact) -> None:
        """Handle a new registration."""
        if target.push is not None:
            self._dropped.discard(target.push)

    def forget(self) -> None:
        """Forget all, with the process that knew it."""
        self._asked.clear()
        self._dropped.clear()
