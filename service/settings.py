"""The settings: `CONFERENCE_*` environment variables, read and checked once at start. The only file that reads the environment.

A field is named like its variable, in lower case and without `CONFERENCE_`. A variable that is set but empty counts as not
set. Every setting carries its rule as a sentence; a value that breaks it becomes one line that names variable and rule.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from providers.local.packager.cutting import PART_TARGET_LOW_LATENCY
from providers.local.transcoder.renditions import MAX_RENDITIONS, RENDITIONS
from service.logs import clean_text
from service.setting_rules import (
    JITSI_NAME,
    JITSI_RULE,
    Host,
    Port,
    PublicUrl,
    SettingRule,
    comma_list,
    known_renditions,
    lower,
    origin,
    overlaps,
    port_or_off,
    readable_file,
    rsa_key,
)
from service.setting_urls import checked_database_url, checked_media_store, checked_origin_url, checked_redis_url

PREFIX = "CONFERENCE_"

MAX_TRANSCODES_LIMIT = 64
"""Encoder processes that can be allowed per machine at most."""

MAX_RECORDINGS_KEEP_DAYS = 36_500
MAX_RECORDINGS_GIB = 1_000_000
MAX_EVENTS_KEEP_DAYS = 366
"""Days for which events can be kept at most."""

MAX_HSTS_AGE = 63_072_000
"""Seconds, two years: recommended for browsers' preload lists."""

MIN_JITSI_SECRET = 32
"""Characters: a shorter key would be easier to guess than the signature (RFC 7518 §3.2)."""

PEM = "-----BEGIN"
"""How a key begins that stands where the path of its file should: it is not repeated."""

ORCHESTRATOR_VARIABLES = re.compile(r"CONFERENCE_(SERVICE_(HOST|PORT\w*)|PORT(_\d+_(TCP|UDP)\w*)?)")
"""Kubernetes and Docker links make these up for a service named "conference"; they are not meant for us."""


class SettingsError(Exception):
    """What is wrong with the settings; `lines` holds one sentence per fault, naming the variable and the rule."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class ProviderName(StrEnum):
    """The provider that carries the streams."""

    LOCAL = "local"
    CLOUDFLARE = "cloudflare"


class LogLevel(StrEnum):
    """The least severe log line that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """AUTO is console on a terminal and JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class Settings(BaseSettings):
    """All settings. Immutable; secrets are not in its repr."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    http_host: Host = "127.0.0.1"
    http_port: Port = 8080
    rtmp_host: Host = Field(default_factory=lambda data: str(data.get("http_host", "127.0.0.1")))
    rtmp_port: Annotated[
        int | None,
        Field(ge=0, le=65535),
        BeforeValidator(port_or_off),
        SettingRule('a port from 0 to 65535 (0: any free one), or "off" for no plain RTMP'),
    ] = 1935
    rtmps_port: Port = 1936
    metrics_host: Host = "127.0.0.1"
    metrics_port: (
        Annotated[
            int,
            Field(ge=0, le=65535),
            SettingRule("a port from 0 to 65535 (0: any free one); without it, /metrics is on the HTTP port"),
        ]
        | None
    ) = None
    public_url: PublicUrl | None = None
    public_rtmp_host: Host | None = None
    trusted_proxies: Annotated[
        tuple[IPv4Network | IPv6Network, ...],
        NoDecode,
        BeforeValidator(comma_list),
        SettingRule("a comma-separated list of IP addresses or networks, like 10.0.0.0/8,::1"),
    ] = ()
    data_dir: Annotated[
        Path, AfterValidator(lambda path: path.expanduser().absolute()), SettingRule("the path of a directory")
    ] = Field(default=Path("data"), validate_default=True)
    database_url: Annotated[
        str,
        AfterValidator(checked_database_url),
        SettingRule(
            "a database URL like sqlite:////var/lib/conference/conference.db or postgresql://user:password@host/name, "
            "with no options but host, port, passfile, sslmode and target_session_attrs"
        ),
    ] = Field(default_factory=lambda data: f"sqlite:///{data.get('data_dir', '.')}/conference.db", repr=False)
    redis_url: (
        Annotated[
            str,
            AfterValidator(checked_redis_url),
            SettingRule(
                "a Redis URL: redis://host:6379/0, rediss://… or unix:///path/of/the.sock, "
                "with no options but db, client_name and, for rediss, ssl_*"
            ),
        ]
        | None
    ) = Field(default=None, repr=False)
    node_name: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$"), SettingRule("a name of 1 to 64 letters, digits, dots, - and _")
    ] = "main"
    node_url: Annotated[str, AfterValidator(checked_origin_url), origin("http://10.0.0.5:8080")] | None = None
    media_store: (
        Annotated[
            str,
            AfterValidator(checked_media_store),
            SettingRule(
                "s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or the absolute path of a folder, "
                "without credentials: those are the AWS_*, GOOGLE_* or AZURE_* variables"
            ),
        ]
        | None
    ) = Field(default=None, repr=False)
    media_cache_gib: Annotated[
        int, Field(ge=0, le=MAX_RECORDINGS_GIB), SettingRule(f"GiB, from 0 to {MAX_RECORDINGS_GIB}")
    ] = 20
    media_url: PublicUrl | None = None
    provider: Annotated[ProviderName, BeforeValidator(lower), SettingRule("local or cloudflare")] = ProviderName.LOCAL
    tls_cert: (
        Annotated[Path, AfterValidator(readable_file), SettingRule("a readable file (PEM, the whole chain)")] | None
    ) = None
    tls_key: (
        Annotated[Path, AfterValidator(readable_file), SettingRule("a readable file (PEM, the private key)")] | None
    ) = None
    renditions: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(comma_list),
        AfterValidator(known_renditions),
        SettingRule(f"a comma-separated list out of {', '.join(RENDITIONS)}, at most {MAX_RENDITIONS} and each once"),
    ] = ("source",)
    max_transcodes: Annotated[
        int, Field(ge=0, le=MAX_TRANSCODES_LIMIT), SettingRule(f"a number from 0 to {MAX_TRANSCODES_LIMIT}")
    ] = 2
    low_latency_part_seconds: Annotated[
        float, Field(ge=0.2, le=1.0), SettingRule("a number of seconds from 0.2 to 1.0, like 0.5")
    ] = PART_TARGET_LOW_LATENCY
    new_visitors_per_address: Annotated[
        int, Field(ge=1, le=1_000_000), SettingRule("a number of visitors per minute from 1 to 1000000")
    ] = 3000
    requests_per_caller: Annotated[
        int, Field(ge=1, le=1_000_000), SettingRule("a number of requests per minute from 1 to 1000000")
    ] = 6000
    events_keep_days: Annotated[
        int, Field(ge=1, le=MAX_EVENTS_KEEP_DAYS), SettingRule(f"a number of days from 1 to {MAX_EVENTS_KEEP_DAYS}")
    ] = 7
    recordings_keep_days: Annotated[
        int,
        Field(ge=0, le=MAX_RECORDINGS_KEEP_DAYS),
        SettingRule(f"a number of days from 0 to {MAX_RECORDINGS_KEEP_DAYS} (0: no limit)"),
    ] = 0
    recordings_max_gib: Annotated[
        int, Field(ge=0, le=MAX_RECORDINGS_GIB), SettingRule(f"GiB, from 0 to {MAX_RECORDINGS_GIB} (0: no limit)")
    ] = 0
    hsts_max_age: Annotated[
        int,
        Field(ge=0, le=MAX_HSTS_AGE),
        SettingRule(f"a number of seconds from 0 to {MAX_HSTS_AGE} (0: no such header)"),
    ] = 0
    outgoing_networks: Annotated[
        tuple[IPv4Network | IPv6Network, ...],
        NoDecode,
        BeforeValidator(comma_list),
        SettingRule("a comma-separated list of IP addresses or networks, like 10.20.0.0/16,::1"),
    ] = ()
    outgoing_http: Annotated[bool, SettingRule("true or false")] = False
    cloudflare_account_id: Annotated[
        str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$"), SettingRule("the account id as the dashboard shows it (letters and digits)")
    ] | None = None  # fmt: skip
    cloudflare_api_token: SecretStr | None = None
    cloudflare_base_url: Annotated[
        str,
        AfterValidator(checked_origin_url),
        origin("https://api.cloudflare.com/client/v4"),
    ] = "https://api.cloudflare.com/client/v4"
    cloudflare_customer_url: Annotated[
        str,
        AfterValidator(checked_origin_url),
        origin("https://customer-CODE.cloudflarestream.com"),
    ] | None = None  # fmt: skip
    cloudflare_webhook_secret: SecretStr | None = None
    jitsi_app_id: Annotated[str, Field(pattern=JITSI_NAME), JITSI_RULE] = "jitsi"
    jitsi_app_secret: Annotated[
        SecretStr, Field(min_length=MIN_JITSI_SECRET), SettingRule(f"a secret of at least {MIN_JITSI_SECRET} characters")
    ] | None = None  # fmt: skip
    jitsi_private_key: Annotated[
        Path, AfterValidator(rsa_key), SettingRule("a readable file (PEM, an RSA private key without a password)")
    ] | None = None  # fmt: skip
    jitsi_key_id: Annotated[str, Field(pattern=JITSI_NAME), JITSI_RULE] | None = None
    jitsi_domain: Annotated[str, Field(pattern=JITSI_NAME), JITSI_RULE] = "*"
    jitsi_audience: Annotated[str, Field(pattern=JITSI_NAME), JITSI_RULE] = Field(
        default_factory=lambda data: str(data.get("jitsi_app_id", "jitsi"))
    )
    log_level: Annotated[LogLevel, BeforeValidator(lower), SettingRule("debug, info, warning or error")] = LogLevel.INFO
    log_format: Annotated[LogFormat, BeforeValidator(lower), SettingRule("auto, json or console")] = LogFormat.AUTO

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        faults = []
        if (self.tls_cert is None) != (self.tls_key is None):
            missing, given = ("TLS_KEY", "TLS_CERT") if self.tls_key is None else ("TLS_CERT", "TLS_KEY")
            faults.append(f"{PREFIX}{missing} is required when {PREFIX}{given} is set")
        if self.media_url is not None and self.media_store is None:
            faults.append(f"{PREFIX}MEDIA_URL needs {PREFIX}MEDIA_STORE: it is the public address of that bucket")
        if self.media_store is not None and overlaps(Path(self.media_store), self.data_dir):
            faults.append(f"{PREFIX}MEDIA_STORE must be outside {PREFIX}DATA_DIR, and not contain it")
        if self.provider is ProviderName.CLOUDFLARE:
            if self.media_store is not None:
                faults.append(
                    f"{PREFIX}MEDIA_STORE needs {PREFIX}PROVIDER local: Cloudflare keeps its recordings itself"
                )
            needed = {"ACCOUNT_ID": self.cloudflare_account_id, "API_TOKEN": self.cloudflare_api_token}
            faults += [
                f"{PREFIX}CLOUDFLARE_{name} is required when {PREFIX}PROVIDER is cloudflare"
                for name, value in needed.items()
                if value is None
            ]
            limits = {"KEEP_DAYS": self.recordings_keep_days, "MAX_GIB": self.recordings_max_gib}
            faults += [
                f"{PREFIX}RECORDINGS_{name} needs {PREFIX}PROVIDER local: Cloudflare keeps its recordings itself"
                for name, value in limits.items()
                if value
            ]
        if (self.jitsi_private_key is None) != (self.jitsi_key_id is None):
            missing, given = ("KEY_ID", "PRIVATE_KEY") if self.jitsi_key_id is None else ("PRIVATE_KEY", "KEY_ID")
            faults.append(f"{PREFIX}JITSI_{missing} is required when {PREFIX}JITSI_{given} is set")
        if self.jitsi_private_key is not None and self.jitsi_app_secret is not None:
            faults.append(f"{PREFIX}JITSI_APP_SECRET must not be set when {PREFIX}JITSI_PRIVATE_KEY is")
        if self.hsts_max_age and not (self.public_url or "").startswith("https://"):
            faults.append(f"{PREFIX}HSTS_MAX_AGE needs an https {PREFIX}PUBLIC_URL")
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def http_url(self, port: int | None = None) -> str:
        """Return the URL for visitors and API users, without a trailing slash; `port` is the bound one."""
        return self.public_url or f"http://{url_host(self.http_host)}:{self.http_port if port is None else port}"

    def rtmp_public_host(self) -> str:
        """Return the host given to encoders, for a URL: the set one, else the public URL's, else the one listened on.

        On this machine alone that is `localhost`: TLS libraries match it in a certificate where they do not match addresses.
        """
        if self.public_rtmp_host:
            return url_host(self.public_rtmp_host)
        public = urlsplit(self.public_url).hostname if self.public_url else None
        host = url_host(public or self.rtmp_host)
        return "localhost" if host in LOOPBACK else host

    @property
    def tls_dir(self) -> Path:
        """Where the local certificate authority and its certificate live."""
        return self.data_dir / "tls"

    @property
    def redis_dir(self) -> Path:
        """Where a private Redis keeps its socket and its data."""
        return self.data_dir / "redis"

    def listens(self) -> list[tuple[str, str, int]]:
        """Return for each listener the variable that sets its port, an address to connect to, and the port."""
        ports: list[tuple[str, str, int | None]] = [("HTTP_PORT", self.http_host, self.http_port)]
        ports += [("METRICS_PORT", self.metrics_host, self.metrics_port)]
        if self.provider is ProviderName.LOCAL:
            ports += [("RTMP_PORT", self.rtmp_host, self.rtmp_port), ("RTMPS_PORT", self.rtmp_host, self.rtmps_port)]
        return [(PREFIX + name, url_host(host).strip("[]"), port) for name, host, port in ports if port is not None]


LOOPBACK = ("127.0.0.1", "[::1]")
"""The addresses of `localhost`, as they stand in a URL."""


def url_host(host: str) -> str:
    """Return a host for a URL: IPv6 in brackets; "all addresses" becomes the loopback address."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return host if address.version == 4 else f"[{host}]"


def load() -> Settings:
    """Return the settings of this process. Raise SettingsError with every fault."""
    faults = list(_unknown(os.environ))
    try:
        settings = Settings()
    except ValidationError as error:
        raise SettingsError([*faults, *_sentences(error)]) from None
    if faults:
        raise SettingsError(faults)
    return settings


def _unknown(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a fault for each unknown variable, with the most similar name: misspelt variables are not ignored."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(environment):
        if not name.upper().startswith(PREFIX) or name.upper() in known or ORCHESTRATOR_VARIABLES.fullmatch(name):
            continue
        near = difflib.get_close_matches(name.upper(), known, n=1)
        yield f"{name} is not a setting" + (f" (did you mean {near[0]}?)" if near else "")


def _sentences(error: ValidationError) -> Iterator[str]:
    """Yield one sentence per setting; pydantic reports every member of a list and every branch of a union."""
    reported = set()
    for fault in error.errors(include_url=False):
        if not fault["loc"]:
            yield from str(fault["ctx"]["error"]).splitlines()
            continue
        name = str(fault["loc"][0])
        if name in reported or fault["type"] == "default_factory_not_called":
            continue
        reported.add(name)
        rule, secret = _rule_of(name)
        given = "" if secret or PEM in str(fault["input"]) else f", not {clean_text(repr(fault['input']))}"
        yield f"{PREFIX}{name.upper()} must be {rule}{given}"


def _rule_of(name: str) -> tuple[str, bool]:
    """Return the rule of a setting and whether its value is secret (URLs may hold a password)."""
    field = Settings.model_fields[name]
    rules = [part.text for part in _metadata(field.annotation, field.metadata) if isinstance(part, SettingRule)]
    return (rules[0] if rules else "a text"), not field.repr or "SecretStr" in str(field.annotation)


def _metadata(annotation: Any, metadata: list[Any]) -> Iterator[Any]:
    """Yield the annotations of a type and of the members of a union."""
    yield from metadata
    yield from getattr(annotation, "__metadata__", ())
    for member in getattr(annotation, "__args__", ()):
        yield from getattr(member, "__metadata__", ())
