"""Who listens in a node, and who it says it is."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from lab.network import netns

_EXPIRED = 10  # openssl/x509_vfy.h: X509_V_ERR_CERT_HAS_EXPIRED
_ANSWERS_WITHIN_S = 1.0  # within one node

_LISTEN = "0A"  # include/net/tcp_states.h: TCP_LISTEN


def listening(namespace: int) -> frozenset[int]:
    """The TCP ports of IPv4 on which anybody in the namespace listens."""
    with netns.entered(namespace):
        table = Path("/proc/thread-self/net/tcp").read_text("ascii")
    rows = (line.split() for line in table.splitlines()[1:])
    return frozenset(int(local.rpartition(":")[2], 16) for _, local, _, state, *_ in rows if state == _LISTEN)


def certificate_met(namespace: int, address: str, port: int, ca: Path) -> str:
    """What somebody in the namespace who trusts ``ca`` makes of a TLS server's certificate.

    ``valid``, ``expired``, or what else is wrong, in words. Not noticed on any link if the address is the node's own.
    """
    context = ssl.create_default_context(cafile=ca)
    with netns.entered(namespace):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with sock:
        sock.settimeout(_ANSWERS_WITHIN_S)
        try:
            sock.connect((address, port))
            context.wrap_socket(sock, server_hostname=address).close()
        except ssl.SSLCertVerificationError as error:
            return "expired" if error.verify_code == _EXPIRED else str(error.verify_message)
        except OSError as error:
            return str(error)
    return "valid"
