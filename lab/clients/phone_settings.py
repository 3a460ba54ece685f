"""Reads from the ``start`` command what every phone must be told: the server, the account, its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.model.scenario import Account


@dataclass(frozen=True, kw_only=True, slots=True)
class PhoneSettings:
    """The part of the ``start`` command that concerns every phone.

    Attributes:
        server, port, transport: where requests go.
        user, peer, domain: its own address, and that of the one it subscribes to.
        registers, subscribes: what the account has.
        expires: seconds it registers for.
        password: None: it has none.
        ca: PEM file that must vouch for the server's certificate.
        certificate, key: PEM files of its own.
    """

    server: str
    port: int
    transport: str
    user: str
    peer: str
    domain: str
    registers: bool
    subscribes: bool
    expires: int
    password: str | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


def mitigations(start: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the mitigations of a ``start`` command by kind."""
    return {each["kind"]: each for each in start["mitigations"]}


def common(start: Mapping[str, Any], *, registers_for_s: int) -> dict[str, Any]:
    """Return the fields of `PhoneSettings`; ``registers_for_s`` is the phone's own choice."""
    account, wanted = Account(start["account"]), mitigations(start)
    written = ("server", "port", "transport", "user", "peer", "domain", "password", "ca")
    return {
        **{key: start[key] for key in written},
        "certificate": start.get("certificate"),
        "key": start.get("key"),
        "registers": account.registers or "register" in wanted,
        "subscribes": account.subscribes,
        "expires": int(wanted.get("register", {}).get("expiry", registers_for_s)),
    }
