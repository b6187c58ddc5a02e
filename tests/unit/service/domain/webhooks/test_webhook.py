"""What a subscription matches, which secrets sign, and the form of signed requests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from service.domain.events.event import Action, Audience, Event, Scope
from service.domain.webhooks.signature import message_id, new_secret, signed_headers
from service.domain.webhooks.webhook import Subscription, Webhook

ORGANIZATION = UUID(int=1)
MESSAGES = f"/api/pub/v1/orgs/{ORGANIZATION}/channels/{UUID(int=2)}/messages"
NOW = datetime(2026, 11, 28, 14, tzinfo=UTC)


def event(channel: str = MESSAGES, action: Action = Action.ADDED) -> Event:
    return Event(ORGANIZATION, channel, action, "1", {}, Audience(Scope.ORGANIZATION), id=7, created_at=NOW)


@pytest.mark.parametrize(
    "pattern",
    [
        MESSAGES,
        MESSAGES.upper(),
        f"{MESSAGES}/",
        "/api/pub/v1/orgs/*/channels/*/messages",
        "/*/*/*/*/*/*/*/*",
        "/api/pub/v1/**",
        f"/api/pub/v1/orgs/{ORGANIZATION}/channels/*/**",
        "/**",
    ],
)
def test_patterns_that_match(pattern: str) -> None:
    assert Subscription(pattern).matches(event())


@pytest.mark.parametrize(
    "pattern",
    [
        "/api/pub/v1/orgs/*/channels/*",
        "/api/pub/v1/orgs/*/channels/*/members",
        "/api/pub/v1/orgs/*/messages",
        f"/api/pub/v1/orgs/{UUID(int=3)}/**",
        "/api/pub/v1/orgs/*/channels/*/messages/*",
        "/api/pub/v1/orgs/*/channels/*/messages/**",
        "/*",
        "/api/pub/v1/org*/**",
    ],
)
def test_patterns_that_do_not_match(pattern: str) -> None:
    assert not Subscription(pattern).matches(event())


@pytest.mark.parametrize("action", Action)
def test_only_the_subscribed_actions_match(action: Action) -> None:
    nothing = Subscription("/**", False, False, False)
    name = {
        Action.ADDED: "is_additions_subscribed",
        Action.CHANGED: "is_changes_subscribed",
        Action.REMOVED: "is_removals_subscribed",
    }[action]
    only = replace(nothing, **{name: True})
    assert not nothing.matches(event(action=action))
    assert [each for each in Action if only.matches(event(action=each))] == [action]


SEGMENTS = st.lists(st.sampled_from(["a", "b", "*", "c.d"]), min_size=1, max_size=8)


@given(SEGMENTS, SEGMENTS)
def test_a_pattern_matches_segment_by_segment(pattern: list[str], path: list[str]) -> None:
    expected = len(pattern) == len(path) and all(
        each in ("*", given) for each, given in zip(pattern, path, strict=True)
    )
    assert Subscription("/" + "/".join(pattern)).matches(event("/" + "/".join(path))) is expected


def webhook() -> Webhook:
    return Webhook(UUID(int=4), ORGANIZATION, None, "https://a.example.com", (), new_secret(), NOW, NOW)


def test_the_previous_secret_signs_until_its_time_is_over() -> None:
    until = NOW + timedelta(days=1)
    rotated = replace(webhook(), previous_secret="whsec_b2xk", previous_secret_until=until)
    assert rotated.secrets(until - timedelta(seconds=1)) == [rotated.secret, "whsec_b2xk"]
    assert rotated.secrets(until) == [rotated.secret]


def test_secrets_are_not_in_the_text_of_a_webhook() -> None:
    one = replace(webhook(), previous_secret="whsec_b2xk")
    assert one.secret not in repr(one) and "whsec_" not in repr(one)


def test_a_request_is_verified_by_any_of_its_secrets_and_by_no_other() -> None:
    keys = [new_secret(), new_secret()]
    now = datetime.now(UTC)
    headers = signed_headers(message_id(ORGANIZATION, 7), '{"a":"ü"}', keys, now)
    assert headers["webhook-id"] == f"{ORGANIZATION}_7"
    for key in keys:
        assert Verifier(key).verify('{"a":"ü"}', headers) == {"a": "ü"}
    for wrong in (
        lambda: Verifier(new_secret()).verify('{"a":"ü"}', headers),
        lambda: Verifier(keys[0]).verify('{"a":"u"}', headers),
        lambda: Verifier(keys[0]).verify('{"a":"ü"}', {**headers, "webhook-id": "other"}),
        lambda: Verifier(keys[0]).verify(
            '{"a":"ü"}', signed_headers("1", '{"a":"ü"}', keys, now - timedelta(minutes=6))
        ),
    ):
        with pytest.raises(WebhookVerificationError):
            wrong()
