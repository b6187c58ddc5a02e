"""HLS playlists as text: RFC 8216 and, for parts, draft-pantos-hls-rfc8216bis.

Discontinuity sequence numbers are the numbers of the packager's periods. So all tracks have the same number at the same moment
(§6.2.4), even if a track has no media in a period.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from providers.local.manifest.views import (
    BroadcastView,
    InitView,
    PartView,
    SegmentView,
    TrackView,
    listed_target,
    part_name,
    segment_name,
    utc,
)
from providers.options import LatencyMode

VERSION, GAP_VERSION, DELTA_VERSION = 6, 8, 9
"""EXT-X-MAP outside I-frame playlists needs version 6, EXT-X-GAP version 8, EXT-X-SKIP version 9 (§8)."""

HOLD_BACK_TARGETS = 3
"""HOLD-BACK in target durations: the minimum (RFC 8216bis §4.4.3.8)."""

PART_HOLD_BACK = {LatencyMode.STANDARD: 4.0, LatencyMode.REDUCED: 2.4, LatencyMode.LOW: 1.0}
"""Seconds a player stays behind the live edge, but at least MIN_PARTS_HELD_BACK parts. It decides the latency."""

MIN_PARTS_HELD_BACK = 3
"""What RFC 8216bis §4.4.3.8 recommends."""

SKIP_TARGETS = 6
"""CAN-SKIP-UNTIL in target durations: the minimum (RFC 8216bis §4.4.3.8)."""

MAX_CLOCK_CHANGE = 1.0
"""Seconds by which clock corrections may differ without the system clock having been set (shaka-player ignores as much)."""

PART_LISTED_TARGETS = 3
"""Target durations from the end in which parts are listed (RFC 8216bis §4.4.4.9)."""

AUDIO_GROUP = "audio"

NO_PART_YET = "# The next segment has no part yet."
"""A comment after the last segment of the only track. hls.js 1.7 takes the last segment of a playlist with parts for the next one
if no line follows, and stops with "media sequence mismatch" at the next reload."""


def multivariant(view: BroadcastView, base: str, query: str = "") -> str:
    """Return the multivariant playlist of a broadcast with at least one segment or listed part.

    `base` is the relative URL of the folder of the media playlists; `query` is added to their URLs.

    While it is live, captions in the video are not offered: without CLOSED-CAPTIONS=NONE, shaka-player 5.2 looks for them in the
    last segment of the playlist, and fails to load if only parts of that are there.
    """
    audio = view.audio
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{VERSION}"]
    # RFC 8216 §4.3.5.1: it speaks for all segments of all playlists.
    if all(segment.independent for track in view.presented for segment in track.segments):
        lines.append("#EXT-X-INDEPENDENT-SEGMENTS")
    if view.videos and audio is not None:
        channels = _newest_init(audio).channels
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{AUDIO_GROUP}",NAME="Audio",DEFAULT=YES,AUTOSELECT=YES,'
            + (f'CHANNELS="{channels}",' if channels else "")
            + f'URI="{base}{audio.name}.m3u8{query}"'
        )
    for track in view.videos or view.presented:
        captions = ",CLOSED-CAPTIONS=NONE" if view.part_target else ""
        lines += [
            _stream_inf(track, audio if track is not audio else None) + captions,
            f"{base}{track.name}.m3u8{query}",
        ]
    return "\n".join(lines) + "\n"


def _stream_inf(track: TrackView, audio: TrackView | None) -> str:
    init = _newest_init(track)
    codecs = [init.codec] + ([_newest_init(audio).codec] if audio else [])
    attributes = [
        # The peak of all renditions played together (RFC 8216 §4.3.4.2), never 0 for a stream that has just begun.
        f"BANDWIDTH={max(1, track.peak_rate + (audio.peak_rate if audio else 0))}",
        f"AVERAGE-BANDWIDTH={max(1, track.average_rate + (audio.average_rate if audio else 0))}",
        f'CODECS="{",".join(codecs)}"',
    ]
    if init.width and init.height:
        attributes.append(f"RESOLUTION={init.width}x{init.height}")
    if init.frame_rate:
        # Three decimals (RFC 8216 §4.3.4.2).
        attributes.append(f"FRAME-RATE={init.frame_rate:.3f}")
    if audio:
        attributes.append(f'AUDIO="{AUDIO_GROUP}"')
    return "#EXT-X-STREAM-INF:" + ",".join(attributes)


def _newest_init(track: TrackView) -> InitView:
    newest = track.segments[-1] if track.segments or track.open is None else track.open
    return track.inits[newest.discontinuity]


def early_playlist(view: BroadcastView, track: TrackView, segments: str) -> str:
    """Return the playlist of a track whose first segment is being written, for players that know EXT-X-GAP and parts.

    hls.js does not play a playlist without segments, so a gap of one part is listed before the first one.
    """
    opened, gap = track.open, view.part_target
    assert opened is not None and gap is not None  # noqa: S101 (it is live and has parts but no segment)
    missing = segment_name(track.name, opened.sequence - 1)
    lines = [
        *("#EXTM3U", f"#EXT-X-VERSION:{GAP_VERSION}", f"#EXT-X-TARGETDURATION:{view.target_duration}"),
        f"#EXT-X-MEDIA-SEQUENCE:{opened.sequence - 1}",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{opened.discontinuity}",
        f"#EXT-X-START:TIME-OFFSET={gap:.3f},PRECISE=YES",
        *_server_control(view),
        *_boundary(track, segments, opened.discontinuity, None),
        f'#EXT-X-PART:DURATION={gap:.6f},URI="{segments}{part_name(track.name, opened.sequence - 1, 0)}",GAP=YES',
        *("#EXT-X-GAP", f"#EXTINF:{gap:.6f},", f"{segments}{missing}"),
        *_edge(view, track, segments, opened.discontinuity),
    ]
    return "\n".join(lines) + "\n"


def live_playlist(view: BroadcastView, track: TrackView, segments: str, *, delta: bool = False) -> str:
    """Return the live playlist of `track`; `segments` is the relative URL of the folder of its media.

    A `delta` update replaces the segments before the skip boundary by EXT-X-SKIP (RFC 8216bis §6.2.5.1). Without such segments, or
    after the end of the broadcast, it is the whole playlist.

    It has EXT-X-ENDLIST only after the end of the broadcast: players then stop reloading (RFC 8216 §6.3.4).

    Every segment has its program time, because shaka-player positions segments by it. The exception is the first segment after
    a drop of the encoder. At a discontinuity shaka-player 5.2 removes a jump of program time from its timeline but not from its
    live window: after a drop of two segments or more, the window leaves all segments behind. Without that program time it keeps
    the jump, between the next two segments. A system clock that was set is a jump to remove, so there the segment has its time.
    """
    skipped = _skipped(view, track) if delta and not view.ended else 0
    lines = [*_head(track, view.target_duration, DELTA_VERSION if skipped else VERSION), *_server_control(view)]
    if skipped:
        lines.append(f"#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}")
        # The tags before a skipped segment are skipped with it; those of the first one listed are not (RFC 8216bis §6.2.5.1).
        changes = track.segments[skipped].discontinuity - track.segments[skipped - 1].discontinuity
        lines += ["#EXT-X-DISCONTINUITY"] * changes
    first_with_parts = _first_with_parts(view, track) if view.part_target else None
    discontinuity: int | None = (
        None  # after a skip EXT-X-MAP is repeated, so that no player takes that of a later period
    )
    for segment in track.segments[skipped:]:
        lines += _boundary(track, segments, segment.discontinuity, discontinuity)
        if not _follows_drop(track, segment):
            lines.append(_program_time(track, segment))
        discontinuity = segment.discontinuity
        if first_with_parts is not None and segment.sequence >= first_with_parts:
            parts = track.parts.get(segment.sequence, ())
            lines += _parts(view, track, segments, segment.sequence, discontinuity, parts)
        lines += _segment(track, segments, segment, track.seconds(segment))
    if view.ended:
        # Only now: a player that has read it never reloads the playlist (RFC 8216 §4.3.3.4).
        lines.append("#EXT-X-ENDLIST")
    elif view.part_target:
        lines += _edge(view, track, segments, discontinuity)
        if not lines[-1].startswith("#"):
            lines.append(NO_PART_YET)
    return "\n".join(lines) + "\n"


def vod_playlist(track: TrackView, segments: str) -> str:
    """Return the playlist of a recording, with all its segments."""
    spans = track.spans(track.segments)
    target = max(map(listed_target, spans), default=1)
    lines = [*_head(track, target), "#EXT-X-PLAYLIST-TYPE:VOD"]
    discontinuity: int | None = None
    for segment, seconds in zip(track.segments, spans, strict=True):
        lines += _boundary(track, segments, segment.discontinuity, discontinuity)
        if segment.discontinuity != discontinuity:
            lines.append(_program_time(track, segment))
        discontinuity = segment.discontinuity
        lines += _segment(track, segments, segment, seconds)
    return "\n".join([*lines, "#EXT-X-ENDLIST"]) + "\n"


def _head(track: TrackView, target_duration: int, version: int = VERSION) -> list[str]:
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{version}", f"#EXT-X-TARGETDURATION:{target_duration}"]
    if track.segments:
        # Both must come before the first segment (RFC 8216 §4.3.3.2, §4.3.3.3).
        lines.append(f"#EXT-X-MEDIA-SEQUENCE:{track.segments[0].sequence}")
        lines.append(f"#EXT-X-DISCONTINUITY-SEQUENCE:{track.segments[0].discontinuity}")
    if all(segment.independent for segment in track.segments):
        lines.append("#EXT-X-INDEPENDENT-SEGMENTS")
    return lines


def _server_control(view: BroadcastView) -> list[str]:
    part_hold_back = max(MIN_PARTS_HELD_BACK * (view.part_target or 0.0), PART_HOLD_BACK[view.latency_mode])
    hold_back = f"HOLD-BACK={HOLD_BACK_TARGETS * view.target_duration:.1f},PART-HOLD-BACK={part_hold_back:.3f}"
    if view.part_target is None:  # shaka-player requires PART-HOLD-BACK after the end, too
        return [f"#EXT-X-SERVER-CONTROL:{hold_back}"]
    skip = f"CAN-SKIP-UNTIL={SKIP_TARGETS * view.target_duration:.1f}"
    return [
        f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,{skip},{hold_back}",
        f"#EXT-X-PART-INF:PART-TARGET={view.part_target:.5f}",
    ]


def _skipped(view: BroadcastView, track: TrackView) -> int:
    """Return how many segments at the start of the playlist lie before the skip boundary (RFC 8216bis §4.4.3.8)."""
    left = float(SKIP_TARGETS * view.target_duration)
    if track.open is not None:
        timescale = track.inits[track.open.discontinuity].timescale
        left -= sum(_part_seconds(view, part, timescale) for part in track.open.parts)
    for at in range(len(track.segments) - 1, -1, -1):
        if left <= 0:
            # One segment stays: EXT-X-MAP and program time need one to stand at.
            return min(at + 1, len(track.segments) - 1)
        left -= track.seconds(track.segments[at])
    return 0


def _boundary(track: TrackView, segments: str, discontinuity: int, before: int | None) -> Iterator[str]:
    """Yield the tags between two periods: one EXT-X-DISCONTINUITY for each number, so that all tracks count alike (§6.2.4)."""
    if discontinuity == before:
        return
    if before is not None:
        yield from ["#EXT-X-DISCONTINUITY"] * (discontinuity - before)
    yield f'#EXT-X-MAP:URI="{segments}{track.init_name(discontinuity)}"'


def _program_time(track: TrackView, segment: SegmentView) -> str:
    return f"#EXT-X-PROGRAM-DATE-TIME:{utc(track.wall_time(segment))}"


def _follows_drop(track: TrackView, segment: SegmentView) -> bool:
    """Whether this is the first segment after a discontinuity, listed or not, at which the system clock was not set."""
    at = segment.discontinuity
    earlier = max((each for each in track.starts if each < at), default=None)
    if earlier is None or segment.sequence != track.starts[at].sequence:
        return False
    return abs(track.inits[at].clock_correction - track.inits[earlier].clock_correction) <= MAX_CLOCK_CHANGE


def _segment(track: TrackView, segments: str, segment: SegmentView, seconds: float) -> list[str]:
    return [f"#EXTINF:{seconds:.6f},", f"{segments}{segment_name(track.name, segment.sequence)}"]


def _first_with_parts(view: BroadcastView, track: TrackView) -> int | None:
    """Return the sequence number of the oldest segment whose parts are listed."""
    left = float(PART_LISTED_TARGETS * view.target_duration)
    first = None
    for segment in reversed(track.segments):
        if left <= 0 or segment.sequence not in track.parts:
            break
        left -= track.seconds(segment)
        first = segment.sequence
    return first


def _parts(
    view: BroadcastView, track: TrackView, segments: str, sequence: int, discontinuity: int, parts: Sequence[PartView]
) -> Iterator[str]:
    timescale = track.inits[discontinuity].timescale
    for index, part in enumerate(parts):
        mark = ",INDEPENDENT=YES" if part.independent else ""
        uri = f"{segments}{part_name(track.name, sequence, index)}"
        yield f'#EXT-X-PART:DURATION={_part_seconds(view, part, timescale):.6f},URI="{uri}"{mark}'


def _part_seconds(view: BroadcastView, part: PartView, timescale: int) -> float:
    """Return the listed duration. A frame may be longer than PART-TARGET, which no part may exceed (RFC 8216bis §4.4.3.7)."""
    seconds = part.duration / timescale
    return seconds if view.part_target is None else min(seconds, view.part_target)


def _edge(view: BroadcastView, track: TrackView, segments: str, discontinuity: int | None) -> Iterator[str]:
    """Yield the open segment's parts, the preload hint and the rendition reports.

    The hint saves a round trip for each part, which counts in low latency only. Elsewhere it is left out.
    """
    if track.open is not None and track.open.parts:
        following, index = track.open.sequence, len(track.open.parts)
        yield from _boundary(track, segments, track.open.discontinuity, discontinuity)
        yield from _parts(view, track, segments, track.open.sequence, track.open.discontinuity, track.open.parts)
    else:
        # Nothing of the next segment is there yet: its first part is the hint.
        following, index = track.segments[-1].sequence + 1, 0
    if view.latency_mode is LatencyMode.LOW:
        # Players request it early, and the server answers when it is there (RFC 8216bis §4.4.5.3).
        yield f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{segments}{part_name(track.name, following, index)}"'
    for other in view.presented:
        if other.name != track.name:
            yield _report(other)


def _report(track: TrackView) -> str:
    """EXT-X-RENDITION-REPORT (§4.4.5.4): where another playlist of this broadcast ends."""
    if track.open is not None and track.open.parts:
        last, part = track.open.sequence, len(track.open.parts) - 1
    else:
        last = track.segments[-1].sequence
        part = len(track.parts.get(last, ())) - 1
    return f'#EXT-X-RENDITION-REPORT:URI="{track.name}.m3u8",LAST-MSN={last}' + (
        f",LAST-PART={part}" if part >= 0 else ""
    )
