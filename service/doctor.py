"""`python -m service doctor`: looks at everything the service stands on and says, for each, what to do.

Changes nothing, but for making the data directory. A finding is ok, warn (it will run, but …) or fail (it will not run,
or not do its work).
"""

from __future__ import annotations

import asyncio
import errno
import shutil
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from service.settings import ProviderName, Settings, url_host

if TYPE_CHECKING:
    from sqlalchemy import Connection

CHECK_TIMEOUT = 45.0
"""Seconds one check may take; ffmpeg on a cold disk is the slowest."""

ANSWER_TIMEOUT = 5.0
"""Seconds Redis, our own HTTP or the provider have to answer."""

FREE_FAIL = 1 << 30
FREE_WARN = 10 << 30
"""Bytes free in the data directory below which recordings are in danger."""

STREAM_BYTES_PER_HOUR = 5_000_000 // 8 * 3600
"""What an hour of a 5 Mbit/s stream takes."""

EXPIRES_SOON = timedelta(days=21)


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: what was looked at, what was seen, and what to do (empty: nothing)."""

    level: Level
    subject: str
    seen: str
    advice: str = ""

    def __str__(self) -> str:
        lines = [f"{self.level:<5} {self.subject:<12} {self.seen}"]
        return "\n".join([*lines, *(f"{'':<18} → {line}" for line in self.advice.splitlines())])


Check = Callable[[Settings], Awaitable[list[Finding]]]


async def examine(settings: Settings) -> int:
    """Print the report; 0 when nothing fails, else 1."""
    failed = False
    for subject, check in CHECKS.items():
        for finding in await _bounded(subject, check, settings):
            print(finding, flush=True)
            failed = failed or finding.level is Level.FAIL
    return 1 if failed else 0


async def _bounded(subject: str, check: Check, settings: Settings) -> list[Finding]:
    """A check that breaks is a finding, too: the report goes on."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            return await check(settings)
    except TimeoutError:
        return [Finding(Level.FAIL, subject, f"no answer within {CHECK_TIMEOUT:.0f} s")]
    except Exception as error:
        return [Finding(Level.FAIL, subject, f"could not be checked: {type(error).__name__}")]


async def check_ffmpeg(_: Settings) -> list[Finding]:
    from providers.local.transcoder.facts import FfmpegMissing, probe_ffmpeg

    try:
        facts = await probe_ffmpeg()
    except FfmpegMissing as error:
        return [Finding(Level.FAIL, "ffmpeg", str(error), "Install it: sudo apt-get install ffmpeg")]
    if facts.missing:
        seen = f"{facts.version} lacks {', '.join(facts.missing)}"
        return [
            Finding(Level.FAIL, "ffmpeg", seen, "Install a build with them, such as your distribution's own ffmpeg")
        ]
    findings = [Finding(Level.OK, "ffmpeg", f"{facts.version}, with all encoders, decoders and muxers needed")]
    if not facts.reads_enhanced_rtmp:
        seen = "this version cannot read HEVC, AV1 or VP9 from an encoder; H.264 with AAC needs no ffmpeg at all"
        findings.append(Finding(Level.OK, "ffmpeg", seen))
    return findings


async def check_redis(settings: Settings) -> list[Finding]:
    from service import redis_child

    if settings.redis_url is None:
        if redis_child.installed():
            return [Finding(Level.OK, "redis", "none is set; the service runs a private redis-server of its own")]
        advice = "Install it (sudo apt-get install redis-server) or set CONFERENCE_REDIS_URL"
        return [Finding(Level.WARN, "redis", "not installed: viewers are counted in memory, by one process", advice)]
    from redis import asyncio as aioredis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError

    client = aioredis.Redis.from_url(
        settings.redis_url,
        socket_timeout=ANSWER_TIMEOUT,
        socket_connect_timeout=ANSWER_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        version = (await client.info("server"))["redis_version"]
    except (RedisError, OSError) as error:
        advice = "Start it, or correct CONFERENCE_REDIS_URL; until then counts are the last good ones"
        return [Finding(Level.FAIL, "redis", f"does not answer: {type(error).__name__}", advice)]
    finally:
        await client.aclose()
    return [Finding(Level.OK, "redis", f"{version} answers")]


async def check_database(settings: Settings) -> list[Finding]:
    from service.domain.errors import Unavailable
    from service.store.database import Database, driver_url

    where = driver_url(settings.database_url)
    kind = where.get_backend_name()
    if kind == "sqlite" and not _is_there(where.database):
        return [Finding(Level.OK, "database", f"SQLite, to be made at {where.database} on the first start")]
    database = Database(settings.database_url)
    try:
        revision, newest = await database.read(lambda connection: connection.run_sync(_revisions))
    except Unavailable:
        return [
            Finding(Level.FAIL, "database", f"{kind} does not answer", "Start it, or correct CONFERENCE_DATABASE_URL")
        ]
    finally:
        await database.aclose()
    if revision != newest:
        seen = f"{kind} answers, its schema is {revision or 'empty'} instead of {newest}"
        return [Finding(Level.WARN, "database", seen, "python -m service migrate (serve does it, too)")]
    return [Finding(Level.OK, "database", f"{kind} answers, its schema is up to date ({revision})")]


def _is_there(file: str | None) -> bool:
    return file is not None and Path(file).exists()


def _revisions(connection: Connection) -> tuple[str | None, str | None]:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from service import store

    known = ScriptDirectory(str(Path(store.__path__[0]) / "migrations"))
    return MigrationContext.configure(connection).get_current_revision(), known.get_current_head()


async def check_ports(settings: Settings) -> list[Finding]:
    """Free, or taken by ourselves: then our own HTTP answers."""
    running = await _is_running(settings)
    findings = []
    for variable, host, port in settings.listens():
        fault = _why_not_free(host, port)
        if fault is None:
            findings.append(Finding(Level.OK, "ports", f"{host}:{port} ({variable}) is free"))
        elif fault == errno.EADDRINUSE and running:
            findings.append(Finding(Level.OK, "ports", f"{host}:{port} ({variable}) is in use: the service is running"))
        elif fault == errno.EADDRINUSE:
            advice = f"Stop what listens there (ss -ltnp 'sport = :{port}'), or set {variable} to another port"
            findings.append(
                Finding(Level.FAIL, "ports", f"{host}:{port} ({variable}) is taken by something else", advice)
            )
        else:
            advice = f"Set {variable} to a port above 1023, or the host to an address of this machine"
            why = errno.errorcode.get(fault, str(fault))
            findings.append(Finding(Level.FAIL, "ports", f"{host}:{port} ({variable}) cannot be used: {why}", advice))
    return findings


def _why_not_free(host: str, port: int) -> int | None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error.errno or errno.EADDRNOTAVAIL
    return None


async def _is_running(settings: Settings) -> bool:
    import aiohttp

    _, host, port = settings.listens()[0]
    limit = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT)
    try:
        async with aiohttp.ClientSession(timeout=limit) as session:
            async with session.get(f"http://{url_host(host)}:{port}/healthz") as answer:
                return answer.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


async def check_disk(settings: Settings) -> list[Finding]:
    free = shutil.disk_usage(settings.data_dir).free
    seen = f"{free / (1 << 30):.1f} GiB free in {settings.data_dir}: {free // STREAM_BYTES_PER_HOUR} h of a 5 Mbit/s stream"
    if free < FREE_WARN:
        level = Level.FAIL if free < FREE_FAIL else Level.WARN
        return [Finding(level, "disk", seen, "Make room, or set CONFERENCE_DATA_DIR to a larger disk")]
    return [Finding(Level.OK, "disk", seen)]


TRUST_ADVICE = """\
OBS and other encoders accept it once this machine's authority is trusted on the streamer's computer. Copy {authority} there, then
Windows: certutil -addstore -f Root ca.pem    (as administrator)
macOS:   sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ca.pem
Debian:  sudo cp ca.pem /usr/local/share/ca-certificates/conference.crt && sudo update-ca-certificates
Or set a certificate of a public authority: CONFERENCE_TLS_CERT (the whole chain) and CONFERENCE_TLS_KEY"""


async def check_certificate(settings: Settings) -> list[Finding]:
    if settings.provider is not ProviderName.LOCAL:
        return []
    from providers.local.ingest.authority import describe
    from providers.local.ingest.tls import CertificateUnusable, server_context

    local = settings.tls_dir
    certificate = settings.tls_cert or local / "server.pem"
    if not certificate.exists():
        return [
            Finding(Level.OK, "certificate", f"a local authority and a certificate are made in {local} on first start")
        ]
    try:
        server_context(certificate, settings.tls_key or local / "server.key")
        told = describe(certificate)
    except CertificateUnusable as error:
        return [
            Finding(Level.FAIL, "certificate", str(error), "Set CONFERENCE_TLS_CERT and CONFERENCE_TLS_KEY to a pair")
        ]
    seen = f"for {', '.join(told.names) or 'no host name'}, signed by {told.issuer}, until {told.expires:%Y-%m-%d}"
    left = told.expires - datetime.now(UTC)
    host = settings.rtmp_public_host().strip("[]")
    if left < timedelta(0):
        return [Finding(Level.FAIL, "certificate", f"{seen}: it has run out", "Renew it, then send the service SIGHUP")]
    if settings.tls_cert is None:
        return [Finding(Level.OK, "certificate", seen, TRUST_ADVICE.format(authority=local / "ca.pem"))]
    if not any(_covers(name, host) for name in told.names):
        advice = f"Encoders are sent to {host}: set CONFERENCE_PUBLIC_RTMP_HOST to a name of the certificate"
        return [Finding(Level.WARN, "certificate", seen, advice)]
    if left < EXPIRES_SOON:
        return [Finding(Level.WARN, "certificate", seen, "Renew it soon, then send the service SIGHUP")]
    return [Finding(Level.OK, "certificate", seen)]


def _covers(name: str, host: str) -> bool:
    """A wildcard stands for the first label (RFC 6125 §6.4.3)."""
    if name.startswith("*."):
        return host.lower().partition(".")[2] == name[2:].lower()
    return name.lower() == host.lower()


async def check_provider(settings: Settings) -> list[Finding]:
    if settings.provider is ProviderName.LOCAL:
        return [Finding(Level.OK, "provider", f"local, renditions: {', '.join(settings.renditions)}")]
    import aiohttp

    token = settings.cloudflare_api_token
    headers = {"Authorization": f"Bearer {token.get_secret_value() if token else ''}"}
    url = f"{settings.cloudflare_base_url}/accounts/{settings.cloudflare_account_id}/stream/live_inputs"
    limit = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT)
    try:
        async with aiohttp.ClientSession(timeout=limit, trust_env=True) as session:
            async with session.get(url, headers=headers) as answer:
                status = answer.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        seen = f"cloudflare does not answer: {type(error).__name__}"
        return [Finding(Level.FAIL, "provider", seen, "Check the network and CONFERENCE_CLOUDFLARE_BASE_URL")]
    if status == 200:
        return [Finding(Level.OK, "provider", "cloudflare accepts the account and the token")]
    advice = (
        "Make a token with the permission Stream:Edit for this account (CONFERENCE_CLOUDFLARE_API_TOKEN, _ACCOUNT_ID)"
    )
    return [Finding(Level.FAIL, "provider", f"cloudflare answers {status}", advice)]


CHECKS: dict[str, Check] = {
    "ffmpeg": check_ffmpeg,
    "redis": check_redis,
    "database": check_database,
    "ports": check_ports,
    "disk": check_disk,
    "certificate": check_certificate,
    "provider": check_provider,
}
