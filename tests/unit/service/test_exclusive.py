"""Which combinations of settings let two services run beside each other."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from providers.lock import LockHeld
from service.exclusive import exclusive_use
from service.settings import ProviderName, Settings

POSTGRESQL = "postgresql://user@127.0.0.1/name"
REDIS = "redis://127.0.0.1/0"


def service(data: Path, provider: ProviderName, database: str | None, redis: str | None) -> Settings:
    given: dict[str, str] = {}
    if provider is ProviderName.CLOUDFLARE:
        given = {"cloudflare_account_id": "a", "cloudflare_api_token": "t"}
    if database is not None:
        given["database_url"] = database
    return Settings(data_dir=data, provider=provider, redis_url=redis, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("provider", list(ProviderName))
@pytest.mark.parametrize("redis", [None, REDIS], ids=["private Redis", "Redis"])
@pytest.mark.parametrize("database", [None, POSTGRESQL], ids=["SQLite", "PostgreSQL"])
def test_one_data_directory_is_for_one_service_unless_nothing_is_kept_in_it(
    tmp_path: Path, provider: ProviderName, redis: str | None, database: str | None
) -> None:
    given = service(tmp_path, provider, database, redis)
    shared = provider is ProviderName.CLOUDFLARE and redis is not None and database is not None
    with ExitStack() as stack:
        stack.enter_context(exclusive_use(given))
        if shared:
            stack.enter_context(exclusive_use(given))
        else:
            with pytest.raises(LockHeld, match=f"The data directory {tmp_path} is in use by process "):
                stack.enter_context(exclusive_use(given))


@pytest.mark.parametrize("provider", list(ProviderName))
def test_one_sqlite_file_is_for_one_service_wherever_it_lies(tmp_path: Path, provider: ProviderName) -> None:
    url = f"sqlite:///{tmp_path}/shared/store.db"
    with exclusive_use(service(tmp_path / "one", provider, url, REDIS)):
        with pytest.raises(LockHeld, match=f"The database {tmp_path}/shared/store.db is in use by process "):
            with exclusive_use(service(tmp_path / "other", provider, url, REDIS)):
                pass
    with exclusive_use(service(tmp_path / "other", provider, url, REDIS)):
        pass


def test_a_link_to_the_data_directory_is_the_same_directory(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with exclusive_use(service(tmp_path / "data", ProviderName.LOCAL, POSTGRESQL, REDIS)):
        with pytest.raises(LockHeld):
            with exclusive_use(service(tmp_path / "link", ProviderName.LOCAL, POSTGRESQL, REDIS)):
                pass


def test_a_link_to_a_sqlite_file_is_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "store.db").touch()
    (tmp_path / "link.db").symlink_to(tmp_path / "store.db")
    first = service(tmp_path / "one", ProviderName.CLOUDFLARE, f"sqlite:///{tmp_path}/store.db", REDIS)
    other = service(tmp_path / "other", ProviderName.CLOUDFLARE, f"sqlite:///{tmp_path}/link.db", REDIS)
    with exclusive_use(first):
        with pytest.raises(LockHeld):
            with exclusive_use(other):
                pass
