"""Derives the keys of TLS connections from the lines of an NSS key log, and opens records (RFC 5246, RFC 8446).

scapy's TLS layer is not used: it keeps each connection's messages, and reads a record forty times as slowly.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import Any

Secrets = dict[tuple[bytes, str], bytes]
"""Secrets by client random and label."""

MOST_SECRETS = 100_000
TLS_1_2, TLS_1_3 = 0x0303, 0x0304


@dataclass(frozen=True, slots=True)
class Suite:
    """A cipher suite: its hash, the kind of its cipher, and bytes of key, MAC key and fixed nonce."""

    hash: str
    cipher: str
    key: int
    mac: int = 0
    nonce: int = 4


_GCM_128, _GCM_256 = Suite("sha256", "gcm", 16), Suite("sha384", "gcm", 32)
_CHACHA = Suite("sha256", "chacha", 32, nonce=12)
SUITES: dict[int, Suite] = {  # IANA TLS Cipher Suites
    0x1301: _GCM_128, 0x1302: _GCM_256, 0x1303: _CHACHA,
    **dict.fromkeys((0x009C, 0x009E, 0xC02B, 0xC02F), _GCM_128),
    **dict.fromkeys((0x009D, 0x009F, 0xC02C, 0xC030), _GCM_256),
    **dict.fromkeys((0xCCA8, 0xCCA9, 0xCCAA), _CHACHA),
    **dict.fromkeys((0x002F, 0x0033, 0xC009, 0xC013), Suite("sha256", "cbc-sha1", 16, 20, 0)),
    **dict.fromkeys((0x0035, 0x0039, 0xC00A, 0xC014), Suite("sha256", "cbc-sha1", 32, 20, 0)),
    **dict.fromkeys((0x003C, 0x0067, 0xC023, 0xC027), Suite("sha256", "cbc-sha256", 16, 32, 0)),
    **dict.fromkeys((0x003D, 0x006B), Suite("sha256", "cbc-sha256", 32, 32, 0)),
    **dict.fromkeys((0xC024, 0xC028), Suite("sha384", "cbc-sha384", 32, 48, 0)),
}  # fmt: skip


def read_key_log(data: bytes, into: Secrets) -> int:
    """Add the secrets of a key log, and return how many lines had one; other lines are left out."""
    found = 0
    for line in data.splitlines():
        words = line.split()
        if len(words) != 3 or len(into) >= MOST_SECRETS:
            continue
        try:
            into[bytes.fromhex(words[1].decode()), words[0].decode()] = bytes.fromhex(words[2].decode())
            found += 1
        except (UnicodeDecodeError, ValueError):
            continue
    return found


class Opener:
    """Opens the records of one direction, in their order."""

    def __init__(self, suite: Suite, key: bytes, nonce: bytes, *, version: int, etm: bool = False) -> None:
        self._suite, self._key, self._nonce, self._version, self._etm = suite, key, nonce, version, etm
        self._number = 0

    def open(self, kind: int, header: bytes, body: bytes) -> tuple[int, bytes] | None:
        """Return type and content of a record; None: it cannot be opened."""
        number, self._number = self._number, self._number + 1
        try:
            if self._version == TLS_1_3:
                return self._inner(self._aead(self._mixed(number), body, header))
            return kind, self._old(number, kind, body)
        except Exception:  # noqa: BLE001  (whatever the file holds: cryptography raises what it likes)
            return None

    def _old(self, number: int, kind: int, body: bytes) -> bytes:
        if self._suite.cipher.startswith("cbc"):
            return self._cbc(body)
        explicit = 8 if self._suite.cipher == "gcm" else 0
        size = len(body) - explicit - 16
        about = struct.pack("!QBHH", number, kind, TLS_1_2, size)
        nonce = self._nonce + body[:8] if explicit else self._mixed(number)
        return self._aead(nonce, body[explicit:], about)

    def _cbc(self, body: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        if self._etm:
            body = body[: -self._suite.mac]
        opened = Cipher(algorithms.AES(self._key), modes.CBC(body[:16])).decryptor()
        plain = opened.update(body[16:]) + opened.finalize()
        plain = plain[: -plain[-1] - 1]
        return plain if self._etm else plain[: -self._suite.mac]

    def _mixed(self, number: int) -> bytes:
        return (int.from_bytes(self._nonce, "big") ^ number).to_bytes(12, "big")

    def _aead(self, nonce: bytes, body: bytes, about: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

        cipher: Any = ChaCha20Poly1305(self._key) if self._suite.cipher == "chacha" else AESGCM(self._key)
        plain: bytes = cipher.decrypt(nonce, body, about)
        return plain

    @staticmethod
    def _inner(plain: bytes) -> tuple[int, bytes]:
        plain = plain.rstrip(b"\0")
        return plain[-1], plain[:-1]


def old_openers(
    suite: Suite, master: bytes, client_random: bytes, server_random: bytes, *, etm: bool
) -> tuple[Opener, Opener]:
    """Return what opens the client's and the server's records of TLS 1.2 (RFC 5246 §6.3)."""
    size = 2 * (suite.mac + suite.key + suite.nonce)
    block = _prf(suite.hash, master, b"key expansion" + server_random + client_random, size)
    keys, nonces = block[2 * suite.mac :], block[2 * (suite.mac + suite.key) :]
    return (
        Opener(suite, keys[: suite.key], nonces[: suite.nonce], version=TLS_1_2, etm=etm),
        Opener(suite, keys[suite.key : 2 * suite.key], nonces[suite.nonce : 2 * suite.nonce], version=TLS_1_2, etm=etm),
    )


def new_opener(suite: Suite, secret: bytes) -> Opener:
    """Return what opens records with a traffic secret of TLS 1.3 (RFC 8446 §7.3)."""
    key = _expand_label(suite.hash, secret, b"key", suite.key)
    return Opener(suite, key, _expand_label(suite.hash, secret, b"iv", 12), version=TLS_1_3)


def next_secret(suite: Suite, secret: bytes) -> bytes:
    """Return the traffic secret after a KeyUpdate (RFC 8446 §7.2)."""
    return _expand_label(suite.hash, secret, b"traffic upd", hashlib.new(suite.hash).digest_size)


def _prf(name: str, secret: bytes, seed: bytes, size: int) -> bytes:
    def made(text: bytes) -> bytes:
        return hmac.new(secret, text, name).digest()

    found, chain = b"", seed
    while len(found) < size:
        chain = made(chain)
        found += made(chain + seed)
    return found[:size]


def _expand_label(name: str, secret: bytes, label: bytes, size: int) -> bytes:
    full = b"tls13 " + label
    info = struct.pack("!HB", size, len(full)) + full + b"\0"
    found, block, counter = b"", b"", 1
    while len(found) < size:
        block = hmac.new(secret, block + info + bytes([counter]), name).digest()
        found, counter = found + block, counter + 1
    return found[:size]
