"""The list of renditions: parsing, and which renditions fit a source."""

from __future__ import annotations

import pytest

from providers.local.transcoder.renditions import RENDITIONS, RenditionError, fitting, parse_renditions, transcoded


def names(text: str) -> list[str]:
    return [each.name for each in parse_renditions(text)]


def test_a_list_keeps_its_order() -> None:
    assert names("source, 480p ,720p") == ["source", "480p", "720p"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "needs at least one of source, 1080p, 720p, 540p, 480p, 360p, 240p"),
        (" ", "needs at least one of source, 1080p, 720p, 540p, 480p, 360p, 240p"),
        ("source,4k", "'4k' is not one of source, 1080p, 720p, 540p, 480p, 360p, 240p"),
        ("source,", "'' is not one of source, 1080p, 720p, 540p, 480p, 360p, 240p"),
        ("720p,source,720p", "names a rendition twice"),
        (",".join(RENDITIONS), "has 7 renditions, at most 6 are possible"),
    ],
)
def test_a_list_that_breaks_a_rule_is_refused_with_the_rule(text: str, message: str) -> None:
    with pytest.raises(RenditionError) as refused:
        parse_renditions(text)
    assert str(refused.value) == message


def test_all_but_the_source_are_transcoded() -> None:
    assert [each.name for each in transcoded(parse_renditions("source,720p"))] == ["720p"]


@pytest.mark.parametrize(
    ("size", "kept"),
    [
        ((1920, 1080), ["source", "1080p", "720p", "480p"]),
        ((1280, 720), ["source", "720p", "480p"]),
        ((720, 1280), ["source", "720p", "480p"]),
        ((320, 180), ["source"]),
    ],
)
def test_renditions_larger_than_the_source_are_left_out(size: tuple[int, int], kept: list[str]) -> None:
    assert [each.name for each in fitting(parse_renditions("source,1080p,720p,480p"), *size)] == kept


def test_the_normaliser_keeps_its_smallest_rendition_for_a_tiny_source() -> None:
    assert [each.name for each in fitting(parse_renditions("720p,480p"), 320, 180)] == ["480p"]
