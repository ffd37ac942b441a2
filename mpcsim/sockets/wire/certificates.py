"""Certificates: one a role, of an authority whose key nobody keeps; and contexts of TLS that check them.

A certificate names its role, and a peer is believed to be a role only by it. To add a role, or to replace a
key that leaked, all are made anew: the authority's key exists only while `make` runs.
"""

from __future__ import annotations

import datetime
import os
import ssl
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from mpcsim.errors import InputError

COLLECTOR = "@collector"
"""The role of who collects the record; no party can be called so."""
_PREFIX = "mpcsim:role/"
_AUTHORITY = "authority.pem"
_DAYS = 365


def file_name(role: str) -> str:
    """Return what a role's files are called, whatever characters it has."""
    return quote(role, safe="@")


def make(folder: Path, roles: Sequence[str], days: int = _DAYS) -> list[Path]:
    """Write a certificate and a key for each role and for the collector, and the authority's certificate.

    Args:
        folder: new or empty.
        roles: of the scenario.
        days: how long the certificates are valid.

    Returns:
        The folders, one a role: what its machine needs, and no other's.

    Raises:
        InputError: the folder is in use or cannot be written.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: is in use; accepted for certificates: a new or an empty folder")
    begin = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)  # clocks differ
    end = begin + datetime.timedelta(days=days, hours=1)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])

    def builder(subject: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("mpcsim authority"))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
        )

    def usage(*, signs: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
            digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
            decipher_only=False,
        )  # fmt: skip

    authority = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority.public_key())
    root = (
        builder("mpcsim authority", authority.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(signs=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(authority, hashes.SHA256())
    )
    made = []
    try:
        for role in [*roles, COLLECTOR]:
            key = ec.generate_private_key(ec.SECP256R1())
            both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            named = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(_uri(role))])
            from_root = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
            certificate = (
                builder(file_name(role), key.public_key())
                .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                .add_extension(usage(signs=False), critical=True)
                .add_extension(x509.ExtendedKeyUsage(both), critical=False)
                .add_extension(named, critical=False)
                .add_extension(from_root, critical=False)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
                .sign(authority, hashes.SHA256())
            )
            own = folder / file_name(role)
            own.mkdir(parents=True)
            (own / _AUTHORITY).write_bytes(root.public_bytes(serialization.Encoding.PEM))
            (own / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
            secret = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            descriptor = os.open(own / "key.pem", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secret)
            made.append(own)
    except OSError as error:
        raise InputError(f"{folder}: certificates cannot be written: {error.strerror}") from None
    return made


def _uri(role: str) -> str:
    return _PREFIX + quote(role, safe="")


def contexts(folder: Path, role: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return what a role accepts and opens connections with: TLS 1.3 alone, both ends with a certificate.

    Raises:
        InputError: its files are missing or damaged.
    """
    own = folder / file_name(role)
    found = []
    for purpose in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT):
        context = ssl.SSLContext(purpose)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False  # a role's name is checked instead, by `role_of`
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        if purpose == ssl.PROTOCOL_TLS_SERVER:
            context.num_tickets = 0
        try:
            context.load_cert_chain(own / "certificate.pem", own / "key.pem")
            context.load_verify_locations(own / _AUTHORITY)
        except (OSError, ssl.SSLError) as error:
            raise InputError(
                f"{own}: no certificate of {role} here: {error.strerror or error}; `mpcsim certificates` "
                "makes them; --plaintext goes without"
            ) from None
        found.append(context)
    return found[0], found[1]


def role_of(stream: ssl.SSLSocket) -> str:
    """Return the role that a peer's certificate names; "" where it names none."""
    from urllib.parse import unquote

    alternatives = (stream.getpeercert() or {}).get("subjectAltName", ())
    for entry in alternatives:
        kind, value = str(entry[0]), str(entry[1])
        if kind == "URI" and value.startswith(_PREFIX):
            return unquote(value.removeprefix(_PREFIX))
    return ""
