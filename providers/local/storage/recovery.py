"""Recovery after a crash: every unfinished broadcast is cut to its last whole fragment.

Damaged files raise nothing: a damaged broadcast is set aside, and the others are recovered.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Iterable, Iterator

import structlog

from providers.local.manifest.views import SegmentView, init_name, segment_name, track_name
from providers.local.mp4 import reader as boxes
from providers.local.storage import index
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.errors import StorageError
from providers.local.storage.filler import filler_name
from providers.local.storage.index import (
    INDEX_FILE,
    BrokenIndex,
    FillLine,
    FullLine,
    InitLine,
    Line,
    LossLine,
    SegmentLine,
    TargetLine,
)
from providers.local.storage.port import BroadcastFiles, StorageBackend
from providers.local.storage.recordings import RECORDING_FILE, decode
from providers.local.storage.track import StoredTrack

log = structlog.get_logger(__name__)

_PASSING = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.EACCES,
        errno.EPERM,
    }
)
"""Errors of a disk or process that lacks a resource or permission, not of the broadcast."""


def recover(backend: StorageBackend, known: Collection[str] = ()) -> list[Broadcast]:
    """Return the unfinished broadcasts, oldest first, open for writing again. Blocking. `known` are uids of recordings."""
    found: list[Broadcast] = []
    for uid in backend.list():
        files = backend.open(uid)
        if _is_finished(files, known=uid in known):
            continue
        try:
            if _never_began(files):
                files.delete_all()  # not its objects: an interrupted fetch leaves an empty folder, too
            else:
                found.append(_reopen(files, uid))
        # An error in one broadcast must not affect the others.
        except Exception as problem:
            if _is_passing(problem):
                log.error("broadcast not recovered, will retry at the next start", uid=uid, problem=str(problem))
            else:
                log.error("damaged broadcast set aside", uid=uid, problem=repr(problem))
                _set_aside(backend, uid)
    return sorted(found, key=lambda broadcast: broadcast.info.created)


def _is_passing(problem: Exception) -> bool:
    """Whether the machine caused the error, not the broadcast. A full disk is the likeliest reason for a crash."""
    return isinstance(problem, StorageError) or (isinstance(problem, OSError) and problem.errno in _PASSING)


def _is_finished(files: BroadcastFiles, *, known: bool) -> bool:
    """Whether its recording is described. A power failure may leave an empty description, which is written again."""
    try:
        if known and files.size(RECORDING_FILE):
            return True
        decode(files.read(RECORDING_FILE))
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


def _never_began(files: BroadcastFiles) -> bool:
    """Whether the process died before the first line of the index."""
    return all(name == INDEX_FILE and files.size(name) == 0 for name in files.names())


def _set_aside(backend: StorageBackend, uid: str) -> None:
    try:
        backend.set_aside(uid)
    except OSError as problem:
        log.error("damaged broadcast not set aside", uid=uid, problem=str(problem))


def _reopen(files: BroadcastFiles, uid: str) -> Broadcast:
    # First: the repair below changes the times.
    last_write = files.modified()
    info, lines, good = index.decode(files.read(INDEX_FILE))
    if info.uid != uid:
        raise BrokenIndex("the index is another broadcast's")
    kept = list(consistent(lines, lambda line: is_stored(files, line)))
    if len(kept) < len(lines):
        log.warning("index repaired after a crash", uid=info.uid, lines_dropped=len(lines) - len(kept))
        data = index.begin_line(info) + b"".join(map(index.encode, kept))
        files.replace(INDEX_FILE, data)
        good = len(data)
    # Half a line would spoil the first one that is appended.
    files.truncate(INDEX_FILE, good)
    broadcast = Broadcast(files, info, files.reopen(INDEX_FILE))
    broadcast.last_write = last_write
    try:
        broadcast.restore(kept)
        for track in broadcast.tracks.values():
            found = _open_segment(files, track, last_write) if track.inits and broadcast.recording else None
            if found is not None:
                broadcast.recovered(SegmentLine(track.rendition, track.kind, found))
    except BaseException:
        broadcast.suspend()
        raise
    return broadcast


def consistent(lines: Iterable[Line], keep: Callable[[Line], bool] = lambda _: True) -> Iterator[Line]:
    """Yield the lines that can be played: each track up to its first gap. If a segment is listed twice, the longer line counts.

    Args:
        keep: Returns whether the media of a line exists.
    """
    lines = list(lines)
    listings = _listings(lines)
    inits: set[tuple[object, ...]] = set()
    following: dict[tuple[object, ...], int] = {}
    cut: set[tuple[object, ...]] = set()
    for line in lines:
        if isinstance(line, LossLine | TargetLine | FullLine):
            yield line
            continue
        track = (line.rendition, line.kind)
        if track in cut:
            continue
        if isinstance(line, InitLine):
            if keep(line):
                inits.add((*track, line.init.discontinuity))
                yield line
            else:
                cut.add(track)
            continue
        sequence = (line.segments[0] if isinstance(line, FillLine) else line.segment).sequence
        expected = following.setdefault(track, sequence)
        # A second listing of what was yielded already.
        if sequence < expected:
            continue
        if isinstance(line, FillLine):
            if sequence > expected or (*track, line.discontinuity) not in inits or not keep(line):
                cut.add(track)
                continue
            inits |= {(*track, discontinuity) for discontinuity in line.corrections}
            following[track] = line.segments[-1].sequence + 1
            yield line
            continue
        candidates = listings[*track, sequence]
        fitting = [each for each in candidates if (*track, each.segment.discontinuity) in inits and keep(each)]
        if sequence > expected or not fitting:
            cut.add(track)
            continue
        following[track] = sequence + 1
        yield max(fitting, key=lambda each: each.segment.duration)


def _listings(lines: Iterable[Line]) -> dict[tuple[object, ...], list[SegmentLine]]:
    """Group segment lines by rendition, kind and sequence number. There are several where two processes wrote the index."""
    listings: dict[tuple[object, ...], list[SegmentLine]] = {}
    for line in lines:
        if isinstance(line, SegmentLine):
            listings.setdefault((line.rendition, line.kind, line.segment.sequence), []).append(line)
    return listings


def is_stored(files: BroadcastFiles, line: Line) -> bool:
    """Whether all bytes of a line are stored. A power failure may lose them. Raises OSError if the disk fails."""
    if isinstance(line, LossLine | TargetLine | FullLine):
        return True
    name = track_name(line.rendition, line.kind)
    if isinstance(line, InitLine):
        return (files.size(init_name(name, line.init.discontinuity)) or 0) > 0
    if isinstance(line, FillLine):
        return (files.size(filler_name(name, line.discontinuity)) or 0) > 0
    size = files.size(segment_name(name, line.segment.sequence))
    # Larger is whole, too: the file may have got a part that no line lists.
    return size is not None and size >= line.segment.size


def _open_segment(files: BroadcastFiles, track: StoredTrack, last_write: float) -> SegmentView | None:
    """Return the segment that was open, its file cut to its last whole fragment; None if there is none."""
    sequence, discontinuity = track.next_sequence, max(track.inits)
    name = segment_name(track.name, sequence)
    try:
        data = files.read(name)
    except FileNotFoundError:
        return None
    defaults = boxes.read_defaults(files.read(init_name(track.name, discontinuity)))
    fragments = boxes.whole_fragments(data, defaults)
    duration = sum(each.duration for each in fragments)
    if duration <= 0:
        # Its number is free again: the next packager writes it.
        files.delete(name)
        return None
    size = sum(each.size for each in fragments)
    files.truncate(name, size)
    first = fragments[0]
    began = last_write - duration / track.timescale(discontinuity)
    return SegmentView(
        sequence=sequence,
        discontinuity=discontinuity,
        decode_time=first.decode_time,
        duration=duration,
        independent=first.independent,
        program_time=track.program_time(discontinuity, first.decode_time, began),
        size=size,
    )
