"""Who waits for news is woken: at once for what matters, in moderation for the rest."""

from __future__ import annotations

import asyncio

import pytest

from service.domain.status.change_notifier import MINOR_GAP, ChangeNotifier, minor_gap


class Listener:
    """Counts its wake-ups."""

    def __init__(self, news: ChangeNotifier) -> None:
        self.woken = 0
        news.listen(self.wake)

    def wake(self) -> None:
        self.woken += 1


async def test_major_changes_wake_all_listeners_every_time() -> None:
    news = ChangeNotifier()
    one, other = Listener(news), Listener(news)
    for _ in range(3):
        news.announce(major=True)
    assert (one.woken, other.woken) == (3, 3)


async def test_minor_changes_in_a_row_wake_once_at_once_and_once_later() -> None:
    news = ChangeNotifier()
    listener = Listener(news)
    for _ in range(100):
        news.announce(major=False)
    assert listener.woken == 1
    async with asyncio.timeout(5):
        while listener.woken < 2:  # noqa: ASYNC110 (the loop's own timer)
            await asyncio.sleep(0.01)
    assert listener.woken == 2


async def test_major_changes_do_not_wait_for_minor_ones_and_include_them() -> None:
    news = ChangeNotifier()
    listener = Listener(news)
    news.announce(major=False)
    news.announce(major=False)
    news.announce(major=True)
    await asyncio.sleep(1.5 * MINOR_GAP)
    assert listener.woken == 2


async def test_a_removed_listener_is_not_woken() -> None:
    news = ChangeNotifier()
    listener = Listener(news)
    news.leave(listener.wake)
    news.leave(listener.wake)
    news.announce(major=True)
    assert (listener.woken, len(news)) == (0, 0)


async def test_closing_wakes_for_the_last_time() -> None:
    news = ChangeNotifier()
    listener = Listener(news)
    news.close()
    news.close()
    assert (listener.woken, news.closed) == (1, True)


@pytest.mark.parametrize(("listeners", "gap"), [(1, 0.5), (2_000, 0.5), (3_000, 0.75), (4_000, 1.0), (100_000, 1.0)])
def test_many_listeners_are_woken_for_minor_changes_less_often_but_within_a_second(listeners: int, gap: float) -> None:
    assert minor_gap(listeners) == gap
