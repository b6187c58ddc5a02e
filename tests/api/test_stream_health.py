"""stream_health: what comes in, for the streamer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from providers.health import AudioFacts, HealthPoint, InputHealth, VideoFacts
from tests.api.conftest import Api
from tests.api.test_stream_control import made

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NOTHING_YET = {
    "measured": True,
    "connected": False,
    "measured_at": None,
    "encoder": None,
    "video": None,
    "audio": None,
    "findings": [],
    "history": [],
}


async def test_before_an_encoder_came_nothing_is_known(api: Api) -> None:
    path, _ = await made(api)
    assert await api.get(path + "/stream_health") == (200, NOTHING_YET)


async def test_all_measurements_are_returned_with_the_viewers_of_that_time(api: Api) -> None:
    path, stream = await made(api)
    uid = str(stream["stream_uid"])
    points = tuple(HealthPoint(AT + timedelta(seconds=2 * n), 2400, 128, 30.0) for n in range(3))
    api.provider.connect(uid)
    api.provider.measure(
        uid,
        InputHealth(
            measured=True,
            connected=True,
            measured_at=AT + timedelta(seconds=4),
            encoder="obs-output module",
            video=VideoFacts("H.264", "High", "3.1", 1280, 720, 29.97003, 2400, 2.0001, 2.0, 2.0, 0.5, True),
            audio=AudioFacts("AAC", "LC", 48_000, 2, 128),
            history=points,
        ),
    )
    api.audience.note(uid, AT + timedelta(seconds=3), 7)
    status, health = await api.get(path + "/stream_health")
    assert status == 200
    assert health == {
        "measured": True,
        "connected": True,
        "measured_at": "2026-11-21T12:00:04.000000Z",
        "encoder": "obs-output module",
        "video": {
            "codec": "H.264",
            "profile": "High",
            "level": "3.1",
            "width": 1280,
            "height": 720,
            "fps": 29.97,
            "bitrate_kbps": 2400,
            "keyframe_interval_seconds": 2.0,
            "b_frames": True,
        },
        "audio": {"codec": "AAC", "profile": "LC", "sample_rate": 48000, "channels": 2, "bitrate_kbps": 128},
        "findings": [],
        "history": [
            {
                "at": f"2026-11-21T12:00:0{second}.000000Z",
                "video_kbps": 2400,
                "audio_kbps": 128,
                "fps": 30.0,
                "viewer_count": 7,
            }
            for second in (0, 2, 4)
        ],
    }


async def test_without_a_live_input_there_is_none(api: Api) -> None:
    path = api.conference(await api.channel())
    status, answer = await api.get(path + "/stream_health")
    assert (status, answer["detail"].startswith("The channel has no live input.")) == (404, True)
    assert await api.get(api.conference(str(uuid4())) + "/stream_health") == (404, {"detail": "Not found."})


async def test_only_the_organization_itself_may_ask(api: Api) -> None:
    path, _ = await made(api)
    async with api.client.get(path + "/stream_health") as response:
        assert response.status == 401
    other = await api.accounts.create_token(uuid4(), uuid4(), organization_name="Other", full_name="Eve")
    async with api.client.get(path + "/stream_health", headers={"Authorization": f"Token {other.secret}"}) as response:
        assert response.status == 403


async def test_an_unavailable_provider_is_a_503(api: Api) -> None:
    path, _ = await made(api)
    api.provider.fail()
    status, _ = await api.get(path + "/stream_health")
    assert status == 503
