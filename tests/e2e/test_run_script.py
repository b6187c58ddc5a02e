"""`scripts/run` as a new user meets it: it prints lines that work, and Ctrl-C leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests import servers
from tests.locked import absent_modules
from tests.readmes import blocks, documentation

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parent.parent.parent
START_PATIENCE = 120.0
STOP_PATIENCE = 60.0
PRINTED = 'visitor_id=$V"\n'
"""The end of what it prints once it is ready."""

VARIABLES = ("O", "PUBLIC", "C", "U", "T", "V")
"""The variables of the documented examples."""


WITHOUT = """
import sys

class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {0!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)

sys.meta_path.insert(0, Without())
"""

ELSEWHERE = ("docker ", "scripts/run", "scripts/test", ".venv-test/", "service restore ")
"""Documented commands that need Docker or the tests' environment, start this test, or need the service stopped."""

SHELL_SCRIPTS = {"run", "test", "check", "lock"}
"""They install, test or lock, whatever they are asked."""


def listen_to_ctrl_c() -> None:
    """As in a terminal: a background job's children inherit that Ctrl-C is ignored, and a shell cannot take that back."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Run:
    """One `scripts/run` in a process group of its own, as a terminal would have it."""

    def __init__(self, checkout: Path, environment: dict[str, str], *arguments: str) -> None:
        self._log = checkout / "output.txt"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [checkout / "scripts" / "run", *arguments],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=listen_to_ctrl_c,
            )

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + START_PATIENCE
        while text not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)

    def stop(self, how: signal.Signals) -> int:
        os.killpg(self.process.pid, how)
        return self.process.wait(STOP_PATIENCE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy the parts of the repository that run, compiled. The environment is this one, without the tests' packages."""
    home = tmp_path / "checkout"
    for part in ("service", "providers", "scripts", "tests"):
        shutil.copytree(ROOT / part, home / part, ignore=shutil.ignore_patterns("test_*.py", "vendor-*"))
    lock = shutil.copy(ROOT / "requirements.lock", home)
    python = home / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    (home / "only-locked").mkdir()
    (home / "only-locked" / "sitecustomize.py").write_text(WITHOUT.format(absent_modules()))
    python.write_text(f'#!/bin/sh\nPYTHONPATH={home}/only-locked exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    version = ".".join(map(str, sys.version_info[:3]))
    stamp = f"{hashlib.sha256(Path(lock).read_bytes()).hexdigest()}  - Python {version}"
    (home / ".venv" / ".installed").write_text(stamp + "\n")
    return home


@pytest.fixture
def environment(checkout: Path) -> dict[str, str]:
    dropped = ("CONFERENCE_", "PYTHONDONTWRITEBYTECODE")  # compiled modules halve the time of the later starts
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    ports = {f"CONFERENCE_{name}_PORT": str(servers.free_port()) for name in ("HTTP", "RTMP", "RTMPS")}
    return {**kept, **ports, "PYTHON": sys.executable}


@pytest.fixture
def started(checkout: Path, environment: dict[str, str]) -> Iterator[Run]:
    run = Run(checkout, environment)
    yield run
    if run.process.poll() is None:
        run.stop(signal.SIGTERM)


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_the_lines_it_prints_work_when_pasted(started: Run, checkout: Path) -> None:
    started.wait_for(PRINTED)
    lines = re.findall(r"(?m)^(?:export|curl) .*$", started.output)
    assert [line.partition("=")[0] for line in lines[:-2]] == [f"export {name}" for name in VARIABLES]
    done = subprocess.run(["bash", "-c", "\n".join(lines)], capture_output=True, text=True, timeout=30, check=True)
    decoder = json.JSONDecoder()
    stream, end = decoder.raw_decode(done.stdout)
    status, _ = decoder.raw_decode(done.stdout[end:].lstrip())
    assert stream["rtmps_url"].startswith("rtmps://")
    assert (status["is_connected"], status["is_watchable"]) == (False, False)


def shell_blocks() -> list[str]:
    """Return the shell blocks of all READMEs and of the API's introduction, without the lines of ELSEWHERE."""
    kept = [
        "\n".join(line for line in block.splitlines() if not any(each in line for each in ELSEWHERE))
        for block in blocks("sh")
    ]
    return [block for block in kept if block.strip()]


def test_every_documented_command_runs_as_it_is_written(
    started: Run, checkout: Path, environment: dict[str, str]
) -> None:
    started.wait_for(PRINTED)
    exports = "\n".join(re.findall(r"(?m)^export .*$", started.output))
    (checkout / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    settings = {**environment, "CURL_HOME": str(checkout)}
    documented = shell_blocks()
    assert len(documented) >= 5
    for block in documented:
        pasted = f"{exports}\nset -e\n{block}".replace("/backups/", f"{checkout}/backups-")
        done = subprocess.run(
            ["bash", "-c", pasted], cwd=checkout, env=settings, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, (block, done.stdout, done.stderr)


@pytest.mark.timeout(600)
def test_every_documented_script_and_command_exists(checkout: Path, environment: dict[str, str]) -> None:
    text = documentation()
    scripts = set(re.findall(r"scripts/([a-z-]+)\b(?!/)", text)) - SHELL_SCRIPTS - {"examples", "monitoring"}
    assert {"bench-status", "load-viewers", "make-client", "screenshots"} <= scripts
    commands = [[str(checkout / "scripts" / name), "--help"] for name in sorted(scripts)]
    synopsis = re.findall(r"(?m)^\.venv/bin/python -m service (.*)$", text)
    words = {
        re.split(r" [-A-Z\[#/]", each.strip() + " #")[0]
        for line in synopsis
        for each in line.split("#")[0].split(" | ")
    }
    assert {"serve", "doctor", "token create", "user list"} <= words
    python = str(checkout / ".venv" / "bin" / "python")
    commands += [
        [python, "-m", "service", *each.split(), "--help"]
        for each in sorted(words)
        if each not in ("revoke", "restore")
    ]
    for command in commands:
        done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (command, done.stderr)
    for name, *options in (
        ("bench-status", "--rounds=1", "--requests=2000"),
        ("bench-heartbeats", "--seconds=1", "--rate=500"),
        ("bench-viewers", "--seconds=1", "--visitors=1000", "--interval=1"),
        ("bench-serving", "--requests=100", "--connections=4", "--megabytes=0.2"),
        ("bench-countdown", "--gops=1", "--modes=low", "--most-error=20"),
    ):
        script = str(checkout / "scripts" / name)
        done = subprocess.run(
            [script, *options], cwd=checkout, env=environment, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, (name, done.stderr)


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_stops_everything_it_started(started: Run, how: signal.Signals, code: int) -> None:
    started.wait_for(PRINTED)
    children = family(started.process)
    assert children
    assert started.stop(how) == code
    _, left = psutil.wait_procs(children, timeout=STOP_PATIENCE)
    assert left == []


def test_even_killed_it_leaves_nothing_running(started: Run) -> None:
    started.wait_for(PRINTED)
    children = family(started.process)
    started.process.kill()
    started.process.wait(STOP_PATIENCE)
    _, left = psutil.wait_procs(children, timeout=STOP_PATIENCE)
    assert left == []


def test_the_token_is_made_once_and_only_its_owner_can_read_it(checkout: Path, environment: dict[str, str]) -> None:
    tokens = []
    for _ in range(2):
        run = Run(checkout, environment)
        run.wait_for(PRINTED)
        tokens.append(re.findall(r"API token +(\w+)", run.output))
        run.stop(signal.SIGTERM)
    assert tokens[0] == tokens[1]
    assert len(tokens[0]) == 1
    assert (checkout / "data" / "first-token").stat().st_mode & 0o777 == 0o600


def test_a_taken_port_is_one_clear_line(checkout: Path, environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", int(environment["CONFERENCE_RTMP_PORT"]))):
        run = Run(checkout, environment)
        assert run.process.wait(START_PATIENCE) == 1
    port = environment["CONFERENCE_RTMP_PORT"]
    sentence = (
        f"Port {port} of 127.0.0.1 is in use: stop what listens there, or set CONFERENCE_RTMP_PORT to another port."
    )
    assert run.output.splitlines() == [sentence]


def test_a_bad_setting_is_one_clear_line(checkout: Path, environment: dict[str, str]) -> None:
    run = Run(checkout, {**environment, "CONFERENCE_LOG_LEVEL": "loud"})
    assert run.process.wait(START_PATIENCE) == 2
    assert run.output == "CONFERENCE_LOG_LEVEL must be debug, info, warning or error, not 'loud'\n"
