"""What Kamailio cannot be told to do: such a cell is unsupported, never run with a silent difference. Pure."""

from __future__ import annotations

from lab.model.fault import (
    DnsChange,
    Fault,
    ServerMute,
    ServerRestart,
    ServerSlow,
)
from lab.model.scenario import Cell, NotifyRoute

_NO_MITIGATION = {
    "server-crlf": "Kamailio sends no CRLF of its own over a connection, it only answers the client's",
}
"""By kind, and why."""


def lacks(cell: Cell) -> str:
    """Why a cell cannot be had with Kamailio as its server; empty if it can."""
    kinds = [mitigation.kind for mitigation in cell.strategy.mitigations]
    reasons = [_NO_MITIGATION[kind] for kind in kinds if kind in _NO_MITIGATION]
    reasons += [reason for fault in cell.faults if (reason := _cannot(cell, fault))]
    return reasons[0] if reasons else ""


def _cannot(cell: Cell, fault: Fault) -> str:
    match fault:
        case ServerMute():
            return "Kamailio cannot be told to leave requests unanswered"
        case ServerSlow():
            return "Kamailio cannot be told to answer late"
        case ServerRestart(keeps_state=True):
            return "Kamailio keeps its state in memory here, so a restart loses it"
        case DnsChange() if cell.server.notify_route is NotifyRoute.CONTACT:
            return "Kamailio listens on both addresses, but is not told from which to connect"
        case _:
            return ""
