"""Pages are cut so that nothing is lost, whichever way one goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from service.domain.paging import Page, PageAnchor, PageRequest, cut, known_ordering

START = datetime(2026, 1, 1, tzinfo=UTC)

Item = tuple[int, str]


def place(item: Item) -> PageAnchor:
    return PageAnchor(START + timedelta(seconds=item[0]), item[1])


def ask(items: list[Item], request: PageRequest) -> Page[Item]:
    """Query a collection in ascending order, as a store is queried."""
    ordered = sorted(items, reverse=request.backward)
    if request.anchor is not None:
        here = (request.anchor.at, request.anchor.id)
        beyond = (lambda each: each < here) if request.backward else (lambda each: each > here)
        ordered = [item for item in ordered if beyond((place(item).at, place(item).id))]
    return cut(ordered[: request.size + 1], request, place)


collections = st.sets(st.tuples(st.integers(0, 5), st.text("abcdef", min_size=1, max_size=3)), max_size=30)


@given(collections, st.integers(1, 7))
def test_forward_and_back_see_every_item_once_and_in_order(collection: set[Item], size: int) -> None:
    items = sorted(collection)
    pages = [ask(items, PageRequest(size))]
    while pages[-1].next is not None:
        pages.append(ask(items, PageRequest(size, pages[-1].next)))
    assert [item for page in pages for item in page.items] == items
    back = [pages[-1]]
    while back[-1].previous is not None:
        back.append(ask(items, PageRequest(size, back[-1].previous)))
    assert [page.items for page in reversed(back)] == [page.items for page in pages]


@given(collections, st.integers(1, 7))
def test_the_first_page_has_nothing_before_it(collection: set[Item], size: int) -> None:
    assert ask(sorted(collection), PageRequest(size)).previous is None


def test_the_first_ordering_named_counts_and_an_unknown_one_is_the_default() -> None:
    known = ("created_at", "-created_at")
    named = ("created_at", "created_at,-created_at", "shoe_size", "shoe_size,created_at", "")
    assert [known_ordering(each, known, "-created_at") for each in named] == [
        "created_at",
        "created_at",
        "-created_at",
        "-created_at",
        "-created_at",
    ]
