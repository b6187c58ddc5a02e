"""How long until a player can play."""

import pytest

from providers.local.live.countdown import NEVER_ZERO, seconds_until_watchable


@pytest.mark.parametrize(
    ("known", "media", "frame_rate", "left"),
    [
        pytest.param(None, 0.0, None, 2.0, id="an unknown encoder is expected to send a keyframe every 2 s"),
        pytest.param(None, 1.5, 30.0, 0.5, id="media time counts down"),
        pytest.param(4.0, 1.0, 30.0, 3.0, id="the last broadcast's interval is expected again"),
        pytest.param(None, 2.5, 30.0, NEVER_ZERO, id="a late keyframe is no other setting"),
        pytest.param(1.0, 1.2, 30.0, NEVER_ZERO, id="nor is it with short intervals"),
        pytest.param(None, 4.1, 30.0, NEVER_ZERO, id="nothing is guessed in a first broadcast"),
        pytest.param(2.0, 4.1, 30.0, 250 / 30 - 4.1, id="well past at 30 fps: an unconfigured OBS"),
        pytest.param(2.0, 4.1, 60.0, 250 / 60 - 4.1, id="well past at 60 fps: an unconfigured OBS"),
        pytest.param(2.0, 4.1, 10.0, 5.9, id="never more than 10 s are expected"),
        pytest.param(1.0, 30.0, 30.0, NEVER_ZERO, id="an estimate that ran out does not say 0"),
    ],
)
def test_the_wait_is_what_is_left_of_one_keyframe_interval(
    known: float | None, media: float, frame_rate: float | None, left: float
) -> None:
    assert seconds_until_watchable(known, media, frame_rate) == pytest.approx(left)
