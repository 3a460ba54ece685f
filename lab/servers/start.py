"""Writes the ``start`` command of a server from the scenario, as ``lab.servers.settings`` reads it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.mitigations.catalog import to_command
from lab.model.idle_timeout import IdleTimeout
from lab.model.scenario import Server, Strategy, Transport
from lab.servers import authentication
from lab.sip.ports import FRAMED, PORTS

_ALWAYS = ("udp", "tcp", "tls")
"""What each server listens on; on WebSocket only if the client uses it, as it takes another library or more modules."""


def command(
    server: Server,
    strategy: Strategy,
    *,
    transport: Transport,
    address: str,
    bindings_only: bool,
    certificate: Path,
    key: Path,
    seed: int,
    further: Sequence[str] = (),
    expired: Path | None = None,
    client_ca: Path | None = None,
    revoked: Path | None = None,
    keylog: Path | None = None,
) -> dict[str, Any]:
    """Return it for a client with this transport; other arguments are those of ``lab.servers.settings.Settings``."""
    return {
        "do": "start",
        "address": address,
        "further": further,
        "ports": {each: PORTS[each] for each in (*_ALWAYS, *(FRAMED if transport.value in FRAMED else ()))},
        "certificate": str(certificate),
        "key": str(key),
        "expired": _path(expired),
        "client_ca": _path(client_ca),
        "revoked": _path(revoked),
        "keylog": _path(keylog),
        "subscription_expires": float(server.subscription_expires),
        "registration_expires": float(server.registration_expires),
        "bindings_only": bindings_only,
        "notify_route": server.notify_route.value,
        "answers_crlf": server.answers_crlf,
        **_idle(server.idle_timeout),
        "matches_by": server.registrar.matches_by.value,
        "at_most": server.registrar.at_most,
        "removes_oldest": server.registrar.removes_oldest,
        "removes_closed": server.registrar.removes_closed,
        "least_expires": float(server.registrar.least_expires),
        "on_gone_connection": server.with_gone_connection.value,
        "wait": float(server.wait or 0),
        "seed": seed,
        "authentication": authentication.to_command(server.authentication),
        "mitigations": [to_command(one) for one in strategy.mitigations if one.side == "server"],
    }


def _path(file: Path | None) -> str | None:
    return None if file is None else str(file)


def _idle(timeout: IdleTimeout | None) -> dict[str, Any]:
    """Return what the server is told of its idle timeout."""
    if timeout is None:
        return {}
    return {
        "idle_after": float(timeout.after),
        "idle_ends_with": timeout.ends_with.value,
        "idle_crlf_counts": timeout.crlf_counts,
    }
