"""The table of states: every legal move, and every other one refused."""

import itertools

import pytest

from providers.base import Phase
from providers.local.live.states import MOVES, BroadcastState, IllegalTrigger, Trigger, move


@pytest.mark.parametrize(("state", "trigger"), MOVES)
def test_a_legal_move_leads_where_the_table_says(state: BroadcastState, trigger: Trigger) -> None:
    assert move(state, trigger) is MOVES[state, trigger]


@pytest.mark.parametrize(
    ("state", "trigger"), [pair for pair in itertools.product(BroadcastState, Trigger) if pair not in MOVES]
)
def test_any_other_move_is_an_error(state: BroadcastState, trigger: Trigger) -> None:
    with pytest.raises(IllegalTrigger):
        move(state, trigger)


def test_every_state_and_phase_can_be_reached_and_an_ended_broadcast_never_comes_back() -> None:
    reached = {BroadcastState.OFFLINE, *MOVES.values()}

    assert reached == set(BroadcastState)
    assert {state.phase for state in reached} == set(Phase)
    assert not [state for state, _ in MOVES if state is BroadcastState.ENDED]


@pytest.mark.parametrize(("before", "trigger"), MOVES)
def test_what_could_be_watched_stays_watchable_to_the_end(before: BroadcastState, trigger: Trigger) -> None:
    after = move(before, trigger)
    assert after.watchable or not before.watchable or after is BroadcastState.ENDED


def test_an_encoder_either_sends_or_is_lost_while_a_broadcast_runs() -> None:
    running = set(BroadcastState) - {BroadcastState.OFFLINE, BroadcastState.ENDED}

    assert all(state.connected != state.lost for state in running)
