"""Rules for the values of settings: a sentence and a check each."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from providers.local.transcoder.renditions import parse_renditions
from service.setting_urls import checked_origin_url


@dataclass(frozen=True, slots=True)
class SettingRule:
    """The rule for a value; completes the sentence "CONFERENCE_X must be …"."""

    text: str


def port_or_off(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() == "off" else value


def host(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%\w+)?", value):
        raise ValueError("not a host")
    return value


def comma_list(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def known_renditions(value: tuple[str, ...]) -> tuple[str, ...]:
    parse_renditions(",".join(value))
    return value


def readable_file(value: Path) -> Path:
    try:
        readable = value.is_file() and os.access(value, os.R_OK)
    except OSError:  # too long for a path, as when what the file should hold stands here
        readable = False
    if not readable:
        raise ValueError("not a readable file")
    return value


def rsa_key(value: Path) -> Path:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(readable_file(value).read_bytes(), password=None)
    except TypeError:
        raise ValueError("it has a password") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA key")
    return value


def lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def overlaps(one: Path, other: Path) -> bool:
    """Return whether one folder is, or contains, the other, also by a link or `..`.

    `one` overlaps with nothing if it is not absolute: then it is the address of a bucket.
    """
    if not one.is_absolute():
        return False
    one, other = Path(os.path.realpath(one)), Path(os.path.realpath(other))
    return one.is_relative_to(other) or other.is_relative_to(one)


def origin(example: str) -> SettingRule:
    return SettingRule(f"an http or https URL without a query, like {example}")


Port = Annotated[int, Field(ge=0, le=65535), SettingRule("a port from 0 to 65535 (0: any free one)")]
Host = Annotated[str, AfterValidator(host), SettingRule("a host name or an IP address, without a port")]
PublicUrl = Annotated[str, AfterValidator(checked_origin_url), origin("https://live.example.com")]


JITSI_NAME = r"^[!#-\[\]-~]{1,256}$"
JITSI_RULE = SettingRule("a text of at most 256 characters without blanks, quotes and backslashes")
