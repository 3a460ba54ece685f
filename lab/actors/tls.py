"""Does TLS on memory buffers, so that the caller sees why a handshake failed or a connection ended."""

from __future__ import annotations

import contextlib
import ssl
from typing import Any


class Tls:
    """One TLS connection, without the socket."""

    def __init__(self, context: ssl.SSLContext, *, server_side: bool) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=server_side)
        self.established = False
        self.ended = False  # a close_notify came

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the network (none: begin the handshake) and return the plain text they hold.

        Raises:
            ssl.SSLError: the peer breaks the protocol or has no cipher in common; ``take`` may hold an alert for it.
        """
        self._incoming.write(data)
        plain = bytearray()
        try:
            if not self.established:
                self._object.do_handshake()
                self.established = True
            while chunk := self._object.read(65536):
                plain += chunk
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        return bytes(plain)

    def write(self, plain: bytes) -> None:
        """Encrypt; ``take`` has the result."""
        self._object.write(plain)

    def take(self) -> bytes:
        """Return what is to be sent to the network."""
        return self._outgoing.read()

    def certified(self) -> str:
        """Return the common name in the peer's verified certificate; empty if none was requested."""
        names: Any = (self._object.getpeercert() or {}).get("subject", ())
        return next((value for part in names for key, value in part if key == "commonName"), "")

    def close(self) -> None:
        """Write a close_notify, if the handshake got that far."""
        if self.established:
            with contextlib.suppress(ssl.SSLWantReadError):  # the peer's close_notify is not awaited
                self._object.unwrap()
