"""Writes the ``start`` command of a proxy from the cell, and reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lab.certificates import Certificates
from lab.model.proxy import ProxyMode
from lab.model.scenario import Cell
from lab.model.topology import Role
from lab.proxies.base import Plan
from lab.proxies.catalog import find
from lab.sip.ports import FRAMED, PORTS


def command(cell: Cell, folder: Path, certificates: Path) -> dict[str, Any]:
    """Return it; the folders are the cell's, and that of the run's certificates."""
    proxy, topology = cell.proxy, cell.topology
    assert proxy is not None  # the loader gives each proxy node a proxy
    files, front, server = Certificates.below(certificates), topology.front().name, topology.only(Role.SERVER).name
    written = {name: getattr(proxy, name) for name in find(proxy.software).takes[proxy.mode]}
    return {
        "do": "start",
        "program": proxy.software,
        "folder": str(folder),
        "address": str(topology.front_address()),
        "own": str(dict(topology.link_towards(front, server).ends)[front].ip),
        "server": str(topology.address(server).ip),
        "mode": proxy.mode.value,
        "ports": [[outside, inside] for outside, inside in _ports(proxy.mode).items()],
        "certificate": str(files.certificate),
        "key": str(files.key),
        "settings": {name: None if value is None else float(value) for name, value in written.items()},
    }


def plan(told: dict[str, Any]) -> Plan:
    """Read the command, but for its ``do`` and the program's name."""
    paths = {name: Path(told[name]) for name in ("folder", "certificate", "key")}
    return Plan(**{**told, **paths, "mode": ProxyMode(told["mode"]), "ports": dict(told["ports"])})


def _ports(mode: ProxyMode) -> dict[int, int]:
    """Return the ports on which it listens, each with that of the server to which it passes connections on."""
    if mode is ProxyMode.HTTP:
        return {PORTS[transport]: PORTS["ws"] for transport in FRAMED}
    return {port: port for port in sorted({port for transport, port in PORTS.items() if transport != "udp"})}
