"""The local certificate authority, and the ingest behind TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from providers.local.ingest.server import IngestServer
from providers.local.tls.authority import SERVER_LIFETIME, describe, ensure_local_certificate
from providers.local.tls.context import CertificateFiles, CertificateUnusable, reload, server_context
from service.concurrency.tasks import Tasks
from tests.unit.providers.local.ingest.clients import Client
from tests.unit.providers.local.ingest.gates import RecordingGate
from tests.unit.providers.local.ingest.listening import LIMITS
from tests.waiting import until

NAMES = ["localhost", "127.0.0.1", "::1"]


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    return ensure_local_certificate(tmp_path, NAMES)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_the_certificate_names_hosts_and_addresses_and_its_authority(files: CertificateFiles) -> None:
    description = describe(files.certificate)

    assert description.names == ("localhost", "127.0.0.1", "::1")
    assert description.subject == "CN=localhost"
    assert files.authority is not None
    assert description.issuer == describe(files.authority).subject


def alternative_names(certificate: Path) -> list[x509.GeneralName]:
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    return list(found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)


def test_addresses_are_written_as_names_too(files: CertificateFiles) -> None:
    """The TLS library of OBS compares the host with nothing else."""
    addresses = [ip_address("127.0.0.1"), ip_address("::1")]

    assert alternative_names(files.certificate) == [
        x509.DNSName("localhost"),
        *map(x509.IPAddress, addresses),
        *(x509.DNSName(str(each)) for each in addresses),
    ]


def issue_again(files: CertificateFiles, names: list[x509.GeneralName]) -> None:
    """Replace the server certificate by one with these alternative names, from the same authority and for the same key."""
    assert files.authority is not None
    before = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    key = load_pem_private_key(files.authority.with_suffix(".key").read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    builder = x509.CertificateBuilder().issuer_name(before.issuer).subject_name(before.subject)
    builder = builder.public_key(before.public_key()).serial_number(before.serial_number)
    builder = builder.not_valid_before(before.not_valid_before_utc).not_valid_after(before.not_valid_after_utc)
    signed = builder.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(key, SHA256())
    files.certificate.write_bytes(signed.public_bytes(Encoding.PEM))


def test_a_certificate_that_has_addresses_only_as_addresses_is_renewed(files: CertificateFiles, tmp_path: Path) -> None:
    addresses = [x509.IPAddress(ip_address("127.0.0.1")), x509.IPAddress(ip_address("::1"))]
    issue_again(files, [x509.DNSName("localhost"), *addresses])
    assert x509.DNSName("127.0.0.1") not in alternative_names(files.certificate)
    authority = (tmp_path / "ca.pem").read_bytes()
    ensure_local_certificate(tmp_path, NAMES)

    assert x509.DNSName("127.0.0.1") in alternative_names(files.certificate)
    assert (tmp_path / "ca.pem").read_bytes() == authority


def test_only_the_owner_may_read_the_keys(files: CertificateFiles, tmp_path: Path) -> None:
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("*.key")} == {
        "server.key": 0o600,
        "ca.key": 0o600,
    }


def test_a_certificate_that_still_fits_is_kept(files: CertificateFiles, tmp_path: Path) -> None:
    before = contents(tmp_path)
    ensure_local_certificate(tmp_path, list(reversed(NAMES)))

    assert contents(tmp_path) == before


def test_other_names_make_a_new_certificate_under_the_same_authority(files: CertificateFiles, tmp_path: Path) -> None:
    before = contents(tmp_path)
    ensure_local_certificate(tmp_path, ["stream.example.org"])
    after = contents(tmp_path)

    assert describe(files.certificate).names == ("stream.example.org",)
    assert (after["ca.pem"], after["ca.key"]) == (before["ca.pem"], before["ca.key"])
    assert after["server.key"] != before["server.key"]


def test_a_certificate_near_its_end_is_renewed(files: CertificateFiles, tmp_path: Path) -> None:
    before = describe(files.certificate).expires
    ensure_local_certificate(tmp_path, NAMES, now=datetime.now(UTC) + SERVER_LIFETIME - timedelta(days=29))

    assert describe(files.certificate).expires > before + timedelta(days=300)


def test_no_suite_without_authenticated_encryption_is_offered(files: CertificateFiles) -> None:
    offered = [str(each["name"]) for each in server_context(files.certificate, files.key).get_ciphers()]

    assert offered
    assert [name for name in offered if "GCM" not in name and "CHACHA20" not in name] == []
    assert all(name.startswith(("ECDHE-", "TLS_")) for name in offered)


@pytest.mark.parametrize("name", ["server.pem", "server.key", "ca.pem", "ca.key"])
def test_a_damaged_file_is_replaced(files: CertificateFiles, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"half wri")
    server_context_of = ensure_local_certificate(tmp_path, NAMES)

    server_context(server_context_of.certificate, server_context_of.key)
    assert describe(files.certificate).names == ("localhost", "127.0.0.1", "::1")


def test_a_key_of_another_certificate_is_unusable(files: CertificateFiles, tmp_path: Path) -> None:
    other = ensure_local_certificate(tmp_path / "other", NAMES)
    with pytest.raises(CertificateUnusable):
        server_context(files.certificate, other.key)


@pytest.mark.parametrize("damage", ["missing", "empty"])
def test_a_certificate_that_cannot_be_read_is_unusable(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "server.pem"
    if damage == "empty":
        path.write_bytes(b"")
    with pytest.raises(CertificateUnusable, match=r"server\.pem"):
        describe(path)
    with pytest.raises(CertificateUnusable, match=r"server\.pem"):
        server_context(path, path)


@pytest.fixture
async def server(tasks: Tasks) -> AsyncIterator[IngestServer]:
    server = IngestServer(RecordingGate(), tasks.spawn, LIMITS)
    yield server
    await server.aclose()
    assert server.counters.connections == 0


def trusting(files: CertificateFiles) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=files.authority)


async def test_an_encoder_that_trusts_the_authority_publishes_encrypted(
    files: CertificateFiles, server: IngestServer
) -> None:
    port = await server.listen("127.0.0.1", 0, server_context(files.certificate, files.key))
    client = await Client.connect(port, trusting(files))
    client.publish()

    assert await client.read_statuses() == [("status", "NetStream.Publish.Start")]
    assert isinstance(server.gate, RecordingGate)
    assert server.gate.requests[0].encrypted
    await client.close()


async def test_the_last_word_reaches_an_encoder_behind_tls(files: CertificateFiles, server: IngestServer) -> None:
    port = await server.listen("127.0.0.1", 0, server_context(files.certificate, files.key))
    client = await Client.connect(port, trusting(files))
    client.publish("wrong")

    assert await client.read_statuses() == [("error", "NetStream.Publish.BadName")]
    await client.close()


async def test_plain_rtmp_on_the_tls_port_is_hung_up_on(files: CertificateFiles, server: IngestServer) -> None:
    port = await server.listen("127.0.0.1", 0, server_context(files.certificate, files.key))
    client = await Client.connect(port)
    client.publish()
    await client.read_to_end()

    assert server.counters.refused == {"tls_handshake": 1}
    await client.close()
    await server.aclose()


async def test_a_socket_that_never_starts_tls_is_closed_in_time(files: CertificateFiles, tasks: Tasks) -> None:
    server = IngestServer(RecordingGate(), tasks.spawn, replace(LIMITS, tls_handshake_timeout=0.2))
    port = await server.listen("127.0.0.1", 0, server_context(files.certificate, files.key))
    client = await Client.connect(port)

    assert await client.read_to_end() == b""
    assert server.counters.refused == {"tls_handshake": 1}
    await client.close()
    await server.aclose()


async def test_stopping_does_not_wait_for_tls_handshakes(files: CertificateFiles, tasks: Tasks) -> None:
    server = IngestServer(RecordingGate(), tasks.spawn, LIMITS)
    port = await server.listen("127.0.0.1", 0, server_context(files.certificate, files.key))
    client = await Client.connect(port)
    await until(lambda: server.counters.connections > 0)
    async with asyncio.timeout(LIMITS.stop_timeout):
        await server.aclose()

    assert server.counters.connections == 0
    await client.close()


async def test_a_reloaded_certificate_is_shown_from_the_next_handshake_on(
    files: CertificateFiles, server: IngestServer, tmp_path: Path
) -> None:
    context = server_context(files.certificate, files.key)
    port = await server.listen("127.0.0.1", 0, context)
    other = ensure_local_certificate(tmp_path / "other", ["localhost"])
    running = await Client.connect(port, trusting(files))
    reload(context, other)

    fresh = await Client.connect(port, trusting(other))
    running.publish()
    assert await running.read_statuses() == [("status", "NetStream.Publish.Start")]
    with pytest.raises(ssl.SSLCertVerificationError):
        await Client.connect(port, trusting(files))
    for client in (running, fresh):
        await client.close()


async def test_a_reload_that_fails_leaves_the_old_certificate_in_use(
    files: CertificateFiles, server: IngestServer, tmp_path: Path
) -> None:
    context = server_context(files.certificate, files.key)
    port = await server.listen("127.0.0.1", 0, context)
    other = ensure_local_certificate(tmp_path / "other", ["localhost"])
    with pytest.raises(CertificateUnusable):
        reload(context, CertificateFiles(other.certificate, files.key))

    client = await Client.connect(port, trusting(files))
    await client.close()
