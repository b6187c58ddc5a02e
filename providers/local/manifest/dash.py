"""MPEG-DASH MPDs as text: ISO/IEC 23009-1, the live profile with SegmentTimeline, and $Number$ in the addresses.

A Period is what lies between two discontinuities of the primary track: the first rendition's video, or the audio of a
broadcast without video. In a live MPD it starts at the wall-clock time of its first frame, so that the gap of a reconnect
remains and all viewers are at the same position. In a recording Periods follow each other without a gap. Periods with
the same init segments (the encoder returned unchanged) are joined, because many players and ffmpeg support only one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby
from xml.sax.saxutils import quoteattr

from providers.local.manifest.views import (
    MAX_HOLE,
    BroadcastView,
    InitView,
    SegmentView,
    TrackView,
    by_discontinuity,
    utc,
)
from providers.local.mp4.tracks import TrackKind

ROUNDING = 0.5
"""Seconds a segment may be longer than the target duration, to which HLS compares it rounded (RFC 8216 §4.3.3.1)."""

ROUNDING_ERROR = 0.001
"""Seconds by which the rounding of two durations may exceed the times they are of."""

DELAY_SEGMENTS = 3
"""suggestedPresentationDelay in target durations: without one dash.js stalled four times a view (measured)."""

MAX_SKEW = 0.1
"""Seconds by which tracks may begin apart for the Period to begin with the later one."""

LEAD = 0.1
"""Seconds from the start of a live Period to its media. dash.js seeks over this gap. Without a gap it does not seek after
it has loaded the first segment, and Chromium does not start to play."""

LAST_PERIOD_TARGETS = DELAY_SEGMENTS + 1
"""Target durations of the last Period from which on the last MPD lists no other one: players are in it by then. dash.js ends only
if there is one Period or if the presentation's duration counts from 0, but shaka-player counts it from the first Period."""

MIN_UPDATE_PERIOD = 1.0
"""Seconds. Shared caches renew the MPD no more often."""

AUDIO_CHANNELS = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"
CLOCK = "urn:mpeg:dash:utc:http-xsdate:2014"


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of media under one set of init segments; `final` when no more will be added.

    Media times and `start` (in the presentation) in seconds.
    """

    discontinuity: int
    start: float
    media_start: float
    tracks: Sequence[tuple[TrackView, Sequence[SegmentView]]]
    final: bool = False

    @property
    def media_end(self) -> float:
        """Where its longest track ends on the media timeline."""
        return max(track.start(run[-1]) + track.seconds(run[-1]) for track, run in self.tracks)


def live_mpd(view: BroadcastView, now: float, *, segments: str, location: str, clock: str) -> str:
    """Return the MPD of a running broadcast, or of one that has just ended (then static, on the same timeline).

    `now` is publishTime in seconds since the Unix epoch; `segments`, `location` (for updates; it names this
    broadcast) and `clock` (returns the time as xs:dateTime) are relative URLs.
    """
    listed = _discontinuities(view)
    # A Period that has ended has a duration: otherwise dash.js waits in the gap of a reconnect for media.
    periods = [
        _live_period(view, discontinuity, final=view.ended or discontinuity != listed[-1]) for discontinuity in listed
    ]
    if view.ended:
        last = periods[-1]
        if last.media_end - _first_start(last) >= LAST_PERIOD_TARGETS * view.target_duration:
            periods = [last]
        periods[0] = _trimmed(periods[0])
    end = periods[-1].start + periods[-1].media_end - periods[-1].media_start
    window = end - periods[0].start - (_first_start(periods[0]) - periods[0].media_start)
    update = max(MIN_UPDATE_PERIOD, view.target_duration / 2)
    attributes = {
        "type": "static" if view.ended else "dynamic",
        "availabilityStartTime": utc(_epoch(view)),
        "publishTime": utc(now),
        "suggestedPresentationDelay": _duration(DELAY_SEGMENTS * view.target_duration),
        "minBufferTime": _duration(view.target_duration),
        "maxSegmentDuration": _duration(view.target_duration + ROUNDING),
    }
    if view.ended:
        # shaka-player takes the depth to find the start of the first Period on its timeline, and adds the duration to that.
        attributes["mediaPresentationDuration"] = _duration(
            _shared_end(periods[-1]) - periods[0].start - ROUNDING_ERROR
        )
        attributes["timeShiftBufferDepth"] = _duration(end - periods[0].start)
    else:
        attributes["minimumUpdatePeriod"] = _duration(update)
        # Players count the depth back from now, which is later than the newest segment. It is omitted until a segment has left
        # the list: in the first seconds dash.js skipped the few segments there were.
        if not _whole(view):
            attributes["timeShiftBufferDepth"] = _duration(window)
    body = [f"<Location>{location}</Location>"] if not view.ended else []
    body += [_period(period, segments) for period in periods]
    if not view.ended:
        body.append(f'<UTCTiming schemeIdUri="{CLOCK}" value={quoteattr(clock)}/>')
    return _mpd(attributes, body)


def vod_mpd(view: BroadcastView, segments: str) -> str:
    """Return the MPD of a recording; `segments` is a relative URL."""
    periods: list[Period] = []
    start = 0.0
    for together in _alike(view):
        tracks = _runs(view, together)
        begins = [track.start(run[0]) for track, run in tracks]
        media_start = min(begins)
        periods.append(Period(together[0], start, media_start, tracks, final=True))
        start += periods[-1].media_end - media_start
    attributes = {
        "type": "static",
        "mediaPresentationDuration": _duration(start),
        "minBufferTime": _duration(view.target_duration),
        "maxSegmentDuration": _duration(view.target_duration + ROUNDING),
    }
    return _mpd(attributes, [_period(period, segments) for period in periods])


def _discontinuities(view: BroadcastView) -> list[int]:
    """Return the listed periods of the primary track. Periods must be in order, and only those of one track are."""
    return [run[0].discontinuity for run in by_discontinuity(view.primary)]


def _alike(view: BroadcastView) -> list[list[int]]:
    """Group the primary track's periods: those with the same init segments in every track."""

    def formats(discontinuity: int) -> list[str]:
        return [track.inits[discontinuity].digest for track in view.presented if discontinuity in track.starts]

    groups: list[list[int]] = []
    end = 0.0
    for run in by_discontinuity(view.primary):
        discontinuity, start = run[0].discontinuity, view.primary.start(run[0])
        if groups and start - end <= MAX_HOLE and formats(groups[-1][-1]) == formats(discontinuity):
            groups[-1].append(discontinuity)
        else:
            groups.append([discontinuity])
        end = view.primary.start(run[-1]) + view.primary.seconds(run[-1])
    return groups


def _runs(view: BroadcastView, together: Sequence[int]) -> list[tuple[TrackView, list[SegmentView]]]:
    """Return each track's segments in the Period made of these periods of the primary track.

    Tracks of one packager change period together. A transcoded rendition counts its own: of it, what lies within the
    Period and under one init segment (the newest) is listed; a Representation cannot have two.
    """
    primary, wanted = view.primary, frozenset(together)  # a flapping encoder makes thousands of periods in a day
    own = [segment for segment in primary.segments if segment.discontinuity in wanted]
    begin, end = primary.start(own[0]), primary.start(own[-1]) + primary.seconds(own[-1])
    found: list[tuple[TrackView, list[SegmentView]]] = []
    for track in view.presented:
        if track.rendition == primary.rendition:
            run = [segment for segment in track.segments if segment.discontinuity in wanted]
        else:
            within = [each for each in track.segments if begin <= track.start(each) + track.seconds(each) / 2 < end]
            run = [each for each in within if each.discontinuity == within[-1].discontinuity]
        if run:
            found.append((track, run))
    return found


def _live_period(view: BroadcastView, discontinuity: int, *, final: bool) -> Period:
    first = view.primary.starts[discontinuity]
    start = max(0.0, first.program_time - _epoch(view))
    tracks = _runs(view, [discontinuity])
    begins = [track.start(track.starts[discontinuity]) for track, _ in tracks if discontinuity in track.starts]
    return Period(discontinuity, start, _together(view.primary.start(first), begins), tracks, final)


def _trimmed(period: Period) -> Period:
    """Return the Period from its first segment that is listed."""
    begin = _first_start(period)
    return replace(period, start=period.start + begin - period.media_start, media_start=begin)


def _shared_end(period: Period) -> float:
    """Return until when all tracks of the last Period last that end near its end. shaka-player waits for tracks that end before."""
    ends = [track.start(run[-1]) + track.seconds(run[-1]) for track, run in period.tracks]
    return period.start + min(end for end in ends if period.media_end - end <= MAX_HOLE) - period.media_start


def _together(start: float, begins: Sequence[float]) -> float:
    """Return the start of a Period: `LEAD` seconds before the last of the tracks near `start` begins."""
    return max(0.0, max((begin for begin in begins if 0 <= begin - start <= MAX_SKEW), default=start) - LEAD)


def _epoch(view: BroadcastView) -> float:
    """availabilityStartTime, the same in every MPD of the broadcast: when it was begun, or its first frame taken in."""
    return min(view.created.timestamp(), *(first.program_time for first in view.primary.starts.values()))


def _whole(view: BroadcastView) -> bool:
    """Whether the first segment of the broadcast is still listed."""
    return view.primary.segments[0].sequence == min(first.sequence for first in view.primary.starts.values())


def _first_start(period: Period) -> float:
    return min(track.start(run[0]) for track, run in period.tracks)


def _mpd(attributes: dict[str, str], body: list[str]) -> str:
    listed = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"'
        f' profiles="urn:mpeg:dash:profile:isoff-live:2011"{listed}>\n' + "\n".join(body) + "\n</MPD>\n"
    )


def _period(period: Period, segments: str) -> str:
    # Players that support one Period only (ffmpeg) play the one with the longest duration.
    length = f' duration="{_duration(period.media_end - period.media_start)}"' if period.final else ""
    # @id never changes between two updates of the MPD: players match the Periods by it (§5.3.2).
    lines = [f'<Period id="g{period.discontinuity}" start="{_duration(period.start)}"{length}>']
    for number, kind in enumerate(TrackKind):
        tracks = [(track, run) for track, run in period.tracks if track.kind is kind]
        if tracks:
            aligned = ' startWithSAP="1"' if all(each.independent for _, run in tracks for each in run) else ""
            lines.append(
                f'<AdaptationSet id="{number}" contentType="{kind.value}" mimeType="{kind.value}/mp4"'
                f' segmentAlignment="true"{aligned}>'
            )
            lines += [_representation(track, run, period.media_start, segments) for track, run in tracks]
            lines.append("</AdaptationSet>")
    return "\n".join([*lines, "</Period>"])


def _representation(track: TrackView, run: Sequence[SegmentView], media_start: float, segments: str) -> str:
    discontinuity = run[0].discontinuity
    init = track.inits[discontinuity]
    attributes = {"id": track.name, "codecs": init.codec, "bandwidth": str(max(1, track.peak_rate)), **_format(init)}
    listed = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    channels = (
        f'<AudioChannelConfiguration schemeIdUri="{AUDIO_CHANNELS}" value="{init.channels}"/>' if init.channels else ""
    )
    template = (
        f'<SegmentTemplate timescale="{init.timescale}" presentationTimeOffset="{round(media_start * init.timescale)}"'
        f' startNumber="{run[0].sequence}" initialization="{segments}{track.init_name(discontinuity)}"'
        f' media="{segments}{track.name}-$Number$.m4s">'
    )
    return f"<Representation{listed}>{channels}{template}{_timeline(track, run)}</SegmentTemplate></Representation>"


def _format(init: InitView) -> dict[str, str]:
    found: dict[str, str] = {}
    if init.width and init.height:
        found |= {"width": str(init.width), "height": str(init.height)}
    if init.frame_rate:
        # @frameRate is a fraction (§5.3.7.2), such as 30000/1001 for NTSC.
        rate = Fraction(init.frame_rate).limit_denominator(1001)
        found["frameRate"] = str(rate)
    if init.sample_rate:
        found["audioSamplingRate"] = str(init.sample_rate)
    return found


def _timeline(track: TrackView, run: Sequence[SegmentView]) -> str:
    """SegmentTimeline (§5.3.9.6): equal durations in a row are one S with a repeat count; a gap in the times starts a new t."""
    timescale = track.inits[run[0].discontinuity].timescale
    listed = [
        (segment.decode_time, round(seconds * timescale))
        for segment, seconds in zip(run, track.spans(run), strict=True)
    ]
    lines = ["<SegmentTimeline>"]
    following: int | None = None
    for duration, group in groupby(listed, key=lambda each: each[1]):
        times: list[int] = []
        for time, _ in group:
            if times and time != times[-1] + duration:
                lines.append(_s(times, duration, following))
                following, times = times[-1] + duration, []
            times.append(time)
        lines.append(_s(times, duration, following))
        following = times[-1] + duration
    return "".join([*lines, "</SegmentTimeline>"])


def _s(times: Sequence[int], duration: int, following: int | None) -> str:
    """Return the S of consecutive segments of one duration; `following` is where the S before it ends."""
    at = "" if times[0] == following else f' t="{times[0]}"'
    # @r counts repetitions: the segments after the first one (§5.3.9.6).
    repeat = f' r="{len(times) - 1}"' if len(times) > 1 else ""
    return f'<S{at} d="{duration}"{repeat}/>'


def _duration(seconds: float) -> str:
    """Return an xs:duration."""
    return f"PT{seconds:.3f}S"
