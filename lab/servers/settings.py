"""Reads the settings that the scripted SIP server gets at its start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from lab.errors import LabFault
from lab.servers.authentication import AuthenticationSettings


class Settings(NamedTuple):
    """The ``start`` command.

    Attributes:
        address: where to listen, IPv4.
        further: addresses on which to listen as well, on the same ports.
        ports: by transport (see ``lab.sip.ports``); 0: the kernel chooses, once; others are not offered.
        certificate, key: PEM files; key None: it is in the certificate's file. Needed for TLS.
        expired: PEM file of a certificate of the same key that has expired, for when it is asked for; None: never.
        client_ca: PEM file of the authority whose certificate a TLS client must show; None: clients are asked for none.
        revoked: PEM file of that authority's revocation list, for when it is to be heeded; None: never.
        keylog: file for TLS secrets (NSS key log format), None: none.
        subscription_expires, registration_expires: seconds granted at most; SIP has whole seconds only, at least 1.
        bindings_only: requests outside any dialog go to bindings alone, and without one they fail; else they go to the
            newest subscriber then.
        notify_route: ``flow`` or ``contact``.
        answers_crlf: a double CRLF gets a single one (RFC 5626 §3.5.1).
        seed: goes into tags, branches and Call-IDs, which are counted, not drawn.
        idle_after: seconds without traffic after which a connection is ended; None: never.
        idle_ends_with: ``fin`` or ``rst``, how it is ended then.
        idle_crlf_counts: whether CR and LF alone are traffic.
        mitigations: of the server's side, as ``lab.model.wire.to_json`` gives them.
        authentication: how requests are authenticated; None: they are not.
        matches_by, at_most, removes_closed, least_expires: see ``lab.model.registrar.Registrar``.
        removes_oldest: whether a contact beyond ``at_most`` costs the oldest its place, instead of being refused.
        on_gone_connection: ``fail``, ``connect``, ``wait``; empty: as ``notify_route`` has it.
        wait: seconds for which a request waits for a new registration.
    """

    address: str
    ports: dict[str, int]
    subscription_expires: float
    registration_expires: float
    notify_route: str
    answers_crlf: bool
    seed: int
    certificate: str | None = None
    key: str | None = None
    expired: str | None = None
    client_ca: str | None = None
    revoked: str | None = None
    keylog: str | None = None
    bindings_only: bool = False
    further: Sequence[str] = ()
    idle_after: float | None = None
    idle_ends_with: str = "fin"
    idle_crlf_counts: bool = True
    mitigations: Sequence[dict[str, Any]] = ()
    authentication: AuthenticationSettings | None = None
    matches_by: str = "contact"
    at_most: int | None = None
    removes_oldest: bool = False
    removes_closed: bool = False
    least_expires: float = 1.0
    on_gone_connection: str = ""
    wait: float = 0.0

    @property
    def with_gone_connection(self) -> str:
        """The treatment of a request for a contact whose connection is gone: ``fail``, ``connect`` or ``wait``."""
        return self.on_gone_connection or ("connect" if self.notify_route == "contact" else "fail")

    @classmethod
    def read(cls, command: dict[str, Any]) -> Settings:
        """Read the command.

        Raises:
            LabFault: it does not have these fields, or one has a value that makes no sense.
        """
        try:
            settings = cls(**{name: value for name, value in command.items() if name != "do"})
        except TypeError as error:
            raise LabFault("starting the SIP server", detail=str(error)) from error
        if settings.notify_route not in ("flow", "contact"):
            raise LabFault("starting the SIP server", detail=f"notify_route {settings.notify_route!r}")
        for seconds in (settings.subscription_expires, settings.registration_expires):
            if seconds < 1 or seconds != int(seconds):
                raise LabFault("starting the SIP server", detail=f"expires {seconds!r}, not a whole number of seconds")
        if command.get("authentication") is not None:
            settings = settings._replace(authentication=AuthenticationSettings.read(command["authentication"]))
        return settings
