"""Says what runs in the nodes of a cell, with the files that it reads and writes."""

from __future__ import annotations

from pathlib import Path

from lab.backends.base import ActorSpec
from lab.certificates import Certificates
from lab.clients.catalog import client_of
from lab.faults.base import faults_of
from lab.model.scenario import Cell, ClientCertificate
from lab.model.topology import Role
from lab.proxies import actor as proxy_actor
from lab.proxies.catalog import proxy_of
from lab.servers.catalog import server_of


def parts(cell: Cell, folder: Path, certificates: Path) -> dict[str, ActorSpec]:
    """Return them by node.

    Args:
        cell: to be run.
        folder: its own.
        certificates: the folder of the run's certificates.
    """
    topology, client, server, proxy = cell.topology, client_of(cell), server_of(cell), proxy_of(cell)
    of_client = client_files(certificates) if shows_certificate(cell) else ()
    found = {
        topology.only(Role.SERVER).name: ActorSpec(
            program=server.program(),
            log=folder / "server.out",
            image=server.image,
            reads=Certificates.below(certificates).of_server,
            writes=server.writes(folder),
        ),
        topology.only(Role.CLIENT).name: ActorSpec(
            program=client.program(cell),
            in_container=client.in_container(cell),
            log=folder / "client.out",
            image=client.image(cell),
            reads=(certificates / "ca.pem", *of_client),
            writes=(folder / "client.log", *client.writes(folder)),
            lives=1 + sum(fault.restarts_client for fault in faults_of(cell)),
        ),
    }
    if proxy is not None:
        found[topology.front().name] = ActorSpec(
            program=proxy_actor.main,
            log=folder / "proxy.out",
            image="",  # none: see ``lab.engine.prepare``
            writes=tuple(folder / name for name in (*proxy.writes, proxy_actor.LOG)),
        )
    return found


def shows_certificate(cell: Cell) -> bool:
    """Return whether the server asks the client for a certificate; only then the client gets one."""
    return cell.server.client_certificate is ClientCertificate.REQUIRED


def client_files(certificates: Path) -> tuple[Path, Path]:
    """Return the client's certificate and its key."""
    return certificates / "client.pem", certificates / "client.key"
