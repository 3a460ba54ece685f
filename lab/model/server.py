"""Defines the server's part of a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lab.model.authentication import Authentication
from lab.model.idle_timeout import IdleTimeout
from lab.model.registrar import GoneConnection, Registrar
from lab.model.rules import Label, ServerName, Yaml
from lab.units import Lasting, Seconds, WholeSeconds


class NotifyRoute(str, Enum):
    """The address to which the server sends an in-dialog NOTIFY."""

    FLOW = "flow"
    """Over the connection the SUBSCRIBE came in on (RFC 5626 §5.3, RFC 5923)."""
    CONTACT = "contact"
    """To the host and port of the subscriber's Contact, over an existing connection from there if there is one."""


class ClientCertificate(str, Enum):
    """The server's request for a certificate from clients that connect by TLS (RFC 5246 §7.4.4)."""

    NONE = "none"
    REQUIRED = "required"
    """One that the run's authority has issued; without it the handshake fails."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Server(Yaml):
    """The SIP server.

    Attributes:
        name: what it is called where servers are compared, so that an axis can have several settings of one program; if
            it is left out, as the program is.
        software: which program it is.
        subscription_expires: what it grants at most (RFC 6665 §4.2.1.1), in the 200 and in NOTIFY.
        registration_expires: what it grants at most (RFC 3261 §10.3).
        notify_route: how NOTIFY is addressed.
        by_name: whether the client knows its name, not its address, and asks the name server in its node (RFC 3263).
        answers_crlf: whether a double-CRLF ping gets its pong (RFC 5626 §3.5.1).
        client_certificate: what it asks of clients in the handshake.
        authentication: how it asks who sends a request; None: it does not.
        idle_timeout: when it ends connections that carry nothing; None: never.
        registrar: what it does with several contacts of one address.
        on_gone_connection: what it does with a request for a contact whose connection is gone. Unless set it is `fail`,
            and with `notify-route: contact` it is `connect`.
        wait: for how long a request is kept with `on-gone-connection: wait`, which needs it. It counts towards
            the probe's `within`.
    """

    name: Label = ""
    software: ServerName = "scripted"
    subscription_expires: WholeSeconds = Seconds(
        600
    )  # pjsip's PJSIP_PRES_DEFAULT_EXPIRES, so the client's wish decides
    registration_expires: WholeSeconds = Seconds(300)  # pjsua's PJSUA_REG_INTERVAL
    notify_route: NotifyRoute = NotifyRoute.FLOW
    answers_crlf: bool = True
    by_name: bool = False
    client_certificate: ClientCertificate = ClientCertificate.NONE
    authentication: Authentication | None = None
    idle_timeout: IdleTimeout | None = None
    registrar: Registrar = Registrar()  # noqa: RUF009  (it is frozen)
    on_gone_connection: GoneConnection | None = None
    wait: Lasting | None = None

    def __post_init__(self) -> None:
        """Check that they fit together.

        Raises:
            ValueError: they do not.
        """
        if self.wait is None and self.on_gone_connection is GoneConnection.WAIT:
            raise ValueError("a server that waits, and not for how long; add `wait`")
        if self.wait is not None and self.on_gone_connection is not GoneConnection.WAIT:
            raise ValueError("`wait`, and nothing that waits; add `on-gone-connection: wait`")
        if self.registrar.least_expires > self.registration_expires:
            raise ValueError(
                "the shortest expiry is longer than the longest; `least-expires` up to `registration-expires`"
            )

    @property
    def label(self) -> str:
        """Its name in comparisons of servers."""
        return self.name or self.software

    @property
    def with_gone_connection(self) -> GoneConnection:
        """Its treatment of a request for a contact whose connection is gone."""
        by_contact = self.notify_route is NotifyRoute.CONTACT
        return self.on_gone_connection or (GoneConnection.CONNECT if by_contact else GoneConnection.FAIL)

    @property
    def needs(self) -> tuple[str, ...]:
        """The abilities that the program needs for it: words that may stand in the ``lacks`` of a server."""
        by_route = GoneConnection.CONNECT if self.notify_route is NotifyRoute.CONTACT else GoneConnection.FAIL
        gone = self.with_gone_connection
        return (
            *self.registrar.needs,
            *((f"{gone.value}-by-{self.notify_route.value}",) if gone is not by_route else ()),
        )
