"""Opening TLS with the secrets of a key log: versions and cipher suites, made by OpenSSL in memory."""

from __future__ import annotations

import contextlib
import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.importing.tls_keys import Secrets, read_key_log
from lab.importing.tls_stream import Seen, TlsConnection

UP, DOWN = b"REGISTER sip:x SIP/2.0\r\n\r\n", b"\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def _talk(certificate: Path, version: ssl.TLSVersion, ciphers: str, log: Path) -> list[tuple[bool, bytes]]:
    """Return what passed between a client and a server that spoke TLS, and whether the client sent it."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(certificate)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    for each in (server, client):
        each.minimum_version = each.maximum_version = version
        if ciphers:
            each.set_ciphers(ciphers)
    client.keylog_filename = str(log)
    pipes = {True: ssl.MemoryBIO(), False: ssl.MemoryBIO()}  # what the client sent, and the server
    ends = {
        True: client.wrap_bio(pipes[False], pipes[True]),
        False: server.wrap_bio(pipes[True], pipes[False], server_side=True),
    }
    passed: list[tuple[bool, bytes]] = []

    def step(up: bool, do: str, *given: bytes) -> None:
        before = pipes[up].pending
        with contextlib.suppress(ssl.SSLWantReadError):
            getattr(ends[up], do)(*given)
        if pipes[up].pending > before:
            data = pipes[up].read()
            passed.append((up, data[before:]))  # what stood there before has not been read yet
            pipes[up].write(data)

    for _ in range(3):
        step(True, "do_handshake")
        step(False, "do_handshake")
    step(True, "write", UP)
    step(False, "write", DOWN)
    return passed


@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        (ssl.TLSVersion.TLSv1_3, ""),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-GCM-SHA384"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-CHACHA20-POLY1305"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-SHA384"),
    ],
)
def test_records_are_opened(tmp_path: Path, certificate: Path, version: ssl.TLSVersion, ciphers: str) -> None:
    """In both directions; without the secrets, only sizes are seen."""
    log = tmp_path / "keys"
    passed = _talk(certificate, version, ciphers, log)
    secrets: Secrets = {}
    assert read_key_log(log.read_bytes(), secrets)
    assert _data(passed, secrets) == [(True, UP), (False, DOWN)]
    assert [content for _, content in _data(passed, {})] == [None] * len(_data(passed, {}))


def _data(passed: list[tuple[bool, bytes]], secrets: Secrets) -> list[tuple[bool, bytes | None]]:
    connection = TlsConnection(secrets)
    found: list[tuple[bool, Seen]] = []
    for up, data in passed:
        found += [(up, each) for each in connection.feed(data, from_client=up)]
    return [(up, each.content) for up, each in found if each.kind == "data"]
