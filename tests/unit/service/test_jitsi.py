"""Meeting tokens as Jitsi's token authentication reads them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from service import settings
from service.jitsi import meeting_signer, prosody_lines
from service.settings import SettingsError


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CONFERENCE_"):
            monkeypatch.delenv(name)


class Secrets:
    """A store of secrets in memory."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    async def secret(self, name: str, proposal: str) -> str:
        return self.held.setdefault(name, proposal)


def pem(key: Any, password: bytes | None = None) -> bytes:
    how = NoEncryption() if password is None else BestAvailableEncryption(password)
    made: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)
    return made


async def test_without_settings_a_secret_is_made_once() -> None:
    store = Secrets()
    first, second = [await meeting_signer(settings.load(), store) for _ in range(2)]
    assert first.key == second.key
    assert len(first.key) >= settings.MIN_JITSI_SECRET
    assert first.key not in repr(first)
    claims = jwt.decode(first.sign({"room": "r"}), first.key, algorithms=["HS256"], audience="jitsi")
    assert claims == {"iss": "jitsi", "aud": "jitsi", "sub": "*", "room": "r"}
    assert f'app_secret = "{first.key}"' in prosody_lines(first)


async def test_what_is_set_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"APP_ID": "ours", "APP_SECRET": "s" * 32, "DOMAIN": "meet.example.com"}.items():
        monkeypatch.setenv(f"CONFERENCE_JITSI_{name}", value)
    store = Secrets()
    signer = await meeting_signer(settings.load(), store)
    assert store.held == {}
    claims = jwt.decode(signer.sign({}), "s" * 32, algorithms=["HS256"], audience="ours")
    assert claims == {"iss": "ours", "aud": "ours", "sub": "meet.example.com"}


async def test_a_private_key_signs_with_rs256_and_names_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, file = rsa.generate_private_key(65537, 2048), tmp_path / "key.pem"
    file.write_bytes(pem(key))
    monkeypatch.setenv("CONFERENCE_JITSI_PRIVATE_KEY", str(file))
    monkeypatch.setenv("CONFERENCE_JITSI_KEY_ID", "jitsi/ours")
    monkeypatch.setenv("CONFERENCE_JITSI_AUDIENCE", "chat")
    signer = await meeting_signer(settings.load(), Secrets())
    token = signer.sign({"room": str(uuid4())})
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "kid": "jitsi/ours", "typ": "JWT"}
    assert jwt.decode(token, key.public_key(), algorithms=["RS256"], audience="chat")["iss"] == "jitsi"
    assert "PRIVATE" not in "".join(prosody_lines(signer))


RULE = "CONFERENCE_JITSI_PRIVATE_KEY must be a readable file (PEM, an RSA private key without a password), not "


@pytest.mark.parametrize("content", [b"no key", pem(ec.generate_private_key(ec.SECP256R1())),
                                     pem(rsa.generate_private_key(65537, 2048), b"password")])  # fmt: skip
def test_another_key_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(content)
    monkeypatch.setenv("CONFERENCE_JITSI_PRIVATE_KEY", str(file))
    monkeypatch.setenv("CONFERENCE_JITSI_KEY_ID", "ours")
    with pytest.raises(SettingsError) as caught:
        settings.load()
    assert caught.value.lines == [f"{RULE}'{file}'"]


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"APP_SECRET": "short"}, "CONFERENCE_JITSI_APP_SECRET must be a secret of at least 32 characters"),
        ({"KEY_ID": "k"}, "CONFERENCE_JITSI_PRIVATE_KEY is required when CONFERENCE_JITSI_KEY_ID is set"),
        ({"DOMAIN": "a b"}, f"CONFERENCE_JITSI_DOMAIN must be {settings.JITSI_RULE.text}, not 'a b'"),
        ({"APP_ID": 'a"b'}, f"CONFERENCE_JITSI_APP_ID must be {settings.JITSI_RULE.text}, not 'a\"b'"),
    ],
)
def test_what_does_not_fit_is_one_line(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], line: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"CONFERENCE_JITSI_{name}", value)
    with pytest.raises(SettingsError) as caught:
        settings.load()
    assert caught.value.lines == [line]
