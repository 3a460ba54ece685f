"""When a fault's moment is, told by what happens in the run. Waits for events, never looks twice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from lab.model.when import REFRESH_BEFORE_EXPIRY_S, Event, When
from lab.runner.stage import Stage

_SHOWN_BY: Mapping[Event, Mapping[str, Any]] = {
    Event.RECONNECTED: {"who": "client", "ev": "transport", "state": "connected"},
    Event.RINGING: {"who": "server", "ev": "probe", "state": "ringing"},
    Event.REFRESHED: {"who": "server", "ev": "subscription", "state": "refreshed"},
}


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
        if (due := stage.flows.subscription_ends) is None:
            return None
        start = due - REFRESH_BEFORE_EXPIRY_S
    else:
        shown = stage.expectations.next(**_SHOWN_BY[when.event])
        await asyncio.wait({shown}, timeout=until - asyncio.get_running_loop().time())
        if not shown.done():
            return None
        start = shown.result()["at"]
    moment = start + when.offset
    await asyncio.sleep(min(moment, until) - asyncio.get_running_loop().time())
    return moment
