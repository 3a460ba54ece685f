"""Plays the push service: takes what the server asks for, and brings it to the client's device, late or not at all.

It needs no network of the cell: a device has a connection of its own to its push service, beside those of its apps.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from random import Random

from lab.model.push import Push, PushPriority
from lab.record.entry import TimedEvent
from lab.record.events import Event, PushDelivered, PushHeld, PushLost, PushRefused, PushRequested
from lab.record.writer import RUNNER, RecordWriter
from lab.runner.device_pushes import DevicePushes

GONE = 410
"""APNs' status for a token that is no longer active (Apple: Handling notification responses from APNs)."""

_Z_95 = 1.6449
"""The 95th percentile of the standard normal distribution."""


class PushService:
    """The push service of one cell.

    Args:
        settings: its delays and losses.
        seed: the cell's, from which they follow.
        record: shows what the server asks for, and takes what becomes of it.
        client_node: the name of the client's node.
        tell_client: sends the client a command.
        tell_server: sends the server a command.

    Attributes:
        device: the pushes on the client's device.
    """

    def __init__(
        self,
        settings: Push,
        seed: int,
        record: RecordWriter,
        client_node: str,
        *,
        tell_client: Callable[[str], None],
        tell_server: Callable[..., None],
    ) -> None:
        self.device = DevicePushes(deliver=self._deliver, hold=self._hold)
        self._settings = settings
        self._random = Random(f"push {seed}")  # noqa: S311  (reproducible, not secret)
        self._record = record
        self._client_node = client_node
        self._tell_client = tell_client
        self._tell_server = tell_server
        self._asked: dict[str, float] = {}
        record.watch(self._see)

    def _see(self, happening: TimedEvent[Event]) -> None:
        if not isinstance(happening.event, PushRequested):
            return
        asked = happening.event
        lost = self._random.random() * 100 < float(self._settings.loss)
        delay = self._delay()  # both are drawn for each push, so that one's fate changes no other's
        self._asked[asked.id] = happening.at
        expires = self._settings.token_lasts
        if expires is not None and happening.at >= (self._record.silence or 0.0) + expires:
            self._record.take(RUNNER, PushRefused(id=asked.id, code=GONE))
            self._tell_server("push-refused", push=asked.id)
        elif lost:
            self._record.take(RUNNER, PushLost(id=asked.id))
        else:
            loop = asyncio.get_running_loop()
            loop.call_at(happening.at + delay, self.device.arrive, asked.id, PushPriority(asked.priority))

    def _delay(self) -> float:
        """Draw how long a push takes: lognormal, by its median and its 95th percentile."""
        median, p95 = float(self._settings.delay), float(self._settings.delay_p95)
        drawn = self._random.gauss(0.0, 1.0)
        if p95 == median:
            return median
        return median * math.exp(drawn * math.log(p95 / median) / _Z_95)

    def _hold(self, push: str) -> None:
        self._record.take(self._client_node, PushHeld(id=push))

    def _deliver(self, push: str) -> None:
        took = round(asyncio.get_running_loop().time() - self._asked[push], 6)
        self._record.take(self._client_node, PushDelivered(id=push, took=took))
        self._tell_client("push")
