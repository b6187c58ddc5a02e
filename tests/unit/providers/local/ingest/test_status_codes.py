"""What RTMP encoders are sent for a refusal."""

from __future__ import annotations

import pytest

from providers.health import RefusalKind
from providers.local.ingest.status_codes import STATUS_CODES
from providers.local.ports.refusals import MEDIA_REFUSALS, Refusal


@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_has_a_status_code_and_a_sentence(refusal: Refusal) -> None:
    assert STATUS_CODES[refusal].startswith(("NetStream.", "NetConnection."))
    assert refusal.sentence.endswith(".")
    assert refusal.code == refusal.name.lower()


def test_every_kind_of_media_refusal_has_its_refusal() -> None:
    assert set(MEDIA_REFUSALS) == set(RefusalKind)


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (Refusal.UNKNOWN_KEY, "NetStream.Publish.BadName"),
        (Refusal.KEY_IN_USE, "NetStream.Publish.BadName"),
        (Refusal.INPUT_DISABLED, "NetStream.Publish.Denied"),
        (Refusal.DISK_FULL, "NetStream.Failed"),
        (Refusal.SERVER_STOPPING, "NetConnection.Connect.AppShutdown"),
    ],
)
def test_a_refusal_is_sent_under_the_code_that_rtmp_servers_use(refusal: Refusal, code: str) -> None:
    assert STATUS_CODES[refusal] == code
