"""Finds listening sockets in a node, and tests which certificates and names they present."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from pathlib import Path

from lab.network import netns

_EXPIRED = 10  # openssl/x509_vfy.h: X509_V_ERR_CERT_HAS_EXPIRED
DNS_PORT, _SERVFAIL = 53, 2  # RFC 1035 §4.2, §4.1.1
_REVOKED = "SSLV3_ALERT_CERTIFICATE_REVOKED"  # openssl/sslerr.h, for the server's alert (RFC 5246 §7.2.2)
_ANSWERS_WITHIN_S = 1.0  # within one node

_LISTEN = "0A"  # include/net/tcp_states.h: TCP_LISTEN


def open_low_ports(namespace: int) -> None:
    """Let anybody in the namespace listen on any port: an actor in a container has no right to those below 1024."""
    with netns.entered(namespace):
        Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0")


def listening(namespace: int) -> frozenset[int]:
    """Return the TCP ports of IPv4 on which a program in the namespace listens."""
    with netns.entered(namespace):
        table = Path("/proc/thread-self/net/tcp").read_text("ascii")
    rows = (line.split() for line in table.splitlines()[1:])
    return frozenset(int(local.rpartition(":")[2], 16) for _, local, _, state, *_ in rows if state == _LISTEN)


def certificate_met(namespace: int, address: str, port: int, ca: Path) -> str:
    """Return the result of a TLS handshake, from the namespace, with a server, trusting ``ca``.

    ``valid``, ``expired``, or what else is wrong, in words. Not noticed on any link if the address is the node's own.
    """
    try:
        _shake_hands(namespace, address, port, ssl.create_default_context(cafile=ca))
    except ssl.SSLCertVerificationError as error:
        return "expired" if error.verify_code == _EXPIRED else str(error.verify_message)
    except OSError as error:
        return str(error)
    return "valid"


def client_certificate_met(namespace: int, address: str, port: int, ca: Path, certificate: Path, key: Path) -> str:
    """Return the result of a TLS handshake, from the namespace, with a client certificate.

    ``accepted`` (or not asked for), ``revoked``, or what else is wrong, in words. Likewise not noticed on any link.
    """
    context = ssl.create_default_context(cafile=ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # with 1.3 the client is done before it is refused
    context.load_cert_chain(certificate, key)
    try:
        _shake_hands(namespace, address, port, context)
    except ssl.SSLError as error:
        return "revoked" if error.reason == _REVOKED else str(error.reason or error)
    except OSError as error:
        return str(error)
    return "accepted"


def _shake_hands(namespace: int, address: str, port: int, context: ssl.SSLContext) -> None:
    with netns.entered(namespace):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with sock:
        sock.settimeout(_ANSWERS_WITHIN_S)
        sock.connect((address, port))
        context.wrap_socket(sock, server_hostname=address).close()


async def name_met(namespace: int, address: str, name: str) -> str:
    """Return the answer of the name server at an address to a query for its name (RFC 1035), from the namespace.

    The address, ``servfail``, ``silent`` if no answer comes, or another error. Not noticed on any link if the address
    is the node's own.
    """
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = labels + struct.pack("!BHH", 0, 1, 1)  # type A, class IN
    with netns.entered(namespace):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        sock.setblocking(False)  # noqa: FBT003  (the stdlib's signature)
        try:
            sock.connect((address, DNS_PORT))
            sock.send(struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + question)
            answer = asyncio.get_running_loop().sock_recv(sock, 512)
            data = await asyncio.wait_for(answer, _ANSWERS_WITHIN_S)
        except asyncio.TimeoutError:
            return "silent"
        except OSError as error:
            return str(error)
    _, flags, _, answers, *_ = struct.unpack_from("!HHHHHH", data)
    if code := flags & 0xF:
        return "servfail" if code == _SERVFAIL else f"error {code}"
    return socket.inet_ntoa(data[-4:]) if answers else "no-data"
