"""Issues certificates from one authority per run, to the server and to the client."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.certificates import CLIENT, EXPIRED_SINCE, NAME, SPAN, Certificates


def make(
    folder: Path, *addresses: str, not_before: datetime | None = None, not_after: datetime | None = None
) -> Certificates:
    """Make an authority and what it issues; the authority's key is thrown away.

    Args:
        folder: where the files go; it exists.
        addresses: the server's IP addresses.
        not_before: start of the validity of all but the expired, with time zone; None: ``SPAN`` before now.
        not_after: its end, likewise; None: ``SPAN`` after now.
    """
    now = datetime.now(timezone.utc)
    span = (not_before or now - SPAN, not_after or now + SPAN)
    authority_key, server_key, client_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lab CA of one run")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority = (
        _builder(authority_name, authority_name, authority_key, span)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(authority_key, hashes.SHA256())
    )

    def issue(
        name: str, key: ec.EllipticCurvePrivateKey, valid: tuple[datetime, datetime], use: x509.ObjectIdentifier
    ) -> x509.CertificateBuilder:
        return (
            _builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), authority_name, key, valid)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        )

    def server(valid: tuple[datetime, datetime]) -> x509.Certificate:
        own = (x509.IPAddress(ip_address(address)) for address in addresses)
        names = x509.SubjectAlternativeName([*own, x509.DNSName(NAME)])
        certificate = issue(NAME, server_key, valid, ExtendedKeyUsageOID.SERVER_AUTH)
        return certificate.add_extension(names, critical=False).sign(authority_key, hashes.SHA256())

    made = Certificates.below(folder)
    past = (min(span[0], now - SPAN), now - EXPIRED_SINCE)
    client = issue(CLIENT, client_key, span, ExtendedKeyUsageOID.CLIENT_AUTH).sign(authority_key, hashes.SHA256())
    entry = x509.RevokedCertificateBuilder().serial_number(client.serial_number).revocation_date(span[0]).build()
    listed = x509.CertificateRevocationListBuilder().issuer_name(authority_name).add_revoked_certificate(entry)
    revoked = listed.last_update(span[0]).next_update(span[1]).sign(authority_key, hashes.SHA256())
    public = (
        (made.ca, authority),
        (made.certificate, server(span)),
        (made.expired, server(past)),
        (made.client, client),
        (made.revoked, revoked),
    )
    for file, document in public:
        file.write_bytes(document.public_bytes(serialization.Encoding.PEM))
    for file, key in ((made.key, server_key), (made.client_key, client_key)):
        _write_private(file, key)
    return made


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, span: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(span[0])
        .not_valid_after(span[1])
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_private(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    data = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
