"""When a fault's moment is, told by what happens in the run. Waits for events, never looks twice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from lab.model.when import Event, When
from lab.record import events
from lab.runner.stage import Stage

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


async def moment_of(when: When, stage: Stage, *, silence: float, until: float) -> float | None:
    """Return at a moment, with its loop time; None if it did not come before ``until``.

    Args:
        when: the moment.
        stage: the running cell, silent by now.
        silence: when the client fell silent.
        until: when the run ends.
    """
    if when.event is Event.SUBSCRIBED:
        start = silence
    elif when.event is Event.REFRESH_DUE:
        if (due := stage.flows.granted_until()) is None:
            return None
        start = due - stage.cell.refresh_before_s
    else:
        shown_by = _SHOWN_BY if stage.cell.subscribes else _SHOWN_IF_ONLY_REGISTERED
        kind, state = shown_by[when.event]
        shown = stage.expectations.next(kind, state=state)
        await asyncio.wait({shown}, timeout=until - asyncio.get_running_loop().time())
        if not shown.done():
            return None
        start = shown.result().at
    moment = start + when.offset
    await asyncio.sleep(min(moment, until) - asyncio.get_running_loop().time())
    return moment
