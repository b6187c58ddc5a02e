"""The events of a session, and how a stream key is read out of what encoders send."""

import pytest

from providers.local.rtmp.events import PublishWanted, publish_target


def test_the_repr_of_a_publish_request_has_no_key() -> None:
    assert "secret" not in repr(PublishWanted("live", "secret", ""))


@pytest.mark.parametrize(
    ("app", "name", "target"),
    [
        ("live", "key", ("live", "key")),
        ("live", "key?x=y", ("live", "key")),
        ("live?x=y", "key", ("live", "key")),
        ("live/", "key", ("live", "key")),
        ("live/key", "", ("live", "key")),
        ("", "live/key", ("live", "key")),
        ("live", "live/key", ("live", "key")),
        ("", "key", ("", "key")),
        ("key", "", ("", "key")),
        ("", "", ("", "")),
        ("", "?x", ("", "")),
    ],
)
def test_app_and_key_are_found_in_what_encoders_send(app: str, name: str, target: tuple[str, str]) -> None:
    assert publish_target(app, name) == target
