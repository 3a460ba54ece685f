"""Describes how a server authenticates a client: digest (RFC 3261 §22, RFC 7616, RFC 8760)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from lab.model.rules import AllowedValues, Yaml
from lab.units import Checked, Seconds, WholeSeconds

USER = "alice"
"""The lab's one client."""
PASSWORD = "wonderland"  # noqa: S105  (it protects nothing)
"""Its password, which the client is told at its start."""


class DigestAlgorithm(str, Enum):
    """The hash of a digest."""

    MD5 = "MD5"
    """What every client has (RFC 3261 §22.4)."""
    SHA_256 = "SHA-256"
    """RFC 8760."""


class ChallengedMethod(str, Enum):
    """A method that can be challenged: any that a client sends but ACK and CANCEL (RFC 3261 §22.1)."""

    REGISTER = "REGISTER"
    SUBSCRIBE = "SUBSCRIBE"
    OPTIONS = "OPTIONS"
    """A client's ping, and OPTIONS within a call."""
    INVITE = "INVITE"
    """Within a call of the server's, to refresh it, as UPDATE."""
    UPDATE = "UPDATE"
    BYE = "BYE"


class ChallengedAs(str, Enum):
    """In which role the server challenges."""

    SERVER = "server"
    """As registrar and notifier: 401, `WWW-Authenticate` (RFC 3261 §22.2)."""
    PROXY = "proxy"
    """As a proxy of all but REGISTER: 407, `Proxy-Authenticate` (RFC 3261 §22.3), like Kamailio's `auth_challenge`."""


def _some_each_once(methods: tuple[ChallengedMethod, ...]) -> tuple[ChallengedMethod, ...]:
    if not methods:
        raise ValueError("empty; at least one, or no `authentication`")
    if len(set(methods)) < len(methods):
        raise ValueError("a method is given twice; write each once")
    return methods


_Methods = Annotated[
    tuple[ChallengedMethod, ...], Checked(_some_each_once), AllowedValues("a list such as `[REGISTER, SUBSCRIBE]`")
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Authentication(Yaml):
    """Digest authentication of the client's requests, with qop `auth`.

    Attributes:
        algorithm: hash of the digest.
        nonce_lifetime: how long a nonce can be used; a right digest with an older one is answered `stale=true`
            (RFC 7616 §3.3).
        methods: which requests are challenged.
        as_: in which role the server challenges.
    """

    algorithm: DigestAlgorithm = DigestAlgorithm.MD5
    nonce_lifetime: WholeSeconds = Seconds(300)  # Kamailio's auth module, nonce_expire
    methods: _Methods = (ChallengedMethod.REGISTER, ChallengedMethod.SUBSCRIBE)
    as_: ChallengedAs = ChallengedAs.SERVER
