"""Waits for the time of a fault that depends on events of the run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from lab.model.when import Event, When
from lab.record import events
from lab.runner.testbed import CellTestbed

_SHOWN_BY: Mapping[Event, tuple[type[events.Event], str]] = {
    Event.RECONNECTED: (events.ClientTransport, "connected"),
    Event.RINGING: (events.Probe, "ringing"),
    Event.REFRESHED: (events.ServerSubscription, "refreshed"),
}
"""Which event of the record, in which state, shows the scenario's."""

_SHOWN_IF_ONLY_REGISTERED: Mapping[Event, tuple[type[events.Event], str]] = {
    **_SHOWN_BY,
    Event.REFRESHED: (events.Binding, "refreshed"),
}
"""The same for an account that does not subscribe."""


async def fault_time(when: When, testbed: CellTestbed, *, until: float) -> float | None:
    """Return the loop's time of a moment that something in the run tells, as soon as that has happened.

    Args:
        when: the moment; not `Event.SUBSCRIBED`'s, which is known before.
        testbed: the running cell, silent by now.
        until: when the run ends (loop time).

    Returns:
        None if what it is counted from did not happen before ``until``.
    """
    if when.event is Event.REFRESH_DUE:
        due = testbed.flows.granted_until()
        return None if due is None else due - testbed.cell.refresh_before_s + when.offset
    shown_by = _SHOWN_BY if testbed.cell.subscribes else _SHOWN_IF_ONLY_REGISTERED
    kind, state = shown_by[when.event]
    shown = testbed.expected_events.next(kind, state=state)
    await asyncio.wait({shown}, timeout=until - asyncio.get_running_loop().time())
    return shown.result().at + when.offset if shown.done() else None
