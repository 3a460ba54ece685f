"""Sets a cell up: starts the actors, one after the other, until the client has its account; that is time zero."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from lab.mitigations.catalog import not_offered
from lab.model.impairment import loses, round_trip_s
from lab.model.scenario import Cell
from lab.record.events import Aborted, ClientReady, ServerReady
from lab.runner import account_setup
from lab.runner.testbed import CellTestbed

READY_WITHIN_S = 60.0
"""An actor not ready after this time is broken: starting takes a few seconds in the slowest world seen."""

SETS_UP_IN_ROUND_TRIPS = 10
"""TCP, TLS (RFC 8446 §2; two for 1.2), REGISTER and SUBSCRIBE are five; as many again where each is sent twice."""

RETRIES_S = 120.0
"""Beyond that, where packets are lost: TCP's back-off from 1 s to 64 s (RFC 6298 §5.5)."""


def set_up_within_s(cell: Cell) -> float:
    """Return how long the client's set-up may take, in seconds."""
    more = RETRIES_S if loses(cell.impairments) else 0.0
    return account_setup.WITHIN_S + SETS_UP_IN_ROUND_TRIPS * round_trip_s(cell.impairments) + more


async def set_up(testbed: CellTestbed, say: Callable[..., None], *, sentinel: bool) -> float | None:
    """Start the actors and wait for the client's account.

    Args:
        testbed: attached.
        say: takes progress (``phase``), see ``lab.runner.cell``.
        sentinel: whether the sentinel's flows are opened before the client starts.

    Returns:
        The moment when the account was set up (loop time); None if it was not.

    Raises:
        LabFault: an actor did not get ready.
    """
    cell, expected_events = testbed.cell, testbed.expected_events
    say("phase", phase="starting")
    gone = expected_events.next(Aborted, who=testbed.client_node)  # it may be before it is told to start
    client_ready = expected_events.next(ClientReady)
    await testbed.start_name_server(READY_WITHIN_S)
    ready = expected_events.next(ServerReady)
    testbed.start_server()
    await expected_events.within(READY_WITHIN_S, ready, "the server to be ready")
    await testbed.start_proxy(READY_WITHIN_S)
    if sentinel:
        await testbed.open_sentinel()
    say("phase", phase="subscribing" if cell.subscribes else "registering")
    done = account_setup.expected(cell, expected_events)
    testbed.start_client()
    said: set[asyncio.Future[Any]]
    if testbed.client_program.offers is None:
        said = {client_ready, done, gone}
        await asyncio.wait(said, timeout=READY_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        offered = client_ready.result().event.mitigations or () if client_ready.done() else ()
        if not_offered(cell.strategy.mitigations, offered):
            return None
    said = {done, gone}
    await asyncio.wait(said, timeout=set_up_within_s(cell), return_when=asyncio.FIRST_COMPLETED)
    return done.result() if done.done() else None
