"""Opens connections to the server besides pjsip's own; pjsip's event loop reads them."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable

from lab.actors.tls import Tls
from lab.clients.pjsip.library import Library
from lab.clients.pjsip.receiver import Receiver
from lab.clients.pjsip.settings import Settings
from lab.model.scenario import Transport


class ServerConnection:
    """TCP to where pjsip's connections go, with TLS if they have it. See ``Client.connect``.

    Args:
        library: pjsip, running.
        settings: of the client; its transport is TCP or TLS.
        on_data: gets what is received; at first ``b""``, once data can be sent.
        on_end: called once at an end that ``close`` did not make.
    """

    def __init__(
        self, library: Library, settings: Settings, on_data: Callable[[bytes], None], on_end: Callable[[], None]
    ) -> None:
        self._on_data = on_data
        self._on_end = on_end
        self._open = self._closed = False
        self._tls = Tls(_context(settings), server_side=False) if settings.transport is Transport.TLS else None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)  # noqa: FBT003  (the stdlib's signature)
        address = (settings.server, settings.port)
        self._receiver = Receiver(library, self._socket, self._received, connect_to=address, on_open=self._connected)

    def send(self, data: bytes) -> None:
        """See ``lab.mitigations.base.Connection``."""
        if self._tls is None:
            self._write(data)
        else:
            self._tls.write(data)
            self._write(self._tls.take())

    def close(self) -> None:
        """See ``lab.mitigations.base.Connection``."""
        if not self._closed:
            self._closed = True
            self._receiver.close()
            self._socket.close()

    def _connected(self) -> None:
        if self._tls is None:
            self._open = True
            self._on_data(b"")
        else:
            self._feed(b"")

    def _received(self, data: bytes) -> None:
        if self._closed:
            return
        if not data:
            self._end()
        elif self._tls is None:
            self._on_data(data)
        else:
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        """Take bytes from the network, or begin the handshake."""
        assert self._tls is not None
        try:
            plain = self._tls.feed(data)
        except ssl.SSLError:
            self._end()
            return
        self._write(self._tls.take())
        if self._tls.established and not self._open:
            self._open = True
            self._on_data(b"")
        if plain:
            self._on_data(plain)
        if self._tls.ended:
            self._end()

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the end of the connection is told by reading; what is unsent is lost
            self._socket.send(data)

    def _end(self) -> None:
        if not self._closed:
            self.close()
            self._on_end()


def _context(settings: Settings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE if settings.ca is None else ssl.CERT_REQUIRED
    if settings.ca is not None:
        context.load_verify_locations(settings.ca)
    if settings.certificate is not None:
        context.load_cert_chain(settings.certificate, settings.key)
    return context
