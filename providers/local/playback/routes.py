"""The playback routes. URLs of manifests mirror Cloudflare's; media is always addressed by the broadcast's own uid.

    /<input or recording uid>/manifest/video.m3u8, video.mpd      live, or the recording
    /<uid>/thumbnails/thumbnail.jpg
    /<broadcast uid>/live/<track>.m3u8, video.mpd                 the sliding window; ends when the broadcast does
    /<broadcast uid>/manifest/<track>.m3u8                        the recording, whole
    /<broadcast uid>/segments/<track>-init-<g>.mp4, <track>-<n>.m4s, <track>-<n>.<part>.m4s

So caches never mix two broadcasts of one input. Names are matched as a whole and looked up in the index. Names from clients
never become paths.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import hdrs, web

from providers.cors import MEDIA_CORS, MEDIA_PREFLIGHT
from providers.local.manifest import dash, hls, reload
from providers.local.manifest.views import SegmentView, init_name, segment_name
from providers.local.playback import answers
from providers.local.playback.answers import max_age, problem
from providers.local.playback.documents import Document, Documents
from providers.local.playback.forward import Forwarder, Handler
from providers.local.playback.ports import PlaybackSource, ThumbnailNotReady
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.errors import ObjectStoreError
from providers.local.storage.parts import load_part
from providers.local.storage.track import StoredTrack

LIVE_MAX_AGE = 1
MULTIVARIANT_MAX_AGE = 2
RECORDING_MAX_AGE = 3600
"""Seconds. Manifests of a recording do not change, but the recording may be deleted."""

BLOCKED_TARGETS = 6
"""A blocked request asks for one state of the playlist, so caches may keep the response this many target durations
(draft-pantos-hls-rfc8216bis, appendix B.1)."""

LIVE_THUMBNAIL_MAX_AGE = 10

EARLY = "early"
"""Query of players that request a manifest before the stream is watchable. The response waits until there is something to play.
In `low` that is the first part, if all that is offered has one (`Broadcast.early`)."""

FITS = ("crop", "clip", "scale", "fill")

MEDIA = re.compile(
    r"(?P<track>[a-z0-9]{1,16}-(?:video|audio))-"
    r"(?:init-(?P<discontinuity>[0-9]{1,9})\.mp4|(?P<sequence>[0-9]{1,9})(?:\.(?P<part>[0-9]{1,5}))?\.m4s)"
)
PLAYLIST = re.compile(r"(?P<track>[a-z0-9]{1,16}-(?:video|audio))\.m3u8")

MOMENT = re.compile(r"(?:([0-9]{1,3})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,7}(?:\.[0-9]{1,6})?)s?)?", re.ASCII)
"""A moment in a recording, as Cloudflare takes it."""

UID = "{uid:[0-9a-f]{32}}"


@dataclass(frozen=True, slots=True)
class PlaybackLimits:
    """What a request may ask for."""

    wait_targets: int = 3
    """Target durations after which a blocked request ends with 503."""
    max_thumbnail: int = 2_000
    """Longest side of a thumbnail, in pixels."""


def routes(
    library: PlaybackSource, limits: PlaybackLimits | None = None, forwarder: Forwarder | None = None
) -> list[web.RouteDef]:
    """Return the playback routes, for the root of the server. `forwarder`: for what other nodes carry."""
    playback = _Playback(library, limits or PlaybackLimits())
    handlers: dict[str, tuple[Handler, tuple[str, ...]]] = {
        f"/{UID}/manifest/{{name}}": (playback.manifest, (EARLY,)),
        f"/{UID}/live/{{name}}": (playback.live, (EARLY, *reload.PARAMETERS)),
        f"/{UID}/segments/{{name}}": (playback.media, ()),
        f"/{UID}/thumbnails/thumbnail.jpg": (playback.thumbnail, ("width", "height", "fit", "time")),
    }
    gets = [
        web.get(path, handler if forwarder is None else forwarder.around(handler, parameters))
        for path, (handler, parameters) in handlers.items()
    ]
    return [*gets, *(web.options(path, playback.preflight) for path in handlers)]


class _Playback:
    def __init__(self, library: PlaybackSource, limits: PlaybackLimits) -> None:
        self._library = library
        self._limits = limits
        self._documents = Documents()

    async def preflight(self, request: web.Request) -> web.Response:
        return web.Response(status=204, headers=MEDIA_PREFLIGHT)

    async def manifest(self, request: web.Request) -> web.Response:
        """Handle the live manifests while the broadcast runs, afterwards those of the recording."""
        uid, name = request.match_info["uid"], request.match_info["name"]
        if name == "utc":
            broadcast = self._library.find_live(uid) or self._library.find_broadcast(uid)
            clock = time.time if broadcast is None else broadcast.clock
            # In whole seconds: rounded, it is wrong by half a second at most, and cut off by a whole one.
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock() + 0.5))
            return web.Response(text=now, headers={**MEDIA_CORS, hdrs.CACHE_CONTROL: "no-store"})
        running = self._library.find_live(uid) or self._library.find_broadcast(uid)
        if running is not None and name in ("video.m3u8", "video.mpd"):
            return await self._entry(request, running, name)
        recording = None if running else await self._library.find_recording(uid)
        if recording is None:
            # Cloudflare returns 204 here. Players treat that as a broken playlist, and retry after a 404.
            return problem(404, "There is nothing to play now.")
        return await self._recording(request, recording, name)

    async def _entry(self, request: web.Request, broadcast: Broadcast, name: str) -> web.Response:
        """Return the live multivariant playlist or MPD."""
        early = EARLY in request.query and not broadcast.watchable
        if early:
            await self._wait_until_playable(broadcast)
        if not broadcast.watchable:
            if early and broadcast.early and name == "video.m3u8":
                return self._early_multivariant(request, broadcast)
            return problem(404, "The broadcast has not started yet.")
        if name == "video.mpd":
            return answers.document(request, self._live_mpd(broadcast), max_age(LIVE_MAX_AGE))
        base = f"../../{broadcast.info.uid}/live/"
        found = self._documents.find(broadcast, name) or self._documents.render(
            broadcast, name, answers.HLS, lambda: hls.multivariant(broadcast.view(live=True), base)
        )
        return answers.document(request, found, max_age(MULTIVARIANT_MAX_AGE))

    def _early_multivariant(self, request: web.Request, broadcast: Broadcast) -> web.Response:
        def render() -> str:
            return hls.multivariant(broadcast.view(live=True), f"../../{broadcast.info.uid}/live/", f"?{EARLY}")

        name = f"video.m3u8?{EARLY}"
        found = self._documents.find(broadcast, name) or self._documents.render(broadcast, name, answers.HLS, render)
        return answers.document(request, found, max_age(LIVE_MAX_AGE))

    async def _wait_until_playable(self, broadcast: Broadcast) -> None:
        """Hold the request of a player that waits for the beginning: it saves the player a round trip."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.wait_targets * broadcast.target_duration):
                await broadcast.playable.wait()

    def _live_mpd(self, broadcast: Broadcast) -> Document:
        own = f"../../{broadcast.info.uid}"

        def render() -> str:
            return dash.live_mpd(
                broadcast.view(live=True),
                broadcast.clock(),
                segments=f"{own}/segments/",
                location=f"{own}/live/video.mpd",
                clock=f"{own}/manifest/utc",
            )

        name = "live/video.mpd"
        return self._documents.find(broadcast, name) or self._documents.render(broadcast, name, answers.DASH, render)

    async def _recording(self, request: web.Request, recording: Broadcast, name: str) -> web.Response:
        base = await recording.files.public_base()
        if base is None or any(track.is_filled for track in recording.tracks.values()):
            base = "../segments/"  # filled segments are rendered here: no bucket has them
        found = self._documents.find(recording, name + base)
        if found is None:
            text, content_type = _recording_text(recording, name, base)
            if text is None:
                return problem(404, "No such manifest.")
            found = await self._documents.render_aside(recording, name + base, content_type, text)
        return answers.document(request, found, max_age(RECORDING_MAX_AGE))

    async def live(self, request: web.Request) -> web.Response:
        """Handle the manifests of the live window, during the broadcast and afterwards."""
        broadcast = await self._find(request.match_info["uid"])
        early = broadcast is not None and EARLY in request.query and broadcast.early
        if broadcast is None or not (broadcast.watchable or early):
            return problem(404, "There is nothing to play now.")
        name = request.match_info["name"]
        age = RECORDING_MAX_AGE if broadcast.ended else LIVE_MAX_AGE
        if name == "video.mpd":
            return answers.document(request, self._live_mpd(broadcast), max_age(age))
        match = PLAYLIST.fullmatch(name)
        track = broadcast.track(match["track"]) if match else None
        if track is None or not (track.segments or early):
            return problem(404, "No such playlist.")
        try:
            delta = reload.skips(request.query) and _blocks(broadcast)
            directive = reload.parse(request.query) if _blocks(broadcast) else None
            if directive is not None:
                reload.check(directive, track.edge, broadcast.part_target)
        except reload.BadDirective as error:
            return problem(400, str(error))
        if directive is not None:
            wanted = directive
            if not await self._wait(broadcast, track, lambda: reload.satisfied(wanted, track.edge)):
                return problem(503, "The stream is paused. Retry in a second.", {hdrs.RETRY_AFTER: "1"})
            age = BLOCKED_TARGETS * broadcast.target_duration
        return answers.document(request, self._live_playlist(broadcast, track, delta=delta), max_age(age))

    def _live_playlist(self, broadcast: Broadcast, track: StoredTrack, *, delta: bool) -> Document:
        def render() -> str:
            view, shown = broadcast.view(live=True), track.view(live=True)
            if not shown.segments:
                return hls.early_playlist(view, shown, "../segments/")
            return hls.live_playlist(view, shown, "../segments/", delta=delta)

        name = f"live/{track.name}{'/delta' if delta else ''}"
        return self._documents.find(broadcast, name) or self._documents.render(broadcast, name, answers.HLS, render)

    async def _find(self, uid: str) -> Broadcast | None:
        return self._library.find_broadcast(uid) or await self._library.find_recording(uid)

    async def media(self, request: web.Request) -> web.StreamResponse:
        """Handle an init segment, a segment or a part."""
        match = MEDIA.fullmatch(request.match_info["name"])
        broadcast = await self._find(request.match_info["uid"]) if match else None
        track = broadcast.track(match["track"]) if broadcast and match else None
        if match is None or broadcast is None or track is None:
            return problem(404, "No such segment.")
        content_type = f"{track.kind.value}/mp4"
        if match["discontinuity"] is not None:
            discontinuity = int(match["discontinuity"])
            if discontinuity not in track.inits:
                return answers.gone()
            return await answers.file(request, broadcast.files, init_name(track.name, discontinuity), content_type)
        sequence = int(match["sequence"])
        if match["part"] is not None:
            return await self._part(request, broadcast, track, sequence, int(match["part"]))
        segment = track.segment(sequence)
        if segment is None:
            return answers.gone()
        if track.filling(sequence) is not None:
            return await _filled(request, track, segment, content_type)
        stored = track.stored(sequence)
        if stored is not None and stored.whole is not None:
            return answers.media(request, stored.whole, content_type)
        return await answers.file(request, broadcast.files, segment_name(track.name, sequence), content_type)

    async def _part(
        self, request: web.Request, broadcast: Broadcast, track: StoredTrack, sequence: int, index: int
    ) -> web.Response:
        """Return a part. A part of EXT-X-PRELOAD-HINT (RFC 8216bis §4.4.5.3) is sent when it is complete."""
        waits = _is_hinted(track, sequence, index) and _blocks(broadcast)
        if waits:
            await self._wait(broadcast, track, lambda: not _is_hinted(track, sequence, index))
        stored = track.stored(sequence)
        body = stored.part(index) if stored is not None else None
        if body is None and (stored is not None or track.segment(sequence) is not None):
            try:
                body = await load_part(broadcast.files, segment_name(track.name, sequence), index)
            except ObjectStoreError:
                return answers.unavailable()
        if body is None:
            never = waits and (broadcast.ended or track.segment(sequence) is not None)
            return answers.nothing(f"{track.kind.value}/mp4") if never else answers.gone()
        return answers.media(request, body, f"{track.kind.value}/mp4")

    async def thumbnail(self, request: web.Request) -> web.Response:
        """Handle a thumbnail. Query: width, height (pixels), fit, time (of a recording: 12.5s, 5m2s)."""
        uid, query = request.match_info["uid"], request.query
        sides = [query.get("width"), query.get("height")]
        fit = query.get("fit", "crop")
        most = self._limits.max_thumbnail
        if fit not in FITS or any(side is not None and not _is_side(side, most) for side in sides):
            return problem(400, f"width and height must be from 1 to {most}, fit one of {', '.join(FITS)}.")
        try:
            moment = _moment(query.get("time"))
        except ValueError:
            return problem(400, "time must be a moment such as 12.5s, 5m2s or 1h5m2s.")
        width, height = (None if side is None else int(side) for side in sides)
        try:
            jpeg = await self._library.thumbnail(uid, width, height, fit, moment)
        except ThumbnailNotReady as later:
            return problem(
                503,
                "Too many thumbnails are being created. Retry later.",
                {hdrs.RETRY_AFTER: str(math.ceil(later.seconds))},
            )
        if jpeg is None:
            return problem(404, "There is no thumbnail yet.")
        live = self._library.find_live(uid) or self._library.find_broadcast(uid)
        age = LIVE_THUMBNAIL_MAX_AGE if live else RECORDING_MAX_AGE
        headers = {**MEDIA_CORS, hdrs.CACHE_CONTROL: max_age(age), hdrs.CONTENT_TYPE: answers.JPEG}
        return web.Response(body=jpeg, headers=headers)

    async def _wait(self, broadcast: Broadcast, track: StoredTrack, done: Callable[[], bool]) -> bool:
        """Wait for `done` or the end of the broadcast.

        Return False after `wait_targets` target durations, or when the service stops, which waits for its requests.
        """
        try:
            async with asyncio.timeout(self._limits.wait_targets * broadcast.target_duration):
                while not done() and broadcast.running:
                    await track.changed.wait()
        except TimeoutError:
            return False
        return broadcast.running or broadcast.ended


async def _filled(
    request: web.Request, track: StoredTrack, segment: SegmentView, content_type: str
) -> web.StreamResponse:
    """Render and return a filled segment."""
    try:
        body = await asyncio.to_thread(track.read, segment)
    except FileNotFoundError:
        return answers.gone()
    except ObjectStoreError:
        return answers.unavailable()
    return answers.media(request, body, content_type)


def _recording_text(recording: Broadcast, name: str, base: str) -> tuple[Callable[[], str] | None, str]:
    """Return the function that renders a manifest of a recording, and the content type. `base` is the URL of its media."""
    if name == "video.m3u8":
        return lambda: hls.multivariant(recording.view(live=False), ""), answers.HLS
    if name == "video.mpd":
        return lambda: dash.vod_mpd(recording.view(live=False), base), answers.DASH
    match = PLAYLIST.fullmatch(name)
    track = recording.track(match["track"]) if match else None
    if track is None or not track.segments:
        return None, answers.HLS
    return lambda: hls.vod_playlist(track.view(live=False), base), answers.HLS


def _blocks(broadcast: Broadcast) -> bool:
    """Whether delivery directives count: only live playlists say CAN-BLOCK-RELOAD (RFC 8216bis §6.2.5)."""
    return not broadcast.ended


def _is_hinted(track: StoredTrack, sequence: int, index: int) -> bool:
    if not track.has_media:
        return False
    edge = track.edge
    return sequence == edge.whole + 1 and index == edge.open_parts


def _moment(text: str | None) -> float | None:
    """Return a moment in seconds. Raise ValueError for a text that is none."""
    if text is None:
        return None
    match = MOMENT.fullmatch(text)
    if match is None or not text:
        raise ValueError(text)
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def _is_side(text: str, most: int) -> bool:
    # isdigit() alone is true for superscripts, which int() refuses.
    return text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= most
