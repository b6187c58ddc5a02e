"""A local certificate authority with a server certificate under it, for operators without a certificate.

Encoders such as OBS check the chain and the host name against the system's authorities, so a bare self-signed certificate does
not work; a local authority can be trusted once and kept. Profile: RFC 5280 §4.2, names as RFC 6125 wants them (SAN only). An
address is written as a dNSName, too: the TLS library of OBS (mbedTLS 2.28) compares addresses with nothing else.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from providers.local.tls.context import CertificateFiles, CertificateUnusable

log = structlog.get_logger(__name__)

AUTHORITY_LIFETIME = timedelta(days=3650)
SERVER_LIFETIME = timedelta(days=397)
"""The longest that all major clients accept."""
RENEW_BEFORE = timedelta(days=30)
"""A certificate with less time left than this is renewed at the next start."""
BACKDATED = timedelta(days=1)
"""Certificates are valid a little before they are made, for clients whose clocks are late."""

AUTHORITY_NAME = "Live stream conference local CA"
MAX_COMMON_NAME = 64
"""Characters (RFC 5280, ub-common-name)."""


@dataclass(frozen=True, slots=True)
class CertificateDescription:
    """The facts about a certificate. `names` are its host names and addresses."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    expires: datetime


@dataclass(frozen=True, slots=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def ensure_local_certificate(
    directory: Path, hostnames: Sequence[str], *, now: datetime | None = None
) -> CertificateFiles:
    """Return the local certificate for `hostnames` (names or IP addresses, at least one) under `directory`; make it if needed.

    The authority is kept as long as it is valid; the server certificate is renewed when it is near its end or the names have
    changed. Blocks for some ms. Errors: OSError.
    """
    moment = now or datetime.now(UTC)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = CertificateFiles(directory / "server.pem", directory / "server.key", directory / "ca.pem")
    authority = _load(directory / "ca.pem", directory / "ca.key")
    if authority is None or not _lasts(authority, moment):
        authority = _make_authority(moment)
        _store(authority, directory / "ca.pem", directory / "ca.key")
        log.info("local certificate authority made", certificate=str(directory / "ca.pem"))
    server = _load(files.certificate, files.key)
    if server is None or not _lasts(server, moment) or not _fits(server, authority, hostnames):
        server = _make_server(authority, hostnames, moment)
        _store(server, files.certificate, files.key, authority.certificate)
        log.info("server certificate made", certificate=str(files.certificate), names=list(hostnames))
    return files


def describe(certificate: Path) -> CertificateDescription:
    """Describe the first certificate in the file. Errors: CertificateUnusable."""
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise CertificateUnusable(f"{certificate}: {error}") from error
    return CertificateDescription(
        subject=found.subject.rfc4514_string(),
        issuer=found.issuer.rfc4514_string(),
        names=tuple(dict.fromkeys(str(name.value) for name in _alternative_names(found))),
        expires=found.not_valid_after_utc,
    )


def _load(certificate: Path, key: Path) -> _Pair | None:
    """Return the stored pair, or None if it is missing, damaged or incomplete."""
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError):
        return None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != found.public_key():
        return None
    return _Pair(found, private)


def _lasts(pair: _Pair, moment: datetime) -> bool:
    return pair.certificate.not_valid_after_utc - moment > RENEW_BEFORE


def _fits(server: _Pair, authority: _Pair, hostnames: Sequence[str]) -> bool:
    """Whether the certificate is for these names and signed by this authority."""
    try:
        server.certificate.verify_directly_issued_by(authority.certificate)
    except Exception:  # InvalidSignature, ValueError or TypeError, by what does not match
        return False
    return set(_alternative_names(server.certificate)) == set(_general_names(hostnames))


def _general_names(hostnames: Sequence[str]) -> list[x509.GeneralName]:
    """Every name once, then every address as what it is, then every address as a name."""
    names: list[x509.GeneralName] = []
    addresses: list[x509.GeneralName] = []
    for name in hostnames:
        try:
            addresses.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            names.append(x509.DNSName(name.lower()))
    return list(dict.fromkeys([*names, *addresses, *(x509.DNSName(str(each.value)) for each in addresses)]))


def _alternative_names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [name for name in extension.value if isinstance(name, (x509.DNSName, x509.IPAddress))]


def _make_authority(moment: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _common_name(AUTHORITY_NAME)
    builder = _builder(name, name, key, moment, AUTHORITY_LIFETIME)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(sign=True), critical=True)
    return _Pair(builder.sign(key, hashes.SHA256()), key)


def _make_server(authority: _Pair, hostnames: Sequence[str], moment: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    lifetime = min(SERVER_LIFETIME, issuer.not_valid_after_utc - moment)
    builder = _builder(_common_name(hostnames[0]), issuer.subject, key, moment, lifetime)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    for extension, critical in (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(sign=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName(_general_names(hostnames)), False),
        (identifier, False),
    ):
        builder = builder.add_extension(extension, critical=critical)
    return _Pair(builder.sign(authority.key, hashes.SHA256()), key)


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:MAX_COMMON_NAME])])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, moment: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - BACKDATED)
        .not_valid_after(moment + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=sign,
        crl_sign=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _store(pair: _Pair, certificate: Path, key: Path, *chain: x509.Certificate) -> None:
    private = pair.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(key, private, 0o600)
    pems = [each.public_bytes(serialization.Encoding.PEM) for each in (pair.certificate, *chain)]
    _write(certificate, b"".join(pems), 0o644)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Replace the file in one step; a key is never readable by others, not for a moment."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    temporary.replace(path)
