"""Writes the ``start`` command of a client from the scenario, as docs/actor-protocol.md describes it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from lab.mitigations.catalog import to_command
from lab.model.authentication import PASSWORD, USER
from lab.model.scenario import Client, Strategy, Transport
from lab.sip.ports import PORTS


def command(
    client: Client,
    strategy: Strategy,
    transport: Transport,
    *,
    server: str,
    ca: Path | None,
    seed: int,
    log: Path,
    authenticates: bool,
    certificate: Path | None = None,
    key: Path | None = None,
    name: str = "",
    keylog: Path | None = None,
) -> dict[str, Any]:
    """Return it.

    Args:
        client: its account, and how it registers.
        strategy: whose mitigations of the client's side it has.
        transport: to the server.
        server: the server's address.
        ca: file of the authority that vouches for the server's certificate, over TLS.
        seed: for what it draws.
        log: file it may write to.
        authenticates: whether it is given its password.
        certificate: file of its own certificate, for a server that asks for one.
        key: file of the key to that.
        name: by which it knows the server; empty: by its address.
        keylog: file for its TLS secrets, if the server does not have them.
    """
    more: dict[str, Any] = {"name": name} if name else {}
    if keylog is not None:
        more["keylog"] = str(keylog)
    if (registration := client.registration) is not None:
        more["registration"] = {each.name: int(getattr(registration, each.name) or 0) for each in fields(registration)}
    return {
        "do": "start",
        "server": server,
        "port": PORTS[transport.value],
        "transport": transport.value,
        "account": client.account.value,
        "ca": str(ca) if ca is not None and transport.secure else None,
        "certificate": None if certificate is None else str(certificate),
        "key": None if key is None else str(key),
        "seed": seed,
        "user": USER,
        "password": PASSWORD if authenticates else None,
        "peer": "bob",
        "domain": server,
        "log": str(log),
        "mitigations": [to_command(one) for one in strategy.mitigations if one.side == "client"],
        **more,
    }
