"""The command line: `python -m service serve|migrate|doctor|nodes|addresses|token|user|channel|inbox|jitsi|fake-cloudflare`.

Exit codes: 0 done, 1 it could not be done, 2 wrong usage or settings, or another process uses the same data. Results go to stdout,
everything else to stderr. Each command imports what it needs when it runs, so that the light ones start fast.
"""

from __future__ import annotations

import argparse
import errno
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from providers.lock import LockHeld
from service import VERSION, logs, settings
from service.cli.accounts import token_commands, user_commands
from service.cli.arguments import as_port, command
from service.cli.backups import backup_commands
from service.cli.channels import channel_commands
from service.cli.inboxes import inbox_commands
from service.cli.nodes import node_command
from service.cli.running import FAILURE, begin, reporting, run, say, with_store
from service.handover import LOCKS_HELD
from service.settings import ProviderName, SettingsError

if TYPE_CHECKING:
    from service.store.repository import Store

MISUSE = 2
INTERRUPTED = 130

CANNOT_LISTEN = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES, socket.EAI_NONAME, socket.EAI_AGAIN)
"""Error numbers for an address that is in use, not local, privileged or unknown."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = command_line().parse_args(arguments)
    try:
        return int(given.run(given))
    except SettingsError as error:
        say(*error.lines)
        return MISUSE
    except LockHeld as held:
        say(str(held))
        return MISUSE
    except KeyboardInterrupt:
        return INTERRUPTED


def command_line() -> argparse.ArgumentParser:
    """Return the parser; `run` of the parsed arguments is the command."""
    parser = argparse.ArgumentParser(
        prog="python -m service",
        description="The live-stream conference service. Settings are CONFERENCE_* environment variables (service/README.md).",
    )
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command(commands, "serve", _serve, "run the service until SIGTERM or Ctrl-C")
    prepare = command(
        commands, "prepare", _prepare, "bring the database up to date and make the local certificate (serve does it)"
    )
    prepare.add_argument(LOCKS_HELD, action="store_true", help=argparse.SUPPRESS)
    command(commands, "migrate", _migrate, "bring the database up to date")
    command(commands, "doctor", _doctor, "check what the service depends on and suggest fixes")
    command(
        commands,
        "addresses",
        _addresses,
        "print the addresses that follow from the settings, one `name value` per line",
    )
    command(
        commands,
        "jitsi",
        _jitsi,
        "print the settings for Jitsi's Prosody, including the shared secret, if there is one",
    )
    node_command(commands)
    backup_commands(commands)
    fake = command(commands, "fake-cloudflare", _fake_cloudflare, "run a stand-in for the Cloudflare Stream API")
    fake.add_argument("--port", type=as_port, required=True, help="0: any free one")
    fake.add_argument("--host", default="127.0.0.1")
    fake.add_argument("--state", type=Path, metavar="FILE", help="store the state there (default: in memory)")
    token_commands(commands.add_parser("token", help="make, list and revoke API tokens"))
    user_commands(commands.add_parser("user", help="enter and list the people of an organization"))
    channel_commands(commands.add_parser("channel", help="appoint an admin of a channel"))
    inbox_commands(commands.add_parser("inbox", help="create and list inboxes of the API channel"))
    return parser


def _serve(_: argparse.Namespace) -> int:
    given = begin()
    from providers.local.tls.context import CertificateUnusable
    from service.app import serve
    from service.prepare import PreparationFailed

    try:
        return run(reporting(serve(given)))
    except PreparationFailed as failed:
        return failed.code  # it has said why
    except CertificateUnusable as error:
        say(f"CONFERENCE_TLS_CERT, CONFERENCE_TLS_KEY: {error}")
    except OSError as error:
        if error.errno not in CANNOT_LISTEN:
            raise
        say(f"cannot listen: {error.strerror}. Stop what listens there, or set CONFERENCE_HTTP_HOST, "
            "CONFERENCE_HTTP_PORT, CONFERENCE_RTMP_PORT or CONFERENCE_RTMPS_PORT.")  # fmt: skip
    return FAILURE


def _prepare(asked: argparse.Namespace) -> int:
    given = begin()
    from service.prepare import prepare

    return run(reporting(prepare(given, locks_held=asked.locks_held)))


def _migrate(_: argparse.Namespace) -> int:
    given = begin()
    from service.prepare import migrate_alone

    return run(reporting(migrate_alone(given)))


def _doctor(_: argparse.Namespace) -> int:
    given = begin(quiet=True)
    from service.doctor import examine

    return run(examine(given))


def _addresses(_: argparse.Namespace) -> int:
    given = settings.load()
    print(f"http {given.http_url()}")
    print(f"listening http://{settings.url_host(given.http_host)}:{given.http_port}")
    if given.provider is ProviderName.LOCAL:
        if given.rtmp_port is not None:
            print(f"rtmp rtmp://{given.rtmp_public_host()}:{given.rtmp_port}/live")
        print(f"rtmps rtmps://{given.rtmp_public_host()}:{given.rtmps_port}/live")
    for name, host, port in given.listens():
        print(f"listen {name} {host} {port}")
    print(f"data {given.data_dir}")
    return 0


def _jitsi(_: argparse.Namespace) -> int:
    given = begin(quiet=True)

    async def show(store: Store) -> None:
        from service.jitsi import meeting_signer, prosody_lines

        print(*prosody_lines(await meeting_signer(given, store.accounts)), sep="\n")

    return with_store(given, show)


def _fake_cloudflare(given: argparse.Namespace) -> int:
    logs.configure("info", "auto")
    from providers.cloudflare.fake.server import serve

    run(serve(given.host, given.port, given.state))
    return 0


if __name__ == "__main__":
    sys.exit(main())
