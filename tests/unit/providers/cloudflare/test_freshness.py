"""The freshness of a connection: every transition, and which states ask or degrade."""

from __future__ import annotations

import pytest

from providers.cloudflare.freshness import TRANSITIONS, Freshness, Trigger
from providers.cloudflare.state_rules import Tracked


@pytest.mark.parametrize(
    ("triggers", "state"),
    [
        ([], Freshness.OUTDATED),
        ([Trigger.STARTED, Trigger.ANSWERED], Freshness.CURRENT),
        ([Trigger.STARTED, Trigger.CHANGED, Trigger.ANSWERED], Freshness.OUTDATED),
        ([Trigger.STARTED, Trigger.MISSED], Freshness.UNCONFIRMED),
        ([Trigger.STARTED, Trigger.MISSED, Trigger.CHANGED], Freshness.UNCONFIRMED),
        ([Trigger.STARTED, Trigger.ANSWERED, Trigger.STARTED, Trigger.KEPT], Freshness.CURRENT),
        ([Trigger.STARTED, Trigger.ANSWERED, Trigger.STARTED, Trigger.EXPIRED], Freshness.AGED),
        ([Trigger.STARTED, Trigger.ANSWERED, Trigger.STARTED, Trigger.EXPIRED, Trigger.CHANGED], Freshness.UNCONFIRMED),
        ([Trigger.STARTED, Trigger.MISSED, Trigger.STARTED, Trigger.ANSWERED], Freshness.CURRENT),
    ],
)
def test_each_trigger_moves_to_its_state(triggers: list[Trigger], state: Freshness) -> None:
    tracked = Tracked("uid")
    for trigger in triggers:
        tracked.move(trigger)
    assert tracked.freshness is state


def test_a_read_that_did_not_begin_cannot_end() -> None:
    with pytest.raises(KeyError):
        Tracked("uid").move(Trigger.ANSWERED)


def test_a_change_is_accepted_in_every_state_and_leaves_it_outdated() -> None:
    assert all(TRANSITIONS[state, Trigger.CHANGED].is_outdated for state in Freshness)


def test_only_states_without_an_answer_are_degraded() -> None:
    assert {state for state in Freshness if state.is_degraded} == {Freshness.UNCONFIRMED, Freshness.AGED}
