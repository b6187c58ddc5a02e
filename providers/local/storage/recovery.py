"""Taking up what a crash left: every unfinished broadcast is brought to its last whole fragment.

Nothing here raises for what it finds in a folder: a broken recording is set aside and the rest goes on.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import structlog

from providers.local.manifest.views import SegmentView, init_name, segment_name, track_name
from providers.local.mp4 import reader as boxes
from providers.local.storage import index
from providers.local.storage.broadcast import Broadcast, open_index
from providers.local.storage.disk import Syncer
from providers.local.storage.errors import StorageError
from providers.local.storage.index import (
    INDEX_FILE,
    UID,
    BrokenIndex,
    FullLine,
    InitLine,
    Line,
    LossLine,
    SegmentLine,
    TargetLine,
)
from providers.local.storage.recordings import RECORDING_FILE, decode
from providers.local.storage.track import Track

log = structlog.get_logger(__name__)

BROKEN = "broken"
"""Where recordings are set aside."""


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
"""What a disk or a process that has run out of something says."""


def recover(root: Path, syncer: Syncer) -> list[Broadcast]:
    """The unfinished broadcasts under `root`, oldest first, open for writing again. Blocking."""
    found: list[Broadcast] = []
    for folder in sorted(root.iterdir()):
        if not UID.fullmatch(folder.name) or _is_finished(folder):
            continue
        try:
            if _never_began(folder):
                shutil.rmtree(folder, ignore_errors=True)
            else:
                found.append(_reopen(folder, syncer))
        # Whatever is wrong with one recording, the others go on.
        except Exception as problem:
            if _is_passing(problem):
                log.error("recording not taken up; the next start will", uid=folder.name, problem=str(problem))
            else:
                log.error("recording set aside", uid=folder.name, problem=repr(problem))
                _set_aside(root, folder)
    return sorted(found, key=lambda broadcast: broadcast.info.created)


def _is_passing(problem: Exception) -> bool:
    """Whether the machine is at fault, and not the recording: a full disk is the likeliest reason for the crash itself."""
    return isinstance(problem, StorageError) or (isinstance(problem, OSError) and problem.errno in _PASSING)


def _is_finished(folder: Path) -> bool:
    """Whether its recording is described; a power cut may have left the description empty, and it is made again."""
    try:
        decode((folder / RECORDING_FILE).read_bytes())
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


def _never_began(folder: Path) -> bool:
    """Killed between making the folder and the first line."""
    return all(file.name == INDEX_FILE and file.stat().st_size == 0 for file in folder.iterdir())


def _set_aside(root: Path, folder: Path) -> None:
    try:
        (root / BROKEN).mkdir(exist_ok=True)
        folder.rename(root / BROKEN / f"{folder.name}-{time.time_ns()}")
    except OSError as problem:
        log.error("recording cannot be set aside", uid=folder.name, problem=str(problem))


def _reopen(folder: Path, syncer: Syncer) -> Broadcast:
    file = folder / INDEX_FILE
    last_write = max(each.stat().st_mtime for each in folder.iterdir())
    info, lines, good = index.decode(file.read_bytes())
    if info.uid != folder.name:
        raise BrokenIndex("the index is another broadcast's")
    kept = list(consistent(lines, lambda line: on_disk(folder, line)))
    if len(kept) < len(lines):
        log.warning("index repaired after a crash", uid=info.uid, lines_left_out=len(lines) - len(kept))
        data = index.begin_line(info) + b"".join(map(index.encode, kept))
        syncer.replace(file, data)
        good = len(data)
    os.truncate(file, good)
    broadcast = Broadcast(folder, info, syncer, open_index(folder), good)
    broadcast.last_write = last_write
    try:
        broadcast.restore(kept)
        for track in broadcast.tracks.values():
            found = _open_segment(folder, track, last_write) if track.inits and broadcast.recording else None
            if found is not None:
                broadcast.recovered(SegmentLine(track.rendition, track.kind, found))
    except BaseException:
        broadcast.suspend()
        raise
    return broadcast


def consistent(lines: Iterable[Line], keep: Callable[[Line], bool] = lambda _: True) -> Iterator[Line]:
    """The lines that can be played: each track up to its first gap. Of a segment that is listed twice the longer line counts.

    Args:
        keep: Returns whether the media of a line is there.
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
                inits.add((*track, line.init.generation))
                yield line
            else:
                cut.add(track)
            continue
        sequence = line.segment.sequence
        expected = following.setdefault(track, sequence)
        if sequence < expected:
            continue
        candidates = listings[*track, sequence]
        fitting = [each for each in candidates if (*track, each.segment.generation) in inits and keep(each)]
        if sequence > expected or not fitting:
            cut.add(track)
            continue
        following[track] = sequence + 1
        yield max(fitting, key=lambda each: each.segment.duration)


def _listings(lines: Iterable[Line]) -> dict[tuple[object, ...], list[SegmentLine]]:
    """The lines of each segment, by rendition, kind and sequence number: more than one where two processes wrote the index."""
    listings: dict[tuple[object, ...], list[SegmentLine]] = {}
    for line in lines:
        if isinstance(line, SegmentLine):
            listings.setdefault((line.rendition, line.kind, line.segment.sequence), []).append(line)
    return listings


def on_disk(folder: Path, line: Line) -> bool:
    """Whether a line's bytes are all there: after a power cut they need not be. Errors: OSError, of a disk that fails."""
    if isinstance(line, LossLine | TargetLine | FullLine):
        return True
    name = track_name(line.rendition, line.kind)
    try:
        if isinstance(line, InitLine):
            return (folder / init_name(name, line.init.generation)).stat().st_size > 0
        return (folder / segment_name(name, line.segment.sequence)).stat().st_size >= line.segment.size
    except FileNotFoundError:
        return False


def _open_segment(folder: Path, track: Track, last_write: float) -> SegmentView | None:
    """The segment that was being written, its file cut to its last whole fragment; None when there is not one."""
    sequence, generation = track.next_sequence, max(track.inits)
    file = folder / segment_name(track.name, sequence)
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return None
    defaults = boxes.read_defaults((folder / init_name(track.name, generation)).read_bytes())
    fragments = boxes.whole_fragments(data, defaults)
    duration = sum(each.duration for each in fragments)
    if duration <= 0:
        file.unlink()
        return None
    size = sum(each.size for each in fragments)
    os.truncate(file, size)
    first = fragments[0]
    began = last_write - duration / track.timescale(generation)
    return SegmentView(
        sequence=sequence,
        generation=generation,
        decode_time=first.decode_time,
        duration=duration,
        independent=first.independent,
        program_time=track.program_time(generation, first.decode_time, began),
        size=size,
    )
