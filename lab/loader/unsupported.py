"""Finds why a cell cannot exist. Called once, when a scenario is expanded; the cell carries the answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from lab.clients.catalog import client_of
from lab.faults.base import Infeasible, faults_of
from lab.faults.feasibility import infeasible_faults
from lab.mitigations.catalog import client_kinds, not_offered, unsupported
from lab.model.proxy import ProxyMode
from lab.model.scenario import Cell, ClientCertificate, Transport
from lab.servers.catalog import server_of
from lab.sip.ports import FRAMED


def examined(cell: Cell, infeasible: Sequence[tuple[int, Infeasible]] | None = None) -> Cell:
    """Return the cell with `Cell.unsupported` filled in.

    Args:
        cell: whole, but for that.
        infeasible: its faults that can never happen; None: they are looked for.
    """
    return dataclasses.replace(cell, unsupported=why_unsupported(cell, infeasible))


def why_unsupported(cell: Cell, infeasible: Sequence[tuple[int, Infeasible]] | None = None) -> str:
    """Say why the cell's strategy or faults cannot exist there; empty if they can. For arguments see `examined`."""
    account = cell.client.account
    has = {"registers": account.registers, "subscribes": account.subscribes}
    strategy = cell.strategy.mitigations
    known = client_of(cell).offers
    offers = client_kinds() if known is None else known  # it will say what it offers
    idle = cell.server.idle_timeout
    needs = tuple(need for fault in faults_of(cell) for need in fault.server_needs(cell))
    needs += () if idle is None else idle.server_needs
    needs += tuple(need for one in strategy if one.side == "server" for need in one.server_needs)
    lacking = (
        client_of(cell).unsupported(cell)
        or not_offered(strategy, offers)
        or unsupported(strategy, transport=cell.transport.value, **has)
        or _nothing_to_end(cell)
        or _not_through_proxy(cell)
        or server_of(cell).why_unsupported(cell, needs)
    )
    if lacking:
        return lacking
    for number, reason in infeasible_faults(cell) if infeasible is None else infeasible:
        return f"fault {number + 1} ({type(cell.faults[number]).__name__}) can never happen here: {reason.what}"
    return ""


def _nothing_to_end(cell: Cell) -> str:
    """Say that an idle timeout has no connection to end; empty if there is none, or it has."""
    over_udp = cell.server.idle_timeout is not None and cell.transport is Transport.UDP
    return "the server's idle timeout ends connections, and UDP has none" if over_udp else ""


def _not_through_proxy(cell: Cell) -> str:
    """Say why the proxy does not pass the cell's transport on; empty if it does."""
    if cell.proxy is None:
        return ""
    if cell.transport is Transport.UDP:
        return "the proxy passes TCP connections on, and no UDP; use `transport: tcp` or `tls`"
    if cell.proxy.mode is ProxyMode.TCP:
        return ""
    if cell.transport.value not in FRAMED:
        return f"the proxy speaks HTTP only (`mode: http`), not SIP over {cell.transport.value}; use `ws` or `wss`"
    if cell.transport.secure and cell.server.client_certificate is ClientCertificate.REQUIRED:
        return "TLS ends at the proxy, so the server sees no certificate of the client"
    return ""
