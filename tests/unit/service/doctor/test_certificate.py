"""The certificate, as the doctor sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.local.tls.authority import ensure_local_certificate
from service.doctor.certificate import check_certificate, covers
from service.doctor.check_result import Level
from service.settings import Settings
from tests.unit.service.doctor.results import changed, result_of


async def test_before_the_first_start_the_certificate_is_yet_to_be_made(settings: Settings) -> None:
    assert result_of(await check_certificate(settings))[0] is Level.OK


async def test_the_local_certificate_comes_with_how_to_trust_its_authority(settings: Settings) -> None:
    ensure_local_certificate(settings.tls_dir, ["127.0.0.1"])
    level, text = result_of(await check_certificate(settings))
    assert level is Level.OK
    assert str(settings.tls_dir / "ca.pem") in text
    for command in ("certutil", "security add-trusted-cert", "update-ca-certificates", "CONFERENCE_TLS_CERT"):
        assert command in text


async def test_a_certificate_for_another_host_is_a_warning(settings: Settings, tmp_path: Path) -> None:
    files = ensure_local_certificate(tmp_path / "own", ["live.example.com"])
    own = changed(settings, tls_cert=files.certificate, tls_key=files.key)
    assert result_of(await check_certificate(own))[0] is Level.WARN
    assert result_of(await check_certificate(changed(own, public_rtmp_host="live.example.com")))[0] is Level.OK


async def test_a_key_of_another_certificate_fails(settings: Settings, tmp_path: Path) -> None:
    one = ensure_local_certificate(tmp_path / "one", ["127.0.0.1"])
    two = ensure_local_certificate(tmp_path / "two", ["127.0.0.1"])
    wrong = changed(settings, tls_cert=one.certificate, tls_key=two.key)
    assert result_of(await check_certificate(wrong))[0] is Level.FAIL


@pytest.mark.parametrize(
    ("name", "host", "covered"),
    [
        ("a.example", "A.example", True),
        ("*.example.com", "live.example.com", True),
        ("*.example.com", "a.live.example.com", False),
        ("*.example.com", "example.com", False),
    ],
)
def test_a_wildcard_stands_for_one_label(name: str, host: str, covered: bool) -> None:
    assert covers(name, host) is covered
