"""The object store, as the doctor sees it."""

from __future__ import annotations

from pathlib import Path

from service.doctor.check_result import Level
from service.doctor.media_store import check_media_store
from service.settings import Settings
from tests.s3 import BUCKET, SECRET, S3Server
from tests.unit.service.doctor.results import changed, result_of


async def test_without_the_setting_nothing_is_checked(settings: Settings) -> None:
    assert await check_media_store(settings) == []


async def test_a_bucket_that_works_passes_and_is_left_empty(settings: Settings, s3: S3Server) -> None:
    level, text = result_of(await check_media_store(changed(settings, media_store=f"s3://{BUCKET}/p")))
    assert level is Level.OK
    assert f"s3://{BUCKET}/p wrote, returned and deleted" in text and SECRET not in text


async def test_a_missing_bucket_fails_with_advice(settings: Settings, s3: S3Server) -> None:
    level, text = result_of(await check_media_store(changed(settings, media_store="s3://another")))
    assert level is Level.FAIL
    assert "the bucket or folder does not exist" in text and "CONFERENCE_MEDIA_STORE" in text and SECRET not in text


async def test_a_folder_that_cannot_be_written_fails(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    level, _ = result_of(await check_media_store(changed(settings, media_store=str(tmp_path / "file"))))
    assert level is Level.FAIL
