"""Follows one TLS connection: its records, and their content as far as the secrets open them. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from lab.importing.tls_keys import SUITES, TLS_1_3, Opener, Secrets, Suite, new_opener, next_secret, old_openers

_CHANGE, _ALERT, _HANDSHAKE, _DATA = 20, 21, 22, 23
_KINDS = {_CHANGE: "other", _ALERT: "alert", _HANDSHAKE: "handshake", _DATA: "data"}
_CLIENT_HELLO, _SERVER_HELLO, _FINISHED, _KEY_UPDATE = 1, 2, 20, 24
_SUPPORTED_VERSIONS, _ENCRYPT_THEN_MAC = 43, 22
_LARGEST_RECORD = 2**14 + 2048  # RFC 5246 §6.2.3
_CLOSE_NOTIFY = b"\x01\x00"
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")  # RFC 8446 §4.1.3
LARGEST_KEPT = 65_536
"""Bytes of a handshake or a record that are waited for."""


def begins_tls(data: bytes) -> bool:
    """Return whether bytes look like the beginning of a TLS record."""
    return len(data) >= 3 and data[0] in _KINDS and data[1] == 3 and data[2] <= 4


@dataclass(frozen=True, slots=True)
class Seen:
    """A record.

    Attributes:
        kind: as `facts.Record.kind`.
        size: bytes after the header.
        content: of a record with data that was opened; None: it could not be.
        closes: it is a close_notify, as far as can be seen.
    """

    kind: str
    size: int
    content: bytes | None = None
    closes: bool = False


class TlsConnection:
    """One connection; its two directions are told apart by `from_client`."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._random: dict[bool, bytes] = {}
        self._suite: Suite | None = None
        self._version, self._etm = 0, False
        self._buffer = {True: bytearray(), False: bytearray()}
        self._handshake = {True: bytearray(), False: bytearray()}
        self._openers: dict[bool, Opener | None] = {True: None, False: None}
        self._traffic: dict[bool, bytes] = {}
        self._secret_now = {True: False, False: False}

    def feed(self, data: bytes, *, from_client: bool) -> list[Seen]:
        """Return the records that bytes complete."""
        buffer = self._buffer[from_client]
        buffer += data
        found: list[Seen] = []
        while len(buffer) >= 5:
            size = int.from_bytes(buffer[3:5], "big")
            if not begins_tls(bytes(buffer[:3])) or size > _LARGEST_RECORD:
                buffer.clear()  # bytes are missing before this; a later segment may begin a record
                break
            if len(buffer) < 5 + size:
                break
            header, body = bytes(buffer[:5]), bytes(buffer[5 : 5 + size])
            del buffer[: 5 + size]
            found.append(self._record(header, body, from_client=from_client))
        return found

    def gap(self, *, from_client: bool) -> None:
        """Take note that bytes of one direction are missing: its records cannot be opened any more."""
        self._buffer[from_client].clear()
        self._openers[from_client] = None
        self._traffic.pop(from_client, None)

    def _record(self, header: bytes, body: bytes, *, from_client: bool) -> Seen:
        kind = header[0]
        secret = self._secret_now[from_client]
        if not secret and kind == _HANDSHAKE:
            self._handshakes(body, from_client=from_client)
            return Seen("handshake", len(body))
        if kind == _CHANGE:
            self._change(from_client=from_client)
            return Seen("other", len(body))
        if self._version == TLS_1_3 and kind != _DATA:
            return Seen(_KINDS[kind], len(body), closes=kind == _ALERT and body == _CLOSE_NOTIFY)
        opener = self._openers[from_client]
        opened = None if opener is None else opener.open(kind, header, body)
        if opened is None:
            closes = kind == _ALERT and (body == _CLOSE_NOTIFY or secret)
            return Seen(_KINDS[kind], len(body), closes=closes)
        inner, content = opened
        if inner == _HANDSHAKE:
            self._handshakes(content, from_client=from_client)
        if inner == _DATA:
            return Seen("data", len(body), content)
        return Seen(_KINDS.get(inner, "other"), len(body), closes=inner == _ALERT and content == _CLOSE_NOTIFY)

    def _change(self, *, from_client: bool) -> None:
        """Take a ChangeCipherSpec; in TLS 1.3 it means nothing."""
        if self._version == TLS_1_3:
            return
        self._secret_now[from_client] = True
        master = self._secrets.get((self._random.get(True, b""), "CLIENT_RANDOM"))
        if master is None or self._suite is None or len(self._random) < 2:
            return
        openers = old_openers(self._suite, master, self._random[True], self._random[False], etm=self._etm)
        self._openers[from_client] = openers[0 if from_client else 1]

    def _handshakes(self, data: bytes, *, from_client: bool) -> None:
        buffer = self._handshake[from_client]
        buffer += data
        while len(buffer) >= 4:
            size = int.from_bytes(buffer[1:4], "big")
            if size > LARGEST_KEPT:
                buffer.clear()
                return
            if len(buffer) < 4 + size:
                return
            kind, body = buffer[0], bytes(buffer[4 : 4 + size])
            del buffer[: 4 + size]
            self._message(kind, body, from_client=from_client)

    def _message(self, kind: int, body: bytes, *, from_client: bool) -> None:
        if kind == _CLIENT_HELLO and from_client:
            self._random[True] = body[2:34]
        elif kind == _SERVER_HELLO and not from_client and body[2:34] != _RETRY:
            self._server_hello(body)
        elif kind == _FINISHED and self._version == TLS_1_3:
            self._use("CLIENT_TRAFFIC_SECRET_0" if from_client else "SERVER_TRAFFIC_SECRET_0", from_client=from_client)
        elif kind == _KEY_UPDATE and from_client in self._traffic and self._suite is not None:
            self._traffic[from_client] = next_secret(self._suite, self._traffic[from_client])
            self._openers[from_client] = new_opener(self._suite, self._traffic[from_client])

    def _server_hello(self, body: bytes) -> None:
        self._random[False] = body[2:34]
        at = 35 + (body[34] if len(body) > 34 else 0)
        self._suite = SUITES.get(int.from_bytes(body[at : at + 2], "big"))
        self._version = int.from_bytes(body[:2], "big")
        at += 5
        while at + 4 <= len(body):
            kind, size = int.from_bytes(body[at : at + 2], "big"), int.from_bytes(body[at + 2 : at + 4], "big")
            if kind == _SUPPORTED_VERSIONS:
                self._version = int.from_bytes(body[at + 4 : at + 6], "big")
            self._etm = self._etm or kind == _ENCRYPT_THEN_MAC
            at += 4 + size
        if self._version == TLS_1_3:
            self._use("CLIENT_HANDSHAKE_TRAFFIC_SECRET", from_client=True)
            self._use("SERVER_HANDSHAKE_TRAFFIC_SECRET", from_client=False)
            self._secret_now = {True: True, False: True}

    def _use(self, label: str, *, from_client: bool) -> None:
        secret = self._secrets.get((self._random.get(True, b""), label))
        if secret is None or self._suite is None:
            self._openers[from_client] = None
            return
        self._traffic[from_client] = secret
        self._openers[from_client] = new_opener(self._suite, secret)
