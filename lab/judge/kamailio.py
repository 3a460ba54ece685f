"""What Kamailio cannot be told to do: such a cell is unsupported, never run with a silent difference. Pure."""

from __future__ import annotations

from lab.faults.base import faults_of
from lab.model.scenario import Cell

_NO_MITIGATION = {
    "server-crlf": "Kamailio sends no CRLF of its own over a connection, it only answers the client's",
}
"""By kind, and why."""

_LACKS = {
    "mute": "Kamailio cannot be told to leave requests unanswered",
    "late": "Kamailio cannot be told to answer late",
    "keep-state": "Kamailio keeps its state in memory here, so a restart loses it",
    "connect-from-moved-address": "Kamailio listens on both addresses, but is not told from which to connect",
}
"""What a fault may need of the server (``Fault.server_needs``) and why Kamailio has it not."""


def lacks(cell: Cell) -> str:
    """Say why a cell cannot be had with Kamailio as its server; empty if it can."""
    kinds = [mitigation.kind for mitigation in cell.strategy.mitigations]
    reasons = [_NO_MITIGATION[kind] for kind in kinds if kind in _NO_MITIGATION]
    needs = [need for fault in faults_of(cell) for need in fault.server_needs(cell)]
    reasons += [_LACKS[need] for need in needs if need in _LACKS]
    return reasons[0] if reasons else ""
