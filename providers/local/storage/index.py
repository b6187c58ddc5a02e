"""A broadcast's index: one JSON line for each fact that must survive the process. It is only appended to.

Lines by their `is`: `broadcast` (the first), `init`, `fill` (segments without files), `segment` (all of its bytes are in its
file), `lost`, `resumed`, `target`, `full`.
A line is one `write`, so a kill leaves whole lines; a power cut may leave half of the last one, or zeros: reading stops there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from providers.base import InputUid, LatencyMode
from providers.local.manifest.views import RENDITION_NAME, InitView, SegmentView
from providers.local.mp4.tracks import TrackKind

INDEX_FILE = "index.jsonl"
INIT_FIELDS = ("discontinuity", "codec", "timescale", "width", "height", "frame_rate", "sample_rate", "channels")

UID = re.compile(r"[0-9a-f]{32}")


class BrokenIndex(Exception):
    """The first line of the index cannot be read."""


@dataclass(frozen=True, slots=True)
class BroadcastInfo:
    """Properties of a broadcast that are fixed at its beginning.

    `uid`: 32 lower-case hex digits, later the recording's uid. `name` is the input's. `created` is aware (UTC) and not after the
    first frame. `part_target` (seconds) is the longest part that the packager aims for.
    """

    uid: str
    input_uid: InputUid
    name: str
    created: datetime
    latency_mode: LatencyMode = LatencyMode.STANDARD
    part_target: float = 0.334


@dataclass(frozen=True, slots=True)
class InitLine:
    """An init segment was written."""

    rendition: str
    kind: TrackKind
    init: InitView


@dataclass(frozen=True, slots=True)
class FillLine:
    """A track joined and was filled (`storage.filler.Filling`).

    Attributes:
        rendition: The rendition.
        kind: The track that joined.
        discontinuity: The period it joined. All `segments` use its init segment and its filler.
        frame: As in `Filling`.
        segments: The filled segments, at least one.
        corrections: `InitView.clock_correction` of their periods.
    """

    rendition: str
    kind: TrackKind
    discontinuity: int
    frame: int
    segments: Sequence[SegmentView]
    corrections: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class SegmentLine:
    """A segment was closed."""

    rendition: str
    kind: TrackKind
    segment: SegmentView


@dataclass(frozen=True, slots=True)
class LossLine:
    """The encoder disconnected or reconnected; `at` in seconds since the Unix epoch."""

    lost: bool
    at: float


@dataclass(frozen=True, slots=True)
class TargetLine:
    """EXT-X-TARGETDURATION, in whole seconds, and PART-TARGET, in seconds, from now on."""

    seconds: int
    part_target: float | None = None


@dataclass(frozen=True, slots=True)
class FullLine:
    """The last line: the disk was nearly full, and later media was not recorded."""


Line = InitLine | FillLine | SegmentLine | LossLine | TargetLine | FullLine


def begin_line(info: BroadcastInfo) -> bytes:
    """Return the first line."""
    return _line({"is": "broadcast", **asdict(info), "created": info.created.isoformat()})


def encode(line: Line) -> bytes:
    """Return any other line."""
    match line:
        case InitLine():
            return _line({"is": "init", "rendition": line.rendition, "track": line.kind, **_stored(line.init)})
        case FillLine():
            return _line({"is": "fill", "rendition": line.rendition, "track": line.kind, **_stored_fill(line)})
        case SegmentLine():
            return _line({"is": "segment", "rendition": line.rendition, "track": line.kind, **_stored(line.segment)})
        case TargetLine():
            return _line({"is": "target", **asdict(line)})
        case FullLine():
            return _line({"is": "full"})
        case LossLine():
            return _line({"is": "lost" if line.lost else "resumed", "at": line.at})


def _stored(view: InitView | SegmentView) -> dict[str, Any]:
    """Return the members of a line. Stored indexes call the discontinuity sequence number `generation`."""
    members = {"generation" if name == "discontinuity" else name: value for name, value in asdict(view).items()}
    if not members.get("clock_correction", 1):  # as indexes were before there was one
        del members["clock_correction"]
    return members


def _stored_fill(line: FillLine) -> dict[str, Any]:
    return {
        "generation": line.discontinuity,
        "frame": line.frame,
        "first": line.segments[0].sequence,
        "corrections": [[at, correction] for at, correction in line.corrections.items()],
        "segments": [
            [each.discontinuity, each.decode_time, each.duration, each.program_time] for each in line.segments
        ],
    }


def _decode_fill(rendition: str, kind: TrackKind, fields: dict[str, Any]) -> FillLine:
    segments = [
        SegmentView(sequence, int(discontinuity), int(decode_time), int(duration), True, float(program_time), 0)
        for sequence, (discontinuity, decode_time, duration, program_time) in enumerate(
            fields["segments"], int(fields["first"])
        )
    ]
    if not segments:
        raise ValueError("nothing is filled")
    corrections = {int(at): float(correction) for at, correction in fields["corrections"]}
    return FillLine(rendition, kind, int(fields["discontinuity"]), int(fields["frame"]), segments, corrections)


def _line(fields: dict[str, Any]) -> bytes:
    # ASCII without line feeds, whatever a name contains: a line feed ends a line.
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def decode(data: bytes) -> tuple[BroadcastInfo, list[Line], int]:
    """Parse an index.

    Returns:
        The broadcast, its lines, and how many bytes they take. The bytes after them are a partly written line.

    Raises:
        BrokenIndex: The first line cannot be read.
    """
    rows = data.split(b"\n")
    try:
        info = _info(json.loads(rows[0]))
    except (ValueError, KeyError, TypeError) as problem:
        raise BrokenIndex("the first line is not a broadcast's") from problem
    lines: list[Line] = []
    good = len(rows[0]) + 1
    # The last one is empty, or half a line.
    for row in rows[1:-1]:
        try:
            lines.append(_decode_line(json.loads(row)))
        except (ValueError, KeyError, TypeError):
            # What follows was written after the fault and may refer to the lost line.
            break
        good += len(row) + 1
    return info, lines, good


def _info(fields: dict[str, Any]) -> BroadcastInfo:
    if fields.pop("is") != "broadcast" or not UID.fullmatch(fields["uid"]):
        raise ValueError("not a broadcast")
    created = datetime.fromisoformat(fields.pop("created"))
    return BroadcastInfo(created=created, latency_mode=LatencyMode(fields.pop("latency_mode")), **fields)


def _decode_line(fields: dict[str, Any]) -> Line:
    kind = fields.pop("is")
    if kind in ("lost", "resumed"):
        return LossLine(kind == "lost", float(fields["at"]))
    if kind == "full":
        return FullLine()
    if kind == "target":
        return TargetLine(**fields)
    rendition, track = fields.pop("rendition"), TrackKind(fields.pop("track"))
    if not RENDITION_NAME.fullmatch(rendition):
        raise ValueError("not a rendition")
    fields["discontinuity"] = fields.pop("generation")
    if kind == "init":
        return InitLine(rendition, track, InitView(**fields))
    if kind == "fill":
        return _decode_fill(rendition, track, fields)
    if kind == "segment":
        return SegmentLine(rendition, track, SegmentView(**fields))
    raise ValueError(kind)
