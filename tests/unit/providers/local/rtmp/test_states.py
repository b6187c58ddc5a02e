"""The table of moves."""

import pytest

from providers.local.rtmp.errors import InvalidState
from providers.local.rtmp.states import MOVES, ConnectionState, Move, after


@pytest.mark.parametrize(
    ("state", "move"),
    [(state, move) for state in ConnectionState for move in Move if move not in MOVES[state]],
    ids=str,
)
def test_a_move_that_is_not_in_the_table_is_illegal(state: ConnectionState, move: Move) -> None:
    with pytest.raises(InvalidState) as raised:
        after(state, move)

    assert (raised.value.state, raised.value.move) == (state, move)


def test_a_whole_publish_leads_back_to_where_it_can_begin_again() -> None:
    state = ConnectionState.HANDSHAKING
    for move in (
        Move.SHAKE_HANDS,
        Move.CONNECT,
        Move.CREATE_STREAM,
        Move.PUBLISH,
        Move.ACCEPT,
        Move.MEDIA,
        Move.UNPUBLISH,
    ):
        state = after(state, move)

    assert state is ConnectionState.IDLE
