"""The settings: defaults, and the message for every way to get one wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service import settings
from service.settings import LogLevel, ProviderName, Settings, SettingsError


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CONFERENCE_"):
            monkeypatch.delenv(name)


def faults(monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[str]:
    for name, value in variables.items():
        monkeypatch.setenv(f"CONFERENCE_{name}", value)
    with pytest.raises(SettingsError) as caught:
        settings.load()
    return caught.value.lines


def test_without_variables_the_service_listens_on_loopback_and_keeps_its_data_below_the_working_directory() -> None:
    given = settings.load()
    assert (given.http_host, given.http_port, given.rtmp_port, given.rtmps_port) == ("127.0.0.1", 8080, 1935, 1936)
    assert given.data_dir == Path.cwd() / "data"
    assert given.database_url == f"sqlite:///{Path.cwd()}/data/conference.db"
    assert given.redis_url is None
    assert given.provider is ProviderName.LOCAL
    assert given.renditions == ("source",)


def test_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFERENCE_HTTP_PORT", "0")
    monkeypatch.setenv("CONFERENCE_RENDITIONS", "source, 720p,480p")
    monkeypatch.setenv("CONFERENCE_TRUSTED_PROXIES", "10.0.0.0/8,::1")
    monkeypatch.setenv("CONFERENCE_LOG_LEVEL", "DEBUG")
    given = settings.load()
    assert given.http_port == 0
    assert given.renditions == ("source", "720p", "480p")
    assert [str(network) for network in given.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    assert given.log_level is LogLevel.DEBUG


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFERENCE_REDIS_URL", "")
    monkeypatch.setenv("CONFERENCE_HTTP_PORT", "")
    assert (settings.load().redis_url, settings.load().http_port) == (None, 8080)


def test_the_plain_rtmp_port_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFERENCE_RTMP_PORT", "off")
    assert settings.load().rtmp_port is None


def test_rtmp_listens_on_the_host_of_http_by_default() -> None:
    assert Settings(http_host="0.0.0.0").rtmp_host == "0.0.0.0"
    assert Settings(http_host="0.0.0.0", rtmp_host="127.0.0.1").rtmp_host == "127.0.0.1"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("HTTP_PORT", "abc", "must be a port from 0 to 65535 (0: any free one), not 'abc'"),
        ("HTTP_PORT", "65536", "must be a port from 0 to 65535 (0: any free one), not '65536'"),
        ("HTTP_PORT", "-1", "must be a port from 0 to 65535 (0: any free one), not '-1'"),
        ("RTMPS_PORT", "off", "must be a port from 0 to 65535 (0: any free one), not 'off'"),
        (
            "RTMP_PORT",
            "none",
            "must be a port from 0 to 65535 (0: any free one), or \"off\" for no plain RTMP, not 'none'",
        ),
        ("HTTP_HOST", "a b", "must be a host name or an IP address, without a port, not 'a b'"),
        ("HTTP_HOST", "localhost:80", "must be a host name or an IP address, without a port, not 'localhost:80'"),
        ("PUBLIC_RTMP_HOST", "rtmp://x", "must be a host name or an IP address, without a port, not 'rtmp://x'"),
        (
            "PUBLIC_URL",
            "live.example.com",
            "must be an http or https URL without a query, like https://live.example.com, not 'live.example.com'",
        ),
        (
            "PUBLIC_URL",
            "https://x/?a=b",
            "must be an http or https URL without a query, like https://live.example.com, not 'https://x/?a=b'",
        ),
        (
            "TRUSTED_PROXIES",
            "10.0.0.1/8,x",
            "must be a comma-separated list of IP addresses or networks, like 10.0.0.0/8,::1, not '10.0.0.1/8'",
        ),
        ("HSTS_MAX_AGE", "-1", "must be a number of seconds from 0 to 63072000 (0: no such header), not '-1'"),
        (
            "OUTGOING_NETWORKS",
            "intranet",
            "must be a comma-separated list of IP addresses or networks, like 10.20.0.0/16,::1, not 'intranet'",
        ),
        ("OUTGOING_HTTP", "perhaps", "must be true or false, not 'perhaps'"),
        ("PROVIDER", "mux", "must be local or cloudflare, not 'mux'"),
        (
            "RENDITIONS",
            "source,4k",
            "must be a comma-separated list out of source, 1080p, 720p, 540p, 480p, 360p, 240p, at most 6 and each once,"
            " not 'source,4k'",
        ),
        (
            "RENDITIONS",
            "480p,480p",
            "must be a comma-separated list out of source, 1080p, 720p, 540p, 480p, 360p, 240p, at most 6 and each once,"
            " not '480p,480p'",
        ),
        ("MAX_TRANSCODES", "65", "must be a number from 0 to 64, not '65'"),
        ("LOW_LATENCY_PART_SECONDS", "2", "must be a number of seconds from 0.2 to 1.0, like 0.5, not '2'"),
        ("NEW_VISITORS_PER_ADDRESS", "0", "must be a number of visitors per minute from 1 to 1000000, not '0'"),
        ("REQUESTS_PER_CALLER", "0", "must be a number of requests per minute from 1 to 1000000, not '0'"),
        ("LOG_LEVEL", "loud", "must be debug, info, warning or error, not 'loud'"),
        ("LOG_FORMAT", "xml", "must be auto, json or console, not 'xml'"),
        (
            "CLOUDFLARE_BASE_URL",
            "api",
            "must be an http or https URL without a query, like https://api.cloudflare.com/client/v4, not 'api'",
        ),
        (
            "CLOUDFLARE_ACCOUNT_ID",
            "a/b",
            "must be the account id as the dashboard shows it (letters and digits), not 'a/b'",
        ),
    ],
)
def test_a_bad_value_is_one_line_with_the_variable_and_the_rule(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    assert faults(monkeypatch, **{name: value}) == [f"CONFERENCE_{name} {sentence}"]


DATABASE_RULE = (
    "must be a database URL like sqlite:////var/lib/conference/conference.db or postgresql://user:password@host/name, "
    "with no options but host, port, passfile, sslmode and target_session_attrs"
)


@pytest.mark.parametrize(
    "url", ["postgresql://h/n?application_name=x", "mysql://h/n", "postgresql:/n", "h", "sqlite://"]
)
def test_a_database_that_cannot_be_one_is_one_line(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert faults(monkeypatch, DATABASE_URL=url) == [f"CONFERENCE_DATABASE_URL {DATABASE_RULE}"]


@pytest.mark.parametrize("public_url", [{}, {"public_url": "http://live.example.com"}])
def test_transport_security_needs_https(public_url: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="CONFERENCE_HSTS_MAX_AGE needs an https CONFERENCE_PUBLIC_URL"):
        Settings(hsts_max_age=3600, **public_url)  # type: ignore[arg-type]
    assert Settings(hsts_max_age=3600, public_url="https://live.example.com").hsts_max_age == 3600


def test_a_password_in_a_public_url_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = faults(monkeypatch, PUBLIC_URL="https://me:hunter2@host")
    assert line.startswith("CONFERENCE_PUBLIC_URL must be an http or https URL")
    assert "hunter2" not in line


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_a_value_that_may_hold_a_password_is_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (line,) = faults(monkeypatch, **{name: "mysql://me:hunter2@host/name"})
    assert line.startswith(f"CONFERENCE_{name} must be a ")
    assert "hunter2" not in line


def test_all_faults_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = faults(monkeypatch, HTTP_PORT="x", LOG_LEVEL="y")
    assert [line.split()[0] for line in lines] == ["CONFERENCE_HTTP_PORT", "CONFERENCE_LOG_LEVEL"]


def test_a_misspelt_variable_is_a_fault_that_names_its_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults(monkeypatch, HTTP_PROT="1") == [
        "CONFERENCE_HTTP_PROT is not a setting (did you mean CONFERENCE_HTTP_PORT?)"
    ]


def test_variables_an_orchestrator_makes_up_are_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFERENCE_SERVICE_HOST", "10.1.2.3")
    monkeypatch.setenv("CONFERENCE_PORT_8080_TCP_ADDR", "10.1.2.3")
    settings.load()


def test_a_certificate_without_its_key_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    certificate = tmp_path / "cert.pem"
    certificate.touch()
    assert faults(monkeypatch, TLS_CERT=str(certificate)) == [
        "CONFERENCE_TLS_KEY is required when CONFERENCE_TLS_CERT is set"
    ]


def test_a_certificate_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults(monkeypatch, TLS_CERT="/nowhere", TLS_KEY="/nowhere") == [
        "CONFERENCE_TLS_CERT must be a readable file (PEM, the whole chain), not '/nowhere'",
        "CONFERENCE_TLS_KEY must be a readable file (PEM, the private key), not '/nowhere'",
    ]


@pytest.mark.parametrize(
    "address", ["s3://bucket", "s3://bucket/some/prefix", "gs://bucket", "az://container/p", "/mnt/media"]
)
def test_media_may_be_kept_in_a_bucket_or_a_folder(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("CONFERENCE_MEDIA_STORE", f"{address}/")
    monkeypatch.setenv("CONFERENCE_MEDIA_URL", "https://cdn.example/media/")
    given = settings.load()
    assert (given.media_store, given.media_url, given.media_cache_gib) == (address, "https://cdn.example/media", 20)


@pytest.mark.parametrize(
    "address", ["bucket", "media/folder", "/", "ftp://host", "s3://", "s3://key:secret@bucket", "s3://b?x"]
)
def test_an_address_of_a_bucket_holds_nothing_else(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    assert faults(monkeypatch, MEDIA_STORE=address) == [
        "CONFERENCE_MEDIA_STORE must be s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or the absolute path "
        "of a folder, without credentials: those are the AWS_*, GOOGLE_* or AZURE_* variables"
    ]


@pytest.mark.parametrize("folder", ["/srv/data", "/srv/data/recordings", "/srv"])
def test_a_media_store_is_no_folder_of_the_service(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    assert faults(monkeypatch, DATA_DIR="/srv/data", MEDIA_STORE=folder) == [
        "CONFERENCE_MEDIA_STORE must be outside CONFERENCE_DATA_DIR, and not contain it"
    ]


@pytest.mark.parametrize("folder", ["link", "link/recordings", "other/../data", "other/up"])
def test_a_media_store_is_no_folder_of_the_service_by_another_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str
) -> None:
    for name in ("data", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to("data")
    (tmp_path / "other" / "up").symlink_to(tmp_path)
    assert faults(monkeypatch, DATA_DIR=str(tmp_path / "data"), MEDIA_STORE=f"{tmp_path}/{folder}") == [
        "CONFERENCE_MEDIA_STORE must be outside CONFERENCE_DATA_DIR, and not contain it"
    ]
    monkeypatch.setenv("CONFERENCE_MEDIA_STORE", str(tmp_path / "other"))
    assert settings.load().media_store == str(tmp_path / "other")


def test_a_media_store_needs_the_local_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults(monkeypatch, MEDIA_URL="https://cdn.example") == [
        "CONFERENCE_MEDIA_URL needs CONFERENCE_MEDIA_STORE: it is the public address of that bucket"
    ]
    account = {"PROVIDER": "cloudflare", "CLOUDFLARE_ACCOUNT_ID": "a" * 32, "CLOUDFLARE_API_TOKEN": "token"}
    assert faults(monkeypatch, **account, MEDIA_STORE="s3://bucket") == [
        "CONFERENCE_MEDIA_STORE needs CONFERENCE_PROVIDER local: Cloudflare keeps its recordings itself"
    ]


def test_limits_of_recordings_need_the_local_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    account = {"PROVIDER": "cloudflare", "CLOUDFLARE_ACCOUNT_ID": "a" * 32, "CLOUDFLARE_API_TOKEN": "token"}
    assert faults(monkeypatch, **account, RECORDINGS_KEEP_DAYS="30", RECORDINGS_MAX_GIB="1") == [
        "CONFERENCE_RECORDINGS_KEEP_DAYS needs CONFERENCE_PROVIDER local: Cloudflare keeps its recordings itself",
        "CONFERENCE_RECORDINGS_MAX_GIB needs CONFERENCE_PROVIDER local: Cloudflare keeps its recordings itself",
    ]
    assert faults(monkeypatch, RECORDINGS_KEEP_DAYS="-1") == [
        "CONFERENCE_RECORDINGS_KEEP_DAYS must be a number of days from 0 to 36500 (0: no limit), not '-1'"
    ]


def test_cloudflare_needs_an_account_and_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults(monkeypatch, PROVIDER="cloudflare") == [
        "CONFERENCE_CLOUDFLARE_ACCOUNT_ID is required when CONFERENCE_PROVIDER is cloudflare",
        "CONFERENCE_CLOUDFLARE_API_TOKEN is required when CONFERENCE_PROVIDER is cloudflare",
    ]


@pytest.mark.parametrize(
    "key", ["-----BEGIN PRIVATE KEY-----\nMIIEvQ\n", f"-----BEGIN RSA PRIVATE KEY-----{'M' * 2_000}"]
)
def test_a_key_in_the_place_of_its_path_is_not_repeated(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    assert faults(monkeypatch, JITSI_PRIVATE_KEY=key, TLS_KEY=key) == [
        "CONFERENCE_TLS_KEY must be a readable file (PEM, the private key)",
        "CONFERENCE_JITSI_PRIVATE_KEY must be a readable file (PEM, an RSA private key without a password)",
    ]


def test_a_path_too_long_for_any_file_is_no_readable_file(monkeypatch: pytest.MonkeyPatch) -> None:
    [line] = faults(monkeypatch, TLS_CERT="a" * 300)
    assert line.startswith("CONFERENCE_TLS_CERT must be a readable file (PEM, the whole chain), not 'aaa")


def test_secrets_do_not_show_in_the_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFERENCE_CLOUDFLARE_API_TOKEN", "hunter2")
    monkeypatch.setenv("CONFERENCE_DATABASE_URL", "postgresql://me:hunter2@host/name")
    monkeypatch.setenv("CONFERENCE_REDIS_URL", "redis://:hunter2@host/0")
    assert "hunter2" not in repr(settings.load())


@pytest.mark.parametrize(
    ("given", "http", "rtmp"),
    [
        ({}, "http://127.0.0.1:8080", "localhost"),
        ({"http_host": "0.0.0.0"}, "http://127.0.0.1:8080", "localhost"),
        ({"http_host": "::1", "http_port": 81}, "http://[::1]:81", "localhost"),
        ({"rtmp_host": "127.0.0.5"}, "http://127.0.0.1:8080", "127.0.0.5"),
        ({"public_url": "http://127.0.0.1:9000"}, "http://127.0.0.1:9000", "localhost"),
        ({"public_url": "http://192.0.2.7:9000"}, "http://192.0.2.7:9000", "192.0.2.7"),
        ({"public_rtmp_host": "127.0.0.1"}, "http://127.0.0.1:8080", "127.0.0.1"),
        ({"public_url": "https://live.example.com/"}, "https://live.example.com", "live.example.com"),
        ({"public_url": "https://a.example", "public_rtmp_host": "b.example"}, "https://a.example", "b.example"),
    ],
)
def test_addresses_are_those_that_clients_see(given: dict[str, str], http: str, rtmp: str) -> None:
    settings = Settings(**given)  # type: ignore[arg-type]
    assert (settings.http_url(), settings.rtmp_public_host()) == (http, rtmp)


def test_the_port_really_bound_stands_in_the_address() -> None:
    assert Settings(http_port=0).http_url(4711) == "http://127.0.0.1:4711"
