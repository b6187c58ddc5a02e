"""The commands for API users: `token create|list|revoke` and `user create|manager|list`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from service.cli.arguments import as_name, as_optional_name, as_url, as_uuid, command
from service.cli.running import begin, with_store
from service.clock import SystemClock

if TYPE_CHECKING:
    from service.domain.access.accounts import Accounts
    from service.store.repository import Store


WHOSE = "created if it does not exist; without it the token acts for the organization itself"


def token_commands(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `token`."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    create = command(commands, "create", _token_create, "create a token and print it; it is shown only once")
    create.add_argument("--org", type=as_uuid, required=True, metavar="UUID", help="created if it does not exist")
    create.add_argument("--user", type=as_uuid, metavar="UUID", help=WHOSE)
    create.add_argument("--name", type=as_optional_name, default="", help="the purpose of the token")
    create.add_argument("--full-name", type=as_optional_name, default="", help="the name of a new user")
    create.add_argument("--org-name", type=as_optional_name, default="", help="the name of a new organization")
    create.add_argument("--bearer", action="store_true", help="print a short-lived access token (JWT) instead")
    listing = command(commands, "list", _token_list, "print the tokens (never the secrets), tab-separated")
    listing.add_argument("--org", type=as_uuid, metavar="UUID")
    revoke = command(commands, "revoke", _token_revoke, "revoke a token")
    revoke.add_argument("id", type=as_uuid, metavar="ID", help="the id that `token list` prints")


def user_commands(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `user`."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    create = command(commands, "create", _user_create, "create a user and print the id")
    create.add_argument("--org", type=as_uuid, required=True, metavar="UUID", help="created if it does not exist")
    create.add_argument("--full-name", type=as_name, required=True)
    create.add_argument("--id", type=as_uuid, metavar="UUID", help="default: a new id")
    create.add_argument("--email", type=as_name)
    create.add_argument("--avatar-url", type=as_url, metavar="URL")
    create.add_argument("--bot", action="store_true", help="not a person")
    create.add_argument(
        "--manager", action="store_true", help="a manager of the organization, who manages its webhooks"
    )
    manager = command(commands, "manager", _user_manager, "make a user a manager of their organization")
    manager.add_argument("id", type=as_uuid, metavar="ID")
    manager.add_argument("--revoke", action="store_true", help="the user is no longer a manager")
    listing = command(
        commands, "list", _user_list, "print id, organization, kind, full name, email and avatar, tab-separated"
    )
    listing.add_argument("--org", type=as_uuid, metavar="UUID")


def _token_create(given: argparse.Namespace) -> int:
    if given.bearer and given.user is None:
        print("--bearer needs --user: an access token belongs to a user", file=sys.stderr)
        return 2

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
        from service.domain.access.directory import Directory, NewUser

        new = NewUser(given.full_name, given.id, given.email, given.avatar_url, given.bot, given.manager)
        print((await Directory(store.directory, SystemClock()).create(given.org, new)).id)

    return with_store(begin(quiet=True), create)


def _user_manager(given: argparse.Namespace) -> int:
    async def change(store: Store) -> None:
        from service.domain.access.directory import Directory

        await Directory(store.directory, SystemClock()).set_manager(given.id, not given.revoke)

    return with_store(begin(quiet=True), change)


def _user_list(given: argparse.Namespace) -> int:
    async def show(store: Store) -> None:
        for user in await store.directory.users(given.org):
            kind = "deleted" if user.deleted_at is not None else "bot" if user.is_bot else "person"
            values = (user.id, user.organization_id, kind, user.full_name, user.email or "-", user.avatar_url or "-")
            print(*values, sep="\t")

    return with_store(begin(quiet=True), show)


def _with_accounts(work: Callable[[Accounts], Coroutine[Any, Any, None]]) -> int:
    async def run(store: Store) -> None:
        from service.domain.access.accounts import Accounts

        await work(Accounts(store.accounts, store.accounts, SystemClock()))

    return with_store(begin(quiet=True), run)
