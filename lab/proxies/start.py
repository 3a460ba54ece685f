"""Writes the ``start`` command of a proxy from the cell, and reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lab.model.scenario import Cell
from lab.model.topology import Role
from lab.proxies.base import Plan
from lab.proxies.catalog import find
from lab.sip.ports import PORTS


def command(cell: Cell, folder: Path) -> dict[str, Any]:
    """Return it; ``folder`` is the cell's."""
    proxy, topology = cell.proxy, cell.topology
    assert proxy is not None  # the loader gives each proxy node a proxy
    program = find(proxy.software)
    written = {name: getattr(proxy, name) for name in program.takes}
    return {
        "do": "start",
        "program": proxy.software,
        "folder": str(folder),
        "address": str(topology.front_address()),
        "server": str(topology.address(topology.only(Role.SERVER).name).ip),
        "ports": sorted({port for transport, port in PORTS.items() if transport != "udp"}),
        "settings": {name: None if value is None else float(value) for name, value in written.items()},
    }


def plan(told: dict[str, Any]) -> Plan:
    """Read the command, but for its ``do`` and the program's name."""
    return Plan(**{**told, "folder": Path(told["folder"])})
