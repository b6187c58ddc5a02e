"""A strict reader of HLS playlists: it raises for what RFC 8216 and draft-pantos-hls-rfc8216bis forbid."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]+)(?:,|$)')


@dataclass
class Segment:
    sequence: int
    discontinuity: int
    uri: str
    duration: float
    map: str
    dated: datetime | None
    parts: list[dict[str, str]]


@dataclass
class MediaPlaylist:
    target_duration: int = 0
    sequence: int = 0
    discontinuity: int = 0
    segments: list[Segment] = field(default_factory=list)
    open_parts: list[dict[str, str]] = field(default_factory=list)
    ended: bool = False
    vod: bool = False
    independent: bool = False
    control: dict[str, str] = field(default_factory=dict)
    part_target: float | None = None
    hint: dict[str, str] | None = None
    reports: list[dict[str, str]] = field(default_factory=list)
    skipped: int = 0


def attributes(text: str) -> dict[str, str]:
    """Parse an attribute list (§4.2): nothing but attributes, none twice."""
    found = ATTRIBUTE.findall(text)
    assert sum(len(name) + len(value) + 1 for name, value in found) + len(found) - 1 == len(text), text
    assert len({name for name, _ in found}) == len(found), text
    return {name: value.strip('"') for name, value in found}


def read_media(text: str) -> MediaPlaylist:
    """Parse a media playlist. Errors: AssertionError, naming the line."""
    assert text.endswith("\n")
    lines = text.splitlines()
    assert lines[0] == "#EXTM3U"
    playlist = MediaPlaylist()
    seen: set[str] = set()
    discontinuity = version = 0
    current_map = ""
    dated: datetime | None = None
    duration: float | None = None
    for line in lines[1:]:
        tag, _, value = line.partition(":")
        assert not playlist.ended, f"something after the end: {line}"
        if tag in (
            "#EXT-X-VERSION",
            "#EXT-X-TARGETDURATION",
            "#EXT-X-MEDIA-SEQUENCE",
            "#EXT-X-DISCONTINUITY-SEQUENCE",
            "#EXT-X-PLAYLIST-TYPE",
            "#EXT-X-SERVER-CONTROL",
            "#EXT-X-PART-INF",
        ):
            assert tag not in seen, f"twice: {line}"
            assert not playlist.segments, f"after a segment: {line}"
        seen.add(tag)
        match tag:
            case "#EXT-X-VERSION":
                version = int(value)
                assert version >= 6, "EXT-X-MAP needs version 6"
            case "#EXT-X-TARGETDURATION":
                playlist.target_duration = int(value)
            case "#EXT-X-MEDIA-SEQUENCE":
                playlist.sequence = int(value)
            case "#EXT-X-DISCONTINUITY-SEQUENCE":
                playlist.discontinuity = discontinuity = int(value)
            case "#EXT-X-PLAYLIST-TYPE":
                assert value == "VOD"
                playlist.vod = True
            case "#EXT-X-INDEPENDENT-SEGMENTS":
                playlist.independent = True
            case "#EXT-X-SERVER-CONTROL":
                playlist.control = attributes(value)
            case "#EXT-X-PART-INF":
                playlist.part_target = float(attributes(value)["PART-TARGET"])
            case "#EXT-X-SKIP":
                assert version >= 9, "EXT-X-SKIP needs version 9"
                assert not playlist.segments and not playlist.open_parts, "skipped segments are the first ones"
                playlist.skipped = int(attributes(value)["SKIPPED-SEGMENTS"])
                assert playlist.skipped > 0
            case "#EXT-X-DISCONTINUITY":
                discontinuity += 1
                current_map = ""
            case "#EXT-X-MAP":
                current_map = attributes(value)["URI"]
            case "#EXT-X-PROGRAM-DATE-TIME":
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value), value
                dated = datetime.fromisoformat(value)
            case "#EXTINF":
                duration = float(value.removesuffix(","))
                assert re.fullmatch(r"\d+\.\d{5,6},", value), value
            case "#EXT-X-PART":
                assert current_map, "a part without a map"
                playlist.open_parts.append(attributes(value))
            case "#EXT-X-PRELOAD-HINT":
                playlist.hint = attributes(value)
            case "#EXT-X-RENDITION-REPORT":
                playlist.reports.append(attributes(value))
            case "#EXT-X-ENDLIST":
                playlist.ended = True
            case _ if line.startswith("#") and not line.startswith("#EXT"):
                pass  # a comment (§4.1)
            case _:
                assert not line.startswith("#"), f"an unknown tag: {line}"
                assert duration is not None, f"a segment without EXTINF: {line}"
                assert current_map, f"a segment without a map: {line}"
                playlist.segments.append(
                    Segment(
                        playlist.sequence + playlist.skipped + len(playlist.segments),
                        discontinuity,
                        line,
                        duration,
                        current_map,
                        dated,
                        playlist.open_parts,
                    )
                )
                playlist.open_parts, dated, duration = [], None, None
    _check(playlist)
    if playlist.part_target is not None:
        # hls.js 1.7 takes the last segment for the next one if no line follows it.
        assert lines[-1].startswith("#"), "a live playlist with parts ends with a segment"
    return playlist


def _check(playlist: MediaPlaylist) -> None:
    assert playlist.target_duration >= 1
    assert playlist.segments, "no segment is listed"
    for segment in playlist.segments:
        assert int(segment.duration + 0.5) <= playlist.target_duration, "longer than the target duration (§4.4.3.1)"
        assert int(segment.uri.rpartition("-")[2].removesuffix(".m4s")) == segment.sequence
    for before, segment in zip([None, *playlist.segments], playlist.segments, strict=False):
        if playlist.vod:
            undated = before is not None and before.discontinuity == segment.discontinuity
        else:
            undated = before is None or before.discontinuity != segment.discontinuity
        assert segment.dated is not None or undated, f"without a date: {segment.uri}"
    if playlist.part_target is None:
        assert not playlist.open_parts
        assert playlist.hint is None
        assert not any(segment.parts for segment in playlist.segments)
        return
    hold_back = float(playlist.control["PART-HOLD-BACK"])
    assert hold_back >= 3 * playlist.part_target - 1e-6
    assert playlist.control["CAN-BLOCK-RELOAD"] == "YES"
    assert playlist.hint is None or not playlist.ended
    for part in [*playlist.open_parts, *(part for segment in playlist.segments for part in segment.parts)]:
        assert float(part["DURATION"]) <= playlist.part_target + 1e-6
    for segment in playlist.segments:
        if segment.parts:
            durations = [float(part["DURATION"]) for part in segment.parts]
            # A frame may stand longer than a part may last; of its part no more is announced than the target.
            still = max(durations) >= playlist.part_target - 1e-3
            assert sum(durations) - segment.duration < 1e-3
            assert still or segment.duration - sum(durations) < 1e-3


def check_parts_are_full(playlist: MediaPlaylist) -> None:
    """No part is short but before a keyframe and at the end of a segment (§4.4.4.9)."""
    for parts in [*(segment.parts for segment in playlist.segments), playlist.open_parts]:
        for part, after in pairwise(parts):
            assert playlist.part_target is not None
            assert float(part["DURATION"]) >= 0.85 * playlist.part_target - 1e-3 or after.get("INDEPENDENT") == "YES"


def check_delta(full: MediaPlaylist, delta: MediaPlaylist) -> None:
    """Assert that a player with an earlier playlist gets the same from a delta update as from the whole (§6.2.5.1)."""
    until = float(full.control["CAN-SKIP-UNTIL"])
    assert until >= 6 * full.target_duration, "the least skip boundary (§4.4.3.8)"
    assert (delta.sequence, delta.discontinuity) == (full.sequence, full.discontinuity)
    assert (delta.control, delta.hint, delta.reports) == (full.control, full.hint, full.reports)
    kept = full.segments[delta.skipped :]
    assert [(each.sequence, each.uri, each.duration, each.map, each.dated, each.parts) for each in delta.segments] == [
        (each.sequence, each.uri, each.duration, each.map, each.dated, each.parts) for each in kept
    ]
    assert delta.open_parts == full.open_parts
    opened = sum(float(part["DURATION"]) for part in full.open_parts)
    if delta.skipped:
        assert sum(each.duration for each in kept) + opened >= until - 1e-3, (
            "more was skipped than lies before the boundary"
        )
        before = full.segments[delta.skipped - 1].discontinuity
        assert [each.discontinuity + before - full.discontinuity for each in delta.segments] == [
            each.discontinuity for each in kept
        ]


def check_reload(before: MediaPlaylist, after: MediaPlaylist) -> None:
    """Assert that only what may change differs between two loads of a live playlist (§6.2.1, §6.2.2)."""
    assert after.target_duration == before.target_duration, "the target duration changed"
    assert after.sequence >= before.sequence
    assert after.discontinuity >= before.discontinuity
    assert not before.ended or after.ended
    known = {segment.sequence: segment for segment in before.segments}
    for segment in after.segments:
        same = known.get(segment.sequence)
        if same is not None:
            assert (same.uri, same.duration, same.map, same.discontinuity) == (
                segment.uri,
                segment.duration,
                segment.map,
                segment.discontinuity,
            )
    assert after.segments[-1].sequence >= before.segments[-1].sequence
    if not after.ended and after.sequence > before.sequence:
        left = sum(segment.duration for segment in after.segments)
        assert left >= 3 * after.target_duration - 1e-6, "removed too early (§6.2.2)"  # a sum of decimals


def read_multivariant(text: str) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return the variants (with their URI) and the audio renditions of a multivariant playlist."""
    lines = text.splitlines()
    assert lines[0] == "#EXTM3U"
    variants: list[dict[str, str]] = []
    media: list[dict[str, str]] = []
    for line in lines[1:]:
        tag, _, value = line.partition(":")
        match tag:
            case "#EXT-X-STREAM-INF":
                variants.append(attributes(value))
                assert int(variants[-1]["BANDWIDTH"]) >= int(variants[-1]["AVERAGE-BANDWIDTH"]) > 0
            case "#EXT-X-MEDIA":
                media.append(attributes(value))
            case "#EXT-X-VERSION" | "#EXT-X-INDEPENDENT-SEGMENTS":
                pass
            case _:
                assert not line.startswith("#"), line
                variants[-1]["URI"] = line
    groups = {entry["GROUP-ID"] for entry in media}
    for variant in variants:
        assert "URI" in variant
        assert variant.get("AUDIO", next(iter(groups), None)) in (groups or {None})
    return variants, media
