"""Attaches the mitigations of the server's side to a server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lab.errors import LabFault
from lab.mitigations.base import Server, ServerSide
from lab.mitigations.catalog import classes, from_command


def attach_all(server: Server, mitigations: Iterable[Mapping[str, Any]]) -> None:
    """Hook mitigations into a server, before it starts.

    Args:
        server: what they see.
        mitigations: as JSON, with their kind.

    Raises:
        LabFault: one of them is the client's.
    """
    for data in mitigations:
        mitigation = from_command(data, classes())
        if not isinstance(mitigation, ServerSide):
            raise LabFault("starting the server", detail=f"{data['kind']} is the client's")
        mitigation.attach(server)
