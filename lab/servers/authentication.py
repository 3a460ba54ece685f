"""Reads a server's authentication settings from its ``start`` command, and makes the authenticator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from lab.errors import LabFault
from lab.model.authentication import PASSWORD, USER, Authentication, ChallengedAs
from lab.sip.digest import HASHES, Authenticator


class AuthenticationSettings(NamedTuple):
    """The settings of ``lab.model.authentication.Authentication``, and the correct credentials.

    Attributes:
        algorithm: of ``lab.sip.digest.HASHES``.
        nonce_lifetime: seconds.
        methods: which requests are challenged.
        as_proxy: challenge all but REGISTER by 407.
        user, password: the one pair that is right.
    """

    algorithm: str
    nonce_lifetime: float
    methods: Sequence[str]
    as_proxy: bool
    user: str
    password: str

    @classmethod
    def read(cls, fields: dict[str, Any]) -> AuthenticationSettings:
        """Read the command's part.

        Raises:
            LabFault: it does not have these fields, or names another hash.
        """
        try:
            read = cls(**fields)
        except TypeError as error:
            raise LabFault("starting the SIP server", detail=str(error)) from error
        if read.algorithm not in HASHES:
            raise LabFault("starting the SIP server", detail=f"algorithm {read.algorithm!r}")
        return read


def to_command(authentication: Authentication | None) -> dict[str, Any] | None:
    """Return the part of a server's ``start`` command that says how it authenticates the lab's client."""
    if authentication is None:
        return None
    return AuthenticationSettings(
        algorithm=authentication.algorithm.value,
        nonce_lifetime=float(authentication.nonce_lifetime),
        methods=[method.value for method in authentication.methods],
        as_proxy=authentication.as_ is ChallengedAs.PROXY,
        user=USER,
        password=PASSWORD,
    )._asdict()


def authenticator(how: AuthenticationSettings | None, *, realm: str, seed: int) -> Authenticator | None:
    """Return what authenticates like this; None if nothing is to be authenticated."""
    if how is None:
        return None
    return Authenticator(
        realm=realm,
        passwords={how.user: how.password},
        algorithm=how.algorithm,
        lifetime=how.nonce_lifetime,
        methods=how.methods,
        as_proxy=how.as_proxy,
        seed=seed,
    )
