"""Writes Kamailio's configuration for one cell: a template after the cell's settings, and a file for TLS. Pure.

TLS has a file of its own, because that is what Kamailio can read again while it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lab.model.endpoint import Endpoint
from lab.servers.authentication import AuthenticationSettings
from lab.servers.kamailio import TLS_CONFIGURATION
from lab.servers.pushes import PushSettings
from lab.servers.settings import Settings
from lab.sip.call import silent_sdp

TEMPLATE = Path(__file__).with_name("template.cfg")

RPC_PORT = 5098
"""Of the JSON-RPC interface, on the loopback of the server's own network stack."""

STATEFUL = ("REGISTER", "SUBSCRIBE")
"""Requests that Kamailio answers in a transaction. With authentication all that are challenged are such but INVITE, for
a nonce count is for one request, however often it comes."""

FOREVER_S = 100_000_000
"""More than three years; Kamailio counts sixteenths of a second in 32 bits, half of which is 134 million seconds."""


_BELOW = {"ws": "tcp", "wss": "tls"}
"""What a WebSocket begins as: an HTTP request over TCP or TLS."""
LINE_BYTES = 8192
"""Of a line of the log at most: what glibc writes to standard error at once (BUFSIZ), so that no other process of
Kamailio's can come in between."""

MESSAGE_BYTES = 5000
"""Of a message in the log at most: in base64 it fits into a line. A usual message has less than 2,000."""


class Pings(NamedTuple):
    """Kamailio's own OPTIONS to registered contacts over UDP (nathelper), each sent once.

    Attributes:
        interval: whole seconds from one to the next.
        misses: how many in a row may have no answer.
    """

    interval: int
    misses: int


class ServerFeatures(NamedTuple):
    """The functions that the mitigations of the server's side need.

    Attributes:
        subscription_expires: granted at most.
        outbound: support SIP outbound.
        flow_timer: the value of Flow-Timer, 0: none.
        pings: OPTIONS of Kamailio's own, after which it gives contacts up; None: it sends none.
        frame_pings: seconds after which it sends a ping frame over an idle WebSocket; 0: never.
        push: what is done about push messages; None: nothing.
    """

    subscription_expires: int
    outbound: bool = False
    flow_timer: int = 0
    pings: Pings | None = None
    frame_pings: int = 0
    push: PushSettings | None = None


class Certificates(NamedTuple):
    """The certificate settings for TLS clients.

    Attributes:
        expired: they are shown the certificate that has expired.
        listed: theirs are looked up in the revocation list.
    """

    expired: bool = False
    listed: bool = False


def render(settings: Settings, wanted: ServerFeatures, folder: Path) -> str:
    """Return the configuration file; the same for the same arguments.

    Args:
        settings: as for the scripted server.
        wanted: what the mitigations ask for.
        folder: the cell's, where the file about TLS is.
    """
    by_flow = settings.notify_route == "flow"
    most = settings.at_most or 0
    head = ["#!KAMAILIO", "# Written by the lab for one cell."]
    if "tls" in settings.ports:
        head += ["#!define WITH_TLS", "enable_tls=yes"]
    if by_flow:
        head.append("#!define BY_FLOW")
    if settings.authentication is not None:
        head.append("#!define WITH_AUTHENTICATION")
    if settings.matches_by == "contact" and not wanted.outbound:
        head.append("#!define BY_CONTACT")
    if settings.with_gone_connection == "wait" or wanted.push is not None:
        head.append("#!define WAITS")
    if wanted.push is not None:
        head.append("#!define WITH_PUSH")
    if wanted.pings is not None:
        head += ["#!define WITH_PINGS"]
    pings = wanted.pings or Pings(0, 0)
    if _BELOW.keys() & settings.ports.keys():
        head.append("#!define WITH_WEBSOCKET")
    addresses = (settings.address, *settings.further)
    head += [
        f"listen={_BELOW.get(transport, transport)}:{each}:{port}"
        for each in addresses
        for transport, port in settings.ports.items()
    ]
    values = {
        "ADDRESS": settings.address,
        "ANSWERS_CRLF": _word(settings.answers_crlf),
        "FLOW_TIMER": str(wanted.flow_timer),
        "FOREVER": str(FOREVER_S),
        "FRAME_PINGS": str(int(bool(wanted.frame_pings))),  # its keepalive_mechanism: 0 none, 1 ping
        "FRAME_PING_INTERVAL": str(wanted.frame_pings or FOREVER_S),
        "IDLE": str(FOREVER_S if settings.idle_after is None else round(settings.idle_after)),
        "LINE_BYTES": str(LINE_BYTES),
        "LEAST_EXPIRES": str(round(settings.least_expires)),
        "MESSAGE_BYTES": str(MESSAGE_BYTES),
        "MAX_CONTACTS": str(0 if settings.removes_oldest else most),
        "NO_CONNECT": _word(settings.with_gone_connection != "connect"),
        "OUTBOUND_MODE": str(int(wanted.outbound)),
        "PING_INTERVAL": str(pings.interval),
        "PING_TIMEOUT": str(pings.interval * pings.misses),
        "REGISTRATION_EXPIRES": str(round(settings.registration_expires)),
        "REMOVES_CLOSED": str(int(settings.removes_closed)),
        "SAVE_FLAGS": "0x04" if settings.removes_oldest and most == 1 else "0x00",  # 0x04: no other contact stays
        "RPC_PORT": str(RPC_PORT),
        "SDP": silent_sdp(settings.address).decode().replace("\r\n", "\\r\\n"),
        "SUBJECT": "$(tls_peer_subject_cn{s.encode.base64})" if settings.client_ca else "",
        "SUBSCRIPTION_EXPIRES": str(wanted.subscription_expires),
        "TLS_CONFIGURATION": _quoted(str(folder / TLS_CONFIGURATION)),
        "UDP_PORT": str(settings.ports["udp"]),
        **_authentication(settings.authentication),
    }
    body = TEMPLATE.read_text("utf-8")
    for name, value in values.items():
        body = body.replace(f"@{name}@", value)
    return "\n".join(head) + "\n\n" + body


def _authentication(how: AuthenticationSettings | None) -> dict[str, str]:
    """Return the template's values for digest authentication; empty where that part of the template is left out."""
    if how is None:
        names = ("ALGORITHM", "AS_PROXY", "METHODS", "NONCE_LIFETIME", "PASSWORD", "USER")
        return {"STATEFUL": "|".join(STATEFUL), **dict.fromkeys(names, "")}
    return {
        "ALGORITHM": how.algorithm,
        "AS_PROXY": str(int(how.as_proxy)),
        "METHODS": "|".join(how.methods),
        "NONCE_LIFETIME": str(round(how.nonce_lifetime)),
        "PASSWORD": _quoted(how.password),
        "STATEFUL": "|".join(dict.fromkeys((*STATEFUL, *(each for each in how.methods if each != "INVITE")))),
        "USER": _quoted(how.user),
    }


def render_tls(settings: Settings, certificates: Certificates) -> str:
    """Return the file that Kamailio's TLS module reads at its start, and again on command.

    Connections that Kamailio opens itself, to a client's contact, verify nothing.
    """
    certificate = settings.expired if certificates.expired else settings.certificate
    lines = [
        "[server:default]",
        "method = TLSv1.2+",
        f'certificate = "{_quoted(certificate or "")}"',
        f'private_key = "{_quoted(settings.key or certificate or "")}"',
    ]
    if settings.client_ca is not None:
        lines += [f'ca_list = "{_quoted(settings.client_ca)}"', "verify_certificate = yes", "require_certificate = yes"]
    if certificates.listed:
        lines.append(f'crl = "{_quoted(settings.revoked or "")}"')
    lines += ["", "[client:default]", "method = TLSv1.2+", "verify_certificate = no", "require_certificate = no"]
    return "\n".join(lines) + "\n"


def itself(settings: Settings) -> str:
    """Return the path of Kamailio's requests to itself, as its log names it."""
    own = Endpoint(settings.address, settings.ports["udp"])
    return f"udp:{own}/{own}"


def _word(yes: bool) -> str:  # noqa: FBT001  (the value is what it is about)
    return "yes" if yes else "no"


def _quoted(text: str) -> str:
    """Return the text for use between double quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
