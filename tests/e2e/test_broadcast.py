"""The main job, end to end: a real encoder pushes RTMPS, visitors poll, players fetch, a recording stays."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import Any

import pytest

from tests.e2e.service import Service, eventually

pytestmark = pytest.mark.e2e


async def probe(url: str, *show: str) -> dict[str, Any]:
    """Return what ffprobe reports about a URL."""
    process = await asyncio.create_subprocess_exec(
        *("ffprobe", "-v", "error", "-of", "json", *show, url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        said, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return json.loads(said)  # type: ignore[no-any-return]


async def duration_of(url: str) -> float:
    return float((await probe(url, "-show_entries", "format=duration"))["format"]["duration"])


async def decoded_frames(url: str) -> int:
    """How many pictures really come out of a decoder."""
    said = await probe(url, "-count_frames", "-select_streams", "v:0", "-show_entries", "stream=nb_read_frames")
    return int(said["streams"][0]["nb_read_frames"])


async def polled_until_watchable(live: Service, channel: str) -> list[dict[str, Any]]:
    """Every different answer from now until the stream is watchable."""
    answers: list[dict[str, Any]] = []

    async def look() -> dict[str, Any]:
        status = await live.status(channel)
        if not answers or answers[-1] != status:
            answers.append(status)
        return status

    await eventually(look, lambda status: status["is_watchable"], every=0.02)
    return answers


async def test_a_broadcast_from_the_first_push_to_its_recording(live: Service) -> None:
    channel, stream = await live.channel(reconnect_timeout=60)
    assert await live.status(channel) == {
        "is_connected": False,
        "is_watchable": False,
        "seconds_until_watchable": 0,
        "state": "offline",
        "reason": None,
        "poll_after_ms": 10000,
        "tracks": None,
        "recording": None,
        "viewer_count": 0,
    }

    encoder = await live.push(stream, gop=2)
    answers = await polled_until_watchable(live, channel)

    assert next(each["state"] for each in answers if each["is_connected"]) in ("connecting", "starting")
    waits = [each["seconds_until_watchable"] for each in answers if each["is_connected"]]
    assert waits == sorted(waits, reverse=True)
    assert waits[-1] == 0
    assert all(wait >= 1 for wait in waits[:-1])

    for visitor in range(25):
        await live.status(channel, f"visitor-{visitor}")
        await live.status(channel, f"visitor-{visitor}")
    await live.until(channel, viewer_count=25, state="live")

    said = await probe(stream["view_url"], "-show_entries", "stream=codec_name")
    assert sorted(each["codec_name"] for each in said["streams"]) == ["aac", "h264"]

    await encoder.kill()
    dropped = await live.until(channel, state="reconnecting")
    assert (dropped["is_connected"], dropped["is_watchable"]) == (False, True)
    encoder = await live.push(stream, seconds=6, gop=2)
    await live.until(channel, state="live", is_connected=True)
    assert await encoder.finished() == 0
    await live.give_up(channel)
    ended = await live.until(channel, state="ended")
    assert (ended["is_connected"], ended["is_watchable"], ended["seconds_until_watchable"]) == (False, False, 0)

    (recording,) = await live.recordings(channel)
    hls, dash = recording["playback"]["hls"], recording["playback"]["dash"]
    assert recording["uid"] != stream["stream_uid"]
    assert (recording["input"]["width"], recording["input"]["height"]) == (320, 180)
    assert recording["meta"]["name"].startswith("Town hall")
    assert recording["size"] > 100_000
    assert recording["duration"] == pytest.approx(await duration_of(hls), abs=0.2)
    # ffprobe leaves out the fraction of an MPD's duration.
    assert await duration_of(dash) == pytest.approx(recording["duration"], abs=1.0)
    assert await decoded_frames(hls) == pytest.approx(recording["duration"] * 30, abs=5)
    async with live.http.get(recording["thumbnail"]) as thumbnail:
        assert thumbnail.status == 200
        assert (await thumbnail.read())[:3] == b"\xff\xd8\xff"


@pytest.mark.parametrize(
    ("latency_mode", "hold_back"),
    [("standard", "4.000"), ("reduced", "2.400"), ("low", "1.002")],
    ids=lambda value: value,
)
async def test_every_latency_mode_becomes_watchable_and_plays(live: Service, latency_mode: str, hold_back: str) -> None:
    channel, stream = await live.channel(latency_mode=latency_mode)
    assert stream["latency_mode"] == latency_mode

    await live.push(stream, plain=True)
    await live.until(channel, is_watchable=True)

    said = await probe(stream["view_url"], "-show_entries", "stream=codec_name")
    assert sorted(each["codec_name"] for each in said["streams"]) == ["aac", "h264"]
    async with live.http.get(stream["view_url"]) as answer:
        multivariant = await answer.text()
    media = next(line for line in multivariant.splitlines() if not line.startswith("#"))
    async with live.http.get(stream["view_url"].rsplit("/", 1)[0] + "/" + media) as answer:
        playlist = await answer.text()
    assert "#EXT-X-PART:" in playlist
    assert f"PART-HOLD-BACK={hold_back}" in playlist
    assert "#EXT-X-ENDLIST" not in playlist


async def test_the_organization_finds_its_live_stream_in_the_list_without_a_key(live: Service) -> None:
    channel, stream = await live.channel("Fashion show")
    await live.channel("Something else")
    await live.push(stream)
    await live.until(channel, state="live")

    found = await live.api("GET", "conference/streams?state=live")

    (listed,) = found["results"]
    assert (listed["channel"], listed["channel_name"], listed["uid"]) == (channel, "Fashion show", stream["stream_uid"])
    assert stream["stream_key"] not in json.dumps(found)
    async with live.http.get(listed["thumbnail"]) as thumbnail:
        assert thumbnail.headers["Content-Type"] == "image/jpeg"


async def test_a_wrong_key_is_refused_in_words_the_streamer_can_read(live: Service) -> None:
    channel, stream = await live.channel()

    encoder = await live.push({**stream, "stream_key": "not-a-key"}, plain=True)
    said = await encoder.output()

    assert encoder.process.returncode != 0
    assert "stream key is unknown" in said
    assert (await live.status(channel))["state"] == "offline"


async def test_a_second_encoder_is_refused_while_the_first_is_healthy(live: Service) -> None:
    channel, stream = await live.channel()
    await live.push(stream)
    await live.until(channel, state="live")

    second = await live.push(stream, plain=True)
    said = await second.output()

    assert "Another encoder is streaming to this key" in said
    assert (await live.status(channel))["state"] == "live"


async def test_a_frozen_encoder_loses_its_key_to_the_next_one(live: Service) -> None:
    channel, stream = await live.channel(reconnect_timeout=60)
    frozen = await live.push(stream)
    await live.until(channel, state="live")

    frozen.signal(signal.SIGSTOP)
    lost = await live.until(channel, state="reconnecting")
    assert (lost["is_connected"], lost["is_watchable"], lost["reason"]) == (False, True, "encoder_frozen")
    await live.push(stream)

    await live.until(channel, state="live", is_connected=True)


async def test_an_unsupported_codec_is_refused_in_words(live: Service) -> None:
    _, stream = await live.channel()

    encoder = await live.push(stream, plain=True, codec=["-c:v", "flv1", "-b:v", "300k", "-c:a", "aac"])
    said = await encoder.output()

    assert "H.264" in said


async def test_nothing_is_shown_or_recorded_of_an_encoder_with_the_audio_codec_debians_ffmpeg_chooses(
    live: Service,
) -> None:
    channel, stream = await live.channel()
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "libmp3lame"]

    said = await (await live.push(stream, plain=True, codec=codec)).output()
    refused = await live.status(channel)
    again = await (await live.push(stream, plain=True, codec=codec)).output()
    health = await live.api("GET", f"channels/{channel}/conference/stream_health")
    await live.give_up(channel)

    sentence = "MP3 is not supported here: set the encoder to AAC."
    assert sentence in said and sentence in again
    assert (refused["state"], refused["reason"]) == ("reconnecting", "encoder_refused")
    assert (refused["is_watchable"], refused["seconds_until_watchable"]) == (False, 0)
    assert health["findings"][0]["message"] == f"An encoder was refused: {sentence}"
    assert await live.recordings(channel) == []
    reports = await eventually(lambda: live.reports(channel), lambda seen: seen[-1:] == ["ended"])
    assert reports == ["connected", "refused", "lost", "ended"]  # the second one was refused before it began


async def test_audio_alone_and_video_alone_can_be_played(live: Service) -> None:
    channel, stream = await live.channel()
    other_channel, other = await live.channel()

    await live.push(
        stream,
        source=["-f", "lavfi", "-i", "sine=frequency=300:sample_rate=48000"],
        codec=["-c:a", "aac", "-b:a", "64k"],
    )
    await live.push(
        other,
        source=["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30"],
        codec=["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "30"],
    )
    await live.until(channel, state="live")
    await live.until(other_channel, state="live")

    audio_only = await probe(stream["view_url"], "-show_entries", "stream=codec_type")
    video_only = await probe(other["view_url"], "-show_entries", "stream=codec_type")
    assert [each["codec_type"] for each in audio_only["streams"]] == ["audio"]
    assert [each["codec_type"] for each in video_only["streams"]] == ["video"]
