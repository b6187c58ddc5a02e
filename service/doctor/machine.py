"""Checks of the machine: ffmpeg, free ports, disk space, file modes."""

from __future__ import annotations

import errno
import shutil
import socket

from service.doctor.check_result import ANSWER_TIMEOUT, CheckResult, Level
from service.private_files import advice, open_mode
from service.settings import Settings, url_host

FREE_FAIL = 1 << 30
FREE_WARN = 10 << 30
"""Bytes free in the data directory below which recordings are in danger."""

STREAM_BYTES_PER_HOUR = 5_000_000 // 8 * 3600
"""Bytes of an hour of a 5 Mbit/s stream."""


async def check_ffmpeg(_: Settings) -> list[CheckResult]:
    from providers.local.transcoder.facts import FfmpegMissing, probe_ffmpeg

    try:
        facts = await probe_ffmpeg()
    except FfmpegMissing as error:
        return [CheckResult(Level.FAIL, "ffmpeg", str(error), "Install it: sudo apt-get install ffmpeg")]
    if facts.missing:
        seen = f"{facts.version} lacks {', '.join(facts.missing)}"
        return [
            CheckResult(Level.FAIL, "ffmpeg", seen, "Install a build with them, such as your distribution's own ffmpeg")
        ]
    results = [CheckResult(Level.OK, "ffmpeg", f"{facts.version}, with all encoders, decoders and muxers needed")]
    if not facts.reads_enhanced_rtmp:
        seen = "this version cannot read HEVC, AV1 or VP9 from an encoder; H.264 with AAC needs no ffmpeg at all"
        results.append(CheckResult(Level.OK, "ffmpeg", seen))
    return results


async def check_ports(settings: Settings) -> list[CheckResult]:
    """Check that each port is free or in use by this service, whose HTTP then answers."""
    running = await _is_running(settings)
    results = []
    for variable, host, port in settings.listens():
        fault = _why_not_free(host, port)
        if fault is None:
            results.append(CheckResult(Level.OK, "ports", f"{host}:{port} ({variable}) is free"))
        elif fault == errno.EADDRINUSE and running:
            results.append(
                CheckResult(Level.OK, "ports", f"{host}:{port} ({variable}) is in use: the service is running")
            )
        elif fault == errno.EADDRINUSE:
            advice = f"Stop what listens there (ss -ltnp 'sport = :{port}'), or set {variable} to another port"
            results.append(
                CheckResult(Level.FAIL, "ports", f"{host}:{port} ({variable}) is in use by another program", advice)
            )
        else:
            advice = f"Set {variable} to a port above 1023, or the host to an address of this machine"
            why = errno.errorcode.get(fault, str(fault))
            results.append(
                CheckResult(Level.FAIL, "ports", f"{host}:{port} ({variable}) cannot be used: {why}", advice)
            )
    return results


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


async def check_files(settings: Settings) -> list[CheckResult]:
    """Check whether other users of this machine can read the database, its keys and the recordings."""
    if (mode := open_mode(settings.data_dir)) is not None:
        seen = f"{settings.data_dir} is open to other users of this machine (mode {mode})"
        return [CheckResult(Level.WARN, "files", seen, advice(settings))]
    return [CheckResult(Level.OK, "files", f"{settings.data_dir} is open to its owner alone")]


async def check_disk(settings: Settings) -> list[CheckResult]:
    free = shutil.disk_usage(settings.data_dir).free
    seen = f"{free / (1 << 30):.1f} GiB free in {settings.data_dir}: {free // STREAM_BYTES_PER_HOUR} h of a 5 Mbit/s stream"
    if free < FREE_WARN:
        level = Level.FAIL if free < FREE_FAIL else Level.WARN
        return [CheckResult(level, "disk", seen, "Make room, or set CONFERENCE_DATA_DIR to a larger disk")]
    return [CheckResult(Level.OK, "disk", seen)]
