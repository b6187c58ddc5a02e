"""The command line, as scripts of others rely on it: what stands on stdout, and the exit codes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from service import __main__ as cli
from service.store import Store

PATIENCE = 60.0

NO_PORTS = {"CONFERENCE_HTTP_PORT": "0", "CONFERENCE_RTMP_PORT": "off", "CONFERENCE_RTMPS_PORT": "0"}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONFERENCE_")}
    return {**kept, "CONFERENCE_DATA_DIR": str(tmp_path / "data")}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments], env=environment, capture_output=True, text=True, timeout=PATIENCE
    )


def test_a_bad_setting_is_one_line_and_exit_code_2(environment: dict[str, str]) -> None:
    done = run({**environment, "CONFERENCE_HTTP_PORT": "http"}, "serve")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "CONFERENCE_HTTP_PORT must be a port from 0 to 65535 (0: any free one), not 'http'\n"


def test_a_token_is_alone_on_stdout_and_can_be_created_before_the_first_start(environment: dict[str, str]) -> None:
    organization, user = str(uuid4()), str(uuid4())
    done = run(environment, "token", "create", "--org", organization, "--user", user, "--name", "laptop")
    assert done.returncode == 0
    token = done.stdout.removesuffix("\n")
    assert len(token) == 40
    assert token.isalnum()

    listed = run(environment, "token", "list").stdout
    assert token not in listed
    token_id, *rest = listed.removesuffix("\n").split("\t")
    assert rest == [organization, user, "active", "laptop"]

    assert run(environment, "token", "revoke", token_id).returncode == 0
    assert "\trevoked " in run(environment, "token", "list", "--org", organization).stdout


def test_a_token_without_a_user_acts_for_the_organization(environment: dict[str, str]) -> None:
    organization = str(uuid4())
    done = run(environment, "token", "create", "--org", organization, "--name", "website")
    assert (done.returncode, len(done.stdout)) == (0, 41)
    _, *rest = run(environment, "token", "list").stdout.removesuffix("\n").split("\t")
    assert rest == [organization, "-", "active", "website"]
    bearer = run(environment, "token", "create", "--org", organization, "--bearer")
    assert (bearer.returncode, bearer.stdout) == (2, "")
    assert bearer.stderr == "--bearer needs --user: an access token belongs to a user\n"


def test_bearer_prints_an_access_token_and_leaves_no_other_token(environment: dict[str, str]) -> None:
    done = run(environment, "token", "create", "--org", str(uuid4()), "--user", str(uuid4()), "--bearer")
    assert done.returncode == 0
    assert done.stdout.count(".") == 2
    assert run(environment, "token", "list").stdout == ""


def test_a_new_organization_may_be_given_its_name(environment: dict[str, str]) -> None:
    organization, user = str(uuid4()), str(uuid4())
    asked = ("token", "create", "--org", organization, "--user", user, "--org-name", "Acme")
    assert run(environment, *asked).returncode == 0
    with closing(sqlite3.connect(Path(environment["CONFERENCE_DATA_DIR"]) / "conference.db")) as database:
        assert database.execute("select name from organizations").fetchall() == [("Acme",)]


def test_revoking_an_unknown_token_fails_in_one_line(environment: dict[str, str]) -> None:
    done = run(environment, "token", "revoke", str(UUID(int=0)))
    assert (done.returncode, done.stderr) == (1, "There is no such token.\n")


def test_a_user_is_entered_once_and_listed(environment: dict[str, str]) -> None:
    organization, user = str(uuid4()), str(uuid4())
    asked = ("user", "create", "--org", organization, "--full-name", "Order Bot", "--id", user, "--bot")
    avatar = ("--email", "bot@example.com", "--avatar-url", "https://example.com/bot.png")
    done = run(environment, *asked, *avatar)
    assert (done.returncode, done.stdout) == (0, f"{user}\n")
    again = run(environment, *asked)
    assert (again.returncode, again.stderr) == (1, f"There is a user {user} already.\n")
    listed = run(environment, "user", "list", "--org", organization).stdout
    assert listed == f"{user}\t{organization}\tbot\tOrder Bot\tbot@example.com\thttps://example.com/bot.png\n"


def test_a_user_becomes_a_manager_and_is_no_longer_one(environment: dict[str, str]) -> None:
    organization = str(uuid4())
    user = run(environment, "user", "create", "--org", organization, "--full-name", "Ada", "--manager").stdout.strip()
    assert run(environment, "user", "manager", user, "--revoke").returncode == 0
    assert run(environment, "user", "manager", user).returncode == 0
    unknown = run(environment, "user", "manager", str(UUID(int=0)))
    assert (unknown.returncode, unknown.stderr) == (1, "There is no such user.\n")


def test_addresses_are_printed_one_a_line(environment: dict[str, str]) -> None:
    done = run({**environment, "CONFERENCE_HTTP_HOST": "0.0.0.0", "CONFERENCE_RTMP_PORT": "off"}, "addresses")
    assert done.stdout.splitlines() == [
        "http http://127.0.0.1:8080",
        "listening http://127.0.0.1:8080",
        "rtmps rtmps://localhost:1936/live",
        "listen CONFERENCE_HTTP_PORT 127.0.0.1 8080",
        "listen CONFERENCE_RTMPS_PORT 127.0.0.1 1936",
        f"data {environment['CONFERENCE_DATA_DIR']}",
    ]


def test_a_data_directory_that_cannot_be_made_is_a_fault_of_the_settings(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = run({**environment, "CONFERENCE_DATA_DIR": str(tmp_path / "file" / "data")}, "migrate")
    assert done.returncode == 2
    assert done.stderr.startswith("CONFERENCE_DATA_DIR: ")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["sing"],
        ["token"],
        ["token", "create"],
        ["token", "create", "--org", "1", "--user", str(UUID(int=1))],
        ["token", "create", "--org", str(UUID(int=1)), "--user", str(UUID(int=1)), "--name", "a\nb"],
        ["token", "revoke", "7"],
        ["user", "create", "--org", str(UUID(int=1))],
        ["user", "create", "--org", str(UUID(int=1)), "--full-name", "Ada", "--avatar-url", "javascript:1"],
        ["fake-cloudflare"],
        ["fake-cloudflare", "--port", "65536"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--version"])
    assert (stopped.value.code, capsys.readouterr().out) == (0, f"{cli.VERSION}\n")


def test_a_service_without_its_database_says_so_and_does_not_start(environment: dict[str, str]) -> None:
    done = run({**environment, **NO_PORTS, "CONFERENCE_DATABASE_URL": "postgresql://u:hidden@127.0.0.1:1/x"}, "serve")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "The store is not available."
    assert "Traceback" not in done.stderr and "hidden" not in done.stderr


@pytest.mark.parametrize(
    ("command", "url"),
    [
        (["serve"], "postgresql://u:hidden@h/x?application_name=y"),
        (["migrate"], "mysql://u:hidden@h/x"),
        (["token", "list"], "hidden"),
    ],
)
def test_an_unusable_database_url_is_reported_in_one_line(
    environment: dict[str, str], command: list[str], url: str
) -> None:
    done = run({**environment, **NO_PORTS, "CONFERENCE_DATABASE_URL": url}, *command)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, line.split(" must be ")[0]) == (2, "CONFERENCE_DATABASE_URL")
    assert "hidden" not in line


def test_a_file_that_is_no_database_is_not_served_from(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("hello\n" * 1000)
    done = run({**environment, "CONFERENCE_DATABASE_URL": f"sqlite:///{tmp_path / 'text.db'}"}, "migrate")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "The store is not available.")


def test_an_unusable_certificate_is_reported_in_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "pem").write_text("no certificate\n")
    given = {"CONFERENCE_TLS_CERT": str(tmp_path / "pem"), "CONFERENCE_TLS_KEY": str(tmp_path / "pem")}
    done = run({**environment, **NO_PORTS, **given}, "serve")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("CONFERENCE_TLS_CERT, CONFERENCE_TLS_KEY: ")
    assert "Traceback" not in done.stderr


def test_an_address_of_another_machine_is_reported_in_one_line(environment: dict[str, str]) -> None:
    done = run({**environment, **NO_PORTS, "CONFERENCE_HTTP_HOST": "203.0.113.5"}, "serve")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("cannot listen: ")
    assert "Traceback" not in done.stderr


def test_signals_during_the_start_stop_the_service_or_are_ignored(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never answers
        silent.settimeout(PATIENCE)
        given = {
            "CONFERENCE_PROVIDER": "cloudflare",
            "CONFERENCE_CLOUDFLARE_ACCOUNT_ID": "a",
            "CONFERENCE_CLOUDFLARE_API_TOKEN": "t",
            "CONFERENCE_CLOUDFLARE_BASE_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
        }
        with subprocess.Popen(
            [sys.executable, "-m", "service", "serve"], env={**environment, **NO_PORTS, **given}, stderr=subprocess.PIPE
        ) as process:
            with silent.accept()[0]:  # the provider asks: the service is starting
                process.send_signal(signal.SIGHUP)
                process.terminate()
                _, output = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert b"nothing to reload" in output
    assert b"stopped while it was starting" in output


def test_the_settings_for_jitsi_are_the_same_every_time(environment: dict[str, str]) -> None:
    first, second = run(environment, "jitsi"), run(environment, "jitsi")
    assert (first.returncode, first.stdout) == (0, second.stdout)
    assert 'app_id = "jitsi"' in first.stdout.splitlines()


def test_an_admin_is_appointed_also_in_a_channel_that_has_none(environment: dict[str, str]) -> None:
    organization, ada = str(uuid4()), str(uuid4())
    assert run(environment, "token", "create", "--org", organization, "--user", ada).returncode == 0
    channel = uuid4()
    file = Path(environment["CONFERENCE_DATA_DIR"]) / "conference.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "insert into channels (id, organization_id, name, name_folded, description, is_private, type, created_at, updated_at, "
            "latest_message_created_at) values (?, ?, 'Lost', 'lost', '', 1, 4, '2026-01-01', '2026-01-01', '2026-01-01')",
            (channel.hex, UUID(organization).hex),
        )
    asked = ("channel", "appoint", "--org", organization, "--user", ada, "--channel")
    for _ in range(2):
        done = run(environment, *asked, str(channel))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("select user_id, is_admin from members").fetchall() == [(UUID(ada).hex, 1)]
        assert database.execute("select member_count from channels").fetchall() == [(1,)]
    unknown = run(environment, *asked, str(uuid4()))
    assert (unknown.returncode, unknown.stderr) == (1, "There is no such channel in that organization.\n")


def test_an_inbox_is_created_and_listed(environment: dict[str, str]) -> None:
    organization = str(uuid4())
    create = ("inbox", "create", "--org", organization, "--name", "WhatsApp")
    unknown = run(environment, *create)
    assert (unknown.returncode, unknown.stderr) == (1, "There is no such organization. `token create` makes one.\n")
    assert run(environment, "token", "create", "--org", organization).returncode == 0
    made = run(environment, *create, "--webhook-url", "https://bridge.example.com/live", "--hmac")
    assert (made.returncode, made.stderr) == (0, "")
    printed = dict(line.split(" ", 1) for line in made.stdout.splitlines())
    assert list(printed) == ["account", "inbox", "identifier", "hmac_token", "secret"]
    listed = run(environment, "inbox", "list", "--org", organization).stdout
    assert listed.rstrip("\n").split("\t") == [
        "1", "1", printed["identifier"], "-", "WhatsApp", "https://bridge.example.com/live",
    ]  # fmt: skip
    refused = run(environment, *create, "--webhook-url", "http://10.0.0.1/")
    assert refused.returncode == 1 and refused.stderr.startswith("Webhook url is not allowed: ")
    absent = run(environment, *create, "--channel", str(uuid4()))
    assert (absent.returncode, absent.stderr) == (1, "Live channel must exist\n")


@pytest.mark.parametrize("name", [" ", "\u200b", "\u3164", "a\u202eb", "a\tb", "\x1b[31m"])
def test_a_name_that_cannot_be_shown_is_wrong_usage(name: str) -> None:
    for option in (["user", "create", "--org", str(uuid4()), "--full-name", name],):
        with pytest.raises(SystemExit) as ended:
            cli.main(option)
        assert ended.value.code == 2


def test_nodes_and_their_broadcasts_are_listed(environment: dict[str, str]) -> None:
    assert run(environment, "nodes").stdout == ""

    async def carry() -> None:
        store = Store(f"sqlite:///{environment['CONFERENCE_DATA_DIR']}/conference.db")
        member = await store.ownership.join("main", "http://10.0.0.5:8080")
        await store.ownership.claim(member, "input", "show")
        await store.aclose()

    asyncio.run(carry())
    done = run(environment, "nodes")
    node, broadcast = (line.split("\t") for line in done.stdout.splitlines())
    assert node[:4] == ["node", "main", "alive", "http://10.0.0.5:8080"]
    assert broadcast[:6] == ["broadcast", "show", "input", "main", "held", "1"]
