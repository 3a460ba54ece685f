"""Checks that client certificates are used with TLS only."""

from __future__ import annotations

from collections.abc import Sequence

from lab.errors import Problem
from lab.loader.axes import Axis
from lab.loader.yaml_lines import Node
from lab.model.scenario import ClientCertificate

_REQUIRED = ClientCertificate.REQUIRED


def check_client_certificates(root: Node, axes: Sequence[Axis], problems: list[Problem]) -> None:
    """Check that each request for a certificate has an effect in some cell."""
    values = {axis.name: [option.value for option in axis.options] for axis in axes}
    others = [transport.value for transport in values["transport"] if not transport.secure]
    for server in _servers(root):
        written = server.get("client-certificate")
        if others and written is not None and written.value == _REQUIRED.value:
            allowed = f"use `tls` as the only transport, not {', '.join(others)}"
            problems.append(written.problem("only TLS has certificates", allowed=allowed))


def _servers(root: Node) -> list[Node]:
    """Return the servers of a scenario, as written."""
    alone, matrix = root.get("server"), root.get("matrix")
    swept = None if matrix is None else matrix.get("server")
    return [*([alone] if alone is not None else []), *(swept.items() if swept is not None else [])]
