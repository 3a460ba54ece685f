"""Keeps the pushes that have reached the client's device, until the device hands them to the app."""

from __future__ import annotations

from collections.abc import Callable

from lab.faults._running_cell import PushWatch, TakesPush
from lab.model.push import PushPriority


class DevicePushes:
    """The pushes on the device.

    Args:
        deliver: hands a push to the app.
        hold: says that a push has to wait.
    """

    def __init__(self, *, deliver: Callable[[str], None], hold: Callable[[str], None]) -> None:
        self._deliver = deliver
        self._hold = hold
        self._watches: list[_Watch] = []
        self._waiting: dict[str, PushPriority] = {}

    def arrive(self, push: str, priority: PushPriority) -> None:
        """Take a push from the push service: it goes to the app, or waits, as those who watch decide."""
        waited = push in self._waiting
        taken = all(watch.takes(priority) for watch in tuple(self._watches))
        if waited and push not in self._waiting:
            return  # whoever woke the app has offered it again, and it was delivered
        if taken:
            self._waiting.pop(push, None)
            self._deliver(push)
        elif push not in self._waiting:
            self._waiting[push] = priority
            self._hold(push)

    def watch(self, takes: TakesPush) -> PushWatch:
        """See `RunningCell.watch_pushes`."""
        watch = _Watch(self, takes)
        self._watches.append(watch)
        return watch

    def offer_again(self) -> None:
        """Try to deliver those that wait, the oldest first."""
        for push, priority in tuple(self._waiting.items()):
            self.arrive(push, priority)

    def stop(self, watch: PushWatch) -> None:
        """Ask this watch no more."""
        self._watches = [one for one in self._watches if one is not watch]


class _Watch:
    """A `PushWatch`."""

    def __init__(self, pushes: DevicePushes, takes: TakesPush) -> None:
        self.takes = takes
        self._pushes = pushes

    def offer_again(self) -> None:
        self._pushes.offer_again()

    def end(self) -> None:
        self._pushes.stop(self)
        self._pushes.offer_again()
