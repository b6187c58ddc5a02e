"""The table of phases: every legal move, and every other one refused."""

import itertools

import pytest

from providers.base import Phase
from providers.local.live.phases import MOVES, IllegalMove, Trigger, move


@pytest.mark.parametrize(("phase", "happening"), MOVES)
def test_a_legal_move_leads_where_the_table_says(phase: Phase, happening: Trigger) -> None:
    assert move(phase, happening) is MOVES[phase, happening]


@pytest.mark.parametrize(
    ("phase", "happening"), [pair for pair in itertools.product(Phase, Trigger) if pair not in MOVES]
)
def test_any_other_move_is_an_error(phase: Phase, happening: Trigger) -> None:
    with pytest.raises(IllegalMove):
        move(phase, happening)


def test_every_phase_can_be_reached_and_an_ended_broadcast_never_comes_back() -> None:
    reached = {Phase.OFFLINE, *MOVES.values()}

    assert reached == set(Phase)
    assert not [phase for phase, _ in MOVES if phase is Phase.ENDED]
