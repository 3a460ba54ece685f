"""The run's own authority."""

from __future__ import annotations

import contextlib
import ssl
import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509

from lab.certificate_authority import make
from lab.certificates import CLIENT, NAME, SPAN, Certificates
from lab.model.topology import Role
from lab.runner.parts import parts
from tests.records import cell


def handshake(ca: Path, certificate: Path, key: Path, hostname: str) -> str | None:
    """Let Python's own TLS judge, without sockets; return the cipher."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate, key)
    server_context.maximum_version = ssl.TLSVersion.TLSv1_2  # as the client under test
    client_context = ssl.create_default_context(cafile=ca)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(down, up, server_hostname=hostname)
    server = server_context.wrap_bio(up, down, server_side=True)
    for side in (client, server, client, server, client):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    cipher = client.cipher()
    return cipher[0] if cipher else None


def test_a_client_that_knows_the_authority_believes_the_server(tmp_path: Path) -> None:
    """By address and by name, not by another address; the key is the owner's alone."""
    made = make(tmp_path, "203.0.113.10")
    for name in ("203.0.113.10", NAME):
        assert (handshake(made.ca, made.certificate, made.key, name) or "").startswith("ECDHE-ECDSA-")
    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        handshake(made.ca, made.certificate, made.key, "203.0.113.11")
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600


def test_one_that_has_expired(tmp_path: Path) -> None:
    """Refused for that alone: authority, key and names are those of the valid one."""
    made = make(tmp_path, "203.0.113.10")
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"):
        handshake(made.ca, made.expired, made.key, "203.0.113.10")
    valid, expired = (x509.load_pem_x509_certificate(path.read_bytes()) for path in (made.certificate, made.expired))
    assert (expired.subject, expired.issuer, expired.public_key()) == (valid.subject, valid.issuer, valid.public_key())
    assert datetime.now(timezone.utc) - expired.not_valid_after_utc > timedelta(days=1)


def test_the_clients(tmp_path: Path) -> None:
    """A server that asks for it knows by it who the client is, until it looks at the revocation list."""
    made = make(tmp_path, "203.0.113.10")
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(made.certificate, made.key)
    server_context.maximum_version = ssl.TLSVersion.TLSv1_2
    server_context.load_verify_locations(made.ca)
    server_context.verify_mode = ssl.CERT_REQUIRED

    def subject(*, shown: bool) -> object:
        client_context = ssl.create_default_context(cafile=made.ca)
        if shown:
            client_context.load_cert_chain(made.client, made.client_key)
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = client_context.wrap_bio(down, up, server_hostname="203.0.113.10")
        server = server_context.wrap_bio(up, down, server_side=True)
        for side in (client, server, client, server, client):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
        return (server.getpeercert() or {})["subject"]

    assert subject(shown=True) == ((("commonName", CLIENT),),)
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        subject(shown=False)
    server_context.load_verify_locations(made.revoked)
    server_context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate revoked"):
        subject(shown=True)
    assert stat.S_IMODE(made.client_key.stat().st_mode) == 0o600


def test_two_runs_do_not_trust_each_other(tmp_path: Path) -> None:
    """Each run has its own authority."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = make(tmp_path / "a", "127.0.0.1"), make(tmp_path / "b", "127.0.0.1")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(other.ca, one.certificate, one.key, "127.0.0.1")


def test_validity(tmp_path: Path) -> None:
    """As asked for; else wide enough for virtual time to move far, either way."""
    start, end = datetime(2031, 1, 2, tzinfo=timezone.utc), datetime(2031, 3, 4, tzinfo=timezone.utc)
    made = make(tmp_path, "127.0.0.1", not_before=start, not_after=end)
    for path in (made.ca, made.certificate):
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        assert (certificate.not_valid_before_utc, certificate.not_valid_after_utc) == (start, end)
    certificate = x509.load_pem_x509_certificate(make(tmp_path, "127.0.0.1").certificate.read_bytes())
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == 2 * SPAN
    assert abs(certificate.not_valid_after_utc - SPAN - datetime.now(timezone.utc)) < timedelta(minutes=1)


def test_the_server_is_given_no_file_of_the_clients(tmp_path: Path) -> None:
    """A container sees the files that its actor reads, and no others: the client's key is not among the server's."""
    made = make(tmp_path, "203.0.113.10")
    assert made == Certificates.below(tmp_path)
    assert set(tmp_path.iterdir()) - set(made.of_server) == {made.client, made.client_key}
    one = cell()
    specs = parts(one, tmp_path / "cell", tmp_path)
    assert set(specs[one.topology.only(Role.SERVER).name].reads) == set(made.of_server)
