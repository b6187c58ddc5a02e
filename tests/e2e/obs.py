"""The real OBS Studio, without a screen: it starts streaming at once, and its log says what its user can read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from tests.e2e.service import eventually

PROGRAMS = ("obs", "Xvfb")
NAME = "Test"

PROFILE = """\
[General]
Name=Test
[Output]
Mode=Advanced
Reconnect=true
RetryDelay=1
MaxRetries=25
[AdvOut]
Encoder=obs_x264
TrackIndex=1
ApplyServiceSettings=false
[Video]
BaseCX=320
BaseCY=180
OutputCX=320
OutputCY=180
FPSCommon=30
"""
ENCODER = {"rate_control": "CBR", "bitrate": 300, "keyint_sec": 1, "preset": "ultrafast", "profile": "high"}
SCENES = {
    "name": NAME,
    "current_scene": "Scene",
    "current_program_scene": "Scene",
    "scene_order": [{"name": "Scene"}],
    "sources": [{"id": "scene", "name": "Scene", "settings": {"items": []}}],
}
GLOBAL = f"""\
[General]
FirstRun=true
[Basic]
Profile={NAME}
ProfileDir={NAME}
SceneCollection={NAME}
SceneCollectionFile={NAME}
"""
TRUST = 'mount --bind "$0" /etc/ssl/certs && exec "$@"'
"""Where the TLS library of OBS reads the authorities of the system: in a mount namespace of its own they are others."""

STARTED = "==== Streaming Start ==="


def missing() -> str | None:
    """Return what is not installed, if anything."""
    return next((name for name in PROGRAMS if shutil.which(name) is None), None)


def can_trust(authorities: Path) -> bool:
    """Whether a process here may have authorities of its own."""
    if shutil.which("unshare") is None:
        return False
    command = [*_trusting(authorities), "true"]
    return subprocess.run(command, capture_output=True, timeout=30).returncode == 0


def _trusting(authorities: Path) -> list[str]:
    return ["unshare", "--mount", "--map-root-user", "sh", "-c", TRUST, str(authorities)]


class Obs:
    """One run of OBS."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def log(self) -> str:
        """Return what OBS has logged, as Help → Log Files shows it."""
        found = sorted((self._home / ".config/obs-studio/logs").glob("*.txt"))
        return found[-1].read_text(errors="replace") if found else ""

    async def logged(self, text: str) -> str:
        """Wait until the log holds this; the whole log."""

        async def read() -> str:
            return self.log()

        return str(await eventually(read, lambda log: text in log))


@contextmanager
def screen() -> Iterator[str]:
    """Yield the display of an X server without a screen."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "640x480x24", "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as numbers:
            yield f":{numbers.readline().strip()}"
    finally:
        process.terminate()
        process.wait(10)


@asynccontextmanager
async def streaming(
    home: Path, display: str, server: str, key: str, *, authorities: Path | None = None
) -> AsyncIterator[Obs]:
    """OBS, started with `--startstreaming` towards this server and key, until the block ends.

    `authorities`: a directory of the certificate authorities it trusts, instead of the system's.
    """
    _write_profile(home, server, key)
    command = ["obs", "--startstreaming", "--minimize-to-tray", "--multi", "--profile", NAME, "--collection", NAME]
    environment = os.environ | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_RUNTIME_DIR": str(home),
        "DISPLAY": display,
        "QT_QPA_PLATFORM": "xcb",
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent",
    }
    process = await asyncio.create_subprocess_exec(
        *(_trusting(authorities) if authorities else []),
        *command,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield Obs(home)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _write_profile(home: Path, server: str, key: str) -> None:
    service = {"type": "rtmp_custom", "settings": {"server": server, "key": key, "use_auth": False, "bwtest": False}}
    files = {
        "global.ini": GLOBAL,
        f"basic/scenes/{NAME}.json": json.dumps(SCENES),
        f"basic/profiles/{NAME}/basic.ini": PROFILE,
        f"basic/profiles/{NAME}/service.json": json.dumps(service),
        f"basic/profiles/{NAME}/streamEncoder.json": json.dumps(ENCODER),
    }
    for name, text in files.items():
        file = home / ".config/obs-studio" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
