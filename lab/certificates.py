"""Names the certificates of a run, which ``lab.certificate_authority`` issues.

Worlds import this, so it imports no cryptography, whose modules take a third of the start of a guest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

SPAN = timedelta(days=400)
"""Validity before and after now: a scenario may last 400 days of virtual time, from a clock set anywhere near now."""
EXPIRED_SINCE = timedelta(days=2)
"""How long the expired certificate has been that: more than two clocks on one planet can differ."""
NAME = "sip.example.com"
"""DNS name in the server certificate, besides its addresses (RFC 2606 §3)."""
CLIENT = "alice"
"""The client certificate's common name."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files; keys have mode 0600.

    Attributes:
        ca: the authority's certificate.
        certificate, expired, key: the server's, one that has expired, and the key of both.
        client, client_key: the client's.
        revoked: the authority's revocation list, which has the client's (RFC 5280 §5).
    """

    ca: Path
    certificate: Path
    expired: Path
    key: Path
    client: Path
    client_key: Path
    revoked: Path

    @classmethod
    def below(cls, folder: Path) -> Certificates:
        """Return the names of the files in a folder."""
        return cls(
            ca=folder / "ca.pem",
            certificate=folder / "server.pem",
            expired=folder / "expired.pem",
            key=folder / "server.key",
            client=folder / "client.pem",
            client_key=folder / "client.key",
            revoked=folder / "revoked.pem",
        )

    @property
    def of_server(self) -> tuple[Path, ...]:
        """The files that the server needs; the client's are not among them."""
        return self.ca, self.certificate, self.expired, self.key, self.revoked
