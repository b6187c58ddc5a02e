"""The command line: `python -m service serve|migrate|doctor|addresses|token|user|jitsi|fake-cloudflare`.

Exit codes: 0 done, 1 it could not be done, 2 wrong usage or settings. What a script wants to read goes to stdout, everything
else to stderr. Each command imports what it needs when it runs, so that the light ones start fast.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import re
import socket
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from service import VERSION, logs, settings
from service.settings import ProviderName, Settings, SettingsError

if TYPE_CHECKING:
    from service.domain.accounts import Accounts
    from service.store.repository import Store

T = TypeVar("T")

FAILURE = 1
MISUSE = 2
INTERRUPTED = 130

CANNOT_LISTEN = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES, socket.EAI_NONAME, socket.EAI_AGAIN)
"""What the system says of an address: taken, of another machine, for root alone, unknown."""

MAX_NAME = 256
"""Characters of a token's or a person's name."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = _parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except SettingsError as error:
        _say(*error.lines)
        return MISUSE
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m service",
        description="The live-stream conference service. Settings are CONFERENCE_* environment variables (README).",
    )
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _command(commands, "serve", _serve, "run the service until it is told to stop (SIGTERM, Ctrl-C)")
    _command(
        commands, "prepare", _prepare, "bring the database up to date and make the local certificate (serve does it)"
    )
    _command(commands, "migrate", _migrate, "bring the database up to date")
    _command(commands, "doctor", _doctor, "check everything the service stands on and say what to do")
    _command(commands, "addresses", _addresses, "print the addresses the settings lead to, one `name value` a line")
    _command(
        commands, "jitsi", _jitsi, "print what Jitsi's Prosody has to be told: with the shared secret, if there is one"
    )
    fake = _command(commands, "fake-cloudflare", _fake_cloudflare, "run a stand-in for the Cloudflare Stream API")
    fake.add_argument("--port", type=_port, required=True, help="0: any free one")
    fake.add_argument("--host", default="127.0.0.1")
    fake.add_argument("--state", type=Path, metavar="FILE", help="keep what it knows there (default: in memory)")
    _token_commands(commands.add_parser("token", help="make, list and revoke API tokens"))
    _user_commands(commands.add_parser("user", help="enter and list the people of an organization"))
    return parser


def _token_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    create = _command(commands, "create", _token_create, "make a token and print it: it is shown this once only")
    create.add_argument("--org", type=_uuid, required=True, metavar="UUID", help="made when new")
    create.add_argument("--user", type=_uuid, required=True, metavar="UUID", help="made when new")
    create.add_argument("--name", type=_name, default="", help="what the token is for")
    create.add_argument("--full-name", type=_name, default="", help="the name of a new user")
    create.add_argument("--org-name", type=_name, default="", help="the name of a new organization")
    create.add_argument("--bearer", action="store_true", help="print a short-lived access token (JWT) instead")
    listing = _command(commands, "list", _token_list, "print the tokens (never the secrets), tab-separated")
    listing.add_argument("--org", type=_uuid, metavar="UUID")
    revoke = _command(commands, "revoke", _token_revoke, "take a token back")
    revoke.add_argument("id", type=_uuid, metavar="ID", help="the id `token list` shows")


def _user_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    create = _command(commands, "create", _user_create, "enter a user and print the id")
    create.add_argument("--org", type=_uuid, required=True, metavar="UUID", help="made when new")
    create.add_argument("--full-name", type=_name, required=True)
    create.add_argument("--id", type=_uuid, metavar="UUID", help="default: a new one")
    create.add_argument("--email", type=_name)
    create.add_argument("--avatar-url", type=_url, metavar="URL")
    create.add_argument("--bot", action="store_true", help="not a person")
    listing = _command(
        commands, "list", _user_list, "print id, organization, kind, full name, email and avatar, tab-separated"
    )
    listing.add_argument("--org", type=_uuid, metavar="UUID")


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], explanation: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=explanation, description=explanation)
    parser.set_defaults(run=run)
    return parser


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a UUID") from None


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


def _name(text: str) -> str:
    if len(text) > MAX_NAME or not text.isprintable():
        raise argparse.ArgumentTypeError(f"must be printable text of at most {MAX_NAME} characters")
    return text


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[!-~]{1,2000}", text, re.IGNORECASE):
        raise argparse.ArgumentTypeError(f"{text!r} is not an http(s) URL of at most 2000 characters")
    return text


def _serve(_: argparse.Namespace) -> int:
    given = _begin()
    from providers.local.ingest.tls import CertificateUnusable
    from service.app import serve
    from service.prepare import PreparationFailed

    try:
        return _run(_told(serve(given)))
    except PreparationFailed as failed:
        return failed.code  # it has said why
    except CertificateUnusable as error:
        _say(f"CONFERENCE_TLS_CERT, CONFERENCE_TLS_KEY: {error}")
    except OSError as error:
        if error.errno not in CANNOT_LISTEN:
            raise
        _say(f"cannot listen: {error.strerror}. Stop what listens there, or set CONFERENCE_HTTP_HOST, "
             "CONFERENCE_HTTP_PORT, CONFERENCE_RTMP_PORT or CONFERENCE_RTMPS_PORT.")  # fmt: skip
    return FAILURE


def _prepare(_: argparse.Namespace) -> int:
    given = _begin()
    from service.prepare import prepare

    return _run(_told(prepare(given)))


def _migrate(_: argparse.Namespace) -> int:
    given = _begin()
    from service.store.migrate import migrate

    return _run(_told(migrate(given.database_url)))


def _doctor(_: argparse.Namespace) -> int:
    given = _begin(quiet=True)
    from service.doctor import examine

    return _run(examine(given))


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
    given = _begin(quiet=True)
    from service.jitsi import meeting_signer, prosody_lines
    from service.store.migrate import migrate
    from service.store.repository import Store

    async def show() -> None:
        await migrate(given.database_url)
        store = Store(given.database_url)
        try:
            print(*prosody_lines(await meeting_signer(given, store.accounts)), sep="\n")
        finally:
            await store.aclose()

    return _run(_told(show()))


def _fake_cloudflare(given: argparse.Namespace) -> int:
    logs.configure("info", "auto")
    from providers.cloudflare.fake.server import serve

    _run(serve(given.host, given.port, given.state))
    return 0


def _token_create(given: argparse.Namespace) -> int:
    async def create(accounts: Accounts) -> None:
        if given.bearer:
            await accounts.register(given.org, given.user, full_name=given.full_name, organization_name=given.org_name)
            print(await accounts.issue_bearer(given.org, given.user))
            return
        issued = await accounts.create_token(
            given.org, given.user, name=given.name, full_name=given.full_name, organization_name=given.org_name
        )
        print(issued.secret)

    return _with_accounts(create)


def _token_list(given: argparse.Namespace) -> int:
    async def show(accounts: Accounts) -> None:
        for token in await accounts.list_tokens(given.org):
            state = "active" if token.revoked_at is None else f"revoked {token.revoked_at:%Y-%m-%dT%H:%M:%SZ}"
            values = (token.id, token.organization_id, token.user_id or "-", state, token.name)
            print(*values, sep="\t")

    return _with_accounts(show)


def _token_revoke(given: argparse.Namespace) -> int:
    async def revoke(accounts: Accounts) -> None:
        await accounts.revoke_token(given.id)

    return _with_accounts(revoke)


def _user_create(given: argparse.Namespace) -> int:
    async def create(store: Store) -> None:
        from service.domain.directory import Directory, NewUser

        new = NewUser(given.full_name, given.id, given.email, given.avatar_url, given.bot)
        print((await Directory(store.directory, _now).create(given.org, new)).id)

    return _with_store(create)


def _user_list(given: argparse.Namespace) -> int:
    async def show(store: Store) -> None:
        for user in await store.directory.users(given.org):
            kind = "deleted" if user.deleted_at is not None else "bot" if user.is_bot else "person"
            values = (user.id, user.organization_id, kind, user.full_name, user.email or "-", user.avatar_url or "-")
            print(*values, sep="\t")

    return _with_store(show)


def _with_accounts(work: Callable[[Accounts], Coroutine[Any, Any, None]]) -> int:
    async def run(store: Store) -> None:
        from service.domain.accounts import Accounts

        await work(Accounts(store.accounts, store.accounts, _now))

    return _with_store(run)


def _with_store(work: Callable[[Store], Coroutine[Any, Any, None]]) -> int:
    """Run `work` on an up-to-date database: a token may be made before the service has ever run."""
    given = _begin(quiet=True)
    from service.store.migrate import migrate
    from service.store.repository import Store

    async def run() -> None:
        await migrate(given.database_url)
        store = Store(given.database_url)
        try:
            await work(store)
        finally:
            await store.aclose()

    return _run(_told(run()))


def _now() -> datetime:
    return datetime.now(UTC)


def _begin(*, quiet: bool = False) -> Settings:
    """Read the settings, set logging up (`quiet`: warnings and worse) and make the data directory."""
    given = settings.load()
    logs.configure("warning" if quiet else given.log_level, given.log_format)
    try:
        given.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError([f"CONFERENCE_DATA_DIR: {given.data_dir} cannot be made: {error.strerror}"]) from None
    return given


async def _told(work: Coroutine[Any, Any, int | None]) -> int:
    """The exit code of work whose refusals are told in one line."""
    from service.domain.errors import DomainError

    try:
        return await work or 0
    except DomainError as error:
        _say(str(error))
        return FAILURE


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, on uvloop where it is installed (8 to 40 % less CPU)."""
    factory = None
    if find_spec("uvloop"):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)


def _say(*lines: str) -> None:
    for line in lines:
        print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
