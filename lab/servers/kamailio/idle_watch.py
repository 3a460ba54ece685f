"""Notices that Kamailio's idle timeout has ended a connection; Kamailio 5.6 does not log it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from lab.errors import LabFault
from lab.record.events import IDLE_TIMEOUT
from lab.servers.kamailio.flows import Flow, Flows

LOOKS_AFTER_S = 1.0
"""How long after the time that Kamailio has told; and how often, while a connection is overdue.

Kamailio ends one 5 to 10 s after ``tcp_connection_lifetime``: measured, 36 s with 30 s, 56 s with 47 s, 71 s with 65 s.
"""


class IdleWatch:
    """Asks for the list of connections, each time when Kamailio has said that one of them will time out.

    So the end of a flow is told up to two seconds late. The FIN in the captures has the exact time.

    Args:
        after: seconds of the idle timeout.
        flows: the flows that are there.
        ask: calls a method of Kamailio's by name.
    """

    def __init__(self, after: float, flows: Flows, ask: Callable[[str], Awaitable[Any]]) -> None:
        self._after = after
        self._flows = flows
        self._ask = ask

    async def watch(self, flow: Flow) -> None:
        """Watch a flow until it ends."""
        left = self._after
        while True:
            await asyncio.sleep(max(left, 0.0) + LOOKS_AFTER_S)
            if self._flows.named(flow.name) is not flow:
                return
            try:
                listed = {one["id"]: float(one["timeout"]) for one in await self._ask("core.tcp_list") or ()}
            except LabFault:  # it stands still; the flow is as it was
                left = 0.0
                continue
            if flow.connection in listed:
                told = listed[flow.connection]
                left = told if told <= self._after else 0.0  # overdue: Kamailio's number has no sign
            else:
                if self._flows.named(flow.name) is flow:
                    self._flows.ended(flow.name, "closed", IDLE_TIMEOUT, at=None)
                return
