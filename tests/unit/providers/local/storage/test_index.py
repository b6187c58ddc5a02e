"""The stored format of the index, which recordings of earlier versions have too."""

from __future__ import annotations

from providers.local.manifest.views import InitView, SegmentView
from providers.local.mp4.tracks import TrackKind
from providers.local.storage import index
from providers.local.storage.index import InitLine, SegmentLine
from tests.simulated_packager import info

INIT = b"""\
{"is":"init","rendition":"source","track":"video","generation":3,"codec":"avc1.64001f","timescale":90000,"width":1280,\
"height":720,"frame_rate":30.0,"sample_rate":0,"channels":0,"digest":"ab"}
"""
SEGMENT = b"""\
{"is":"segment","rendition":"source","track":"audio","sequence":7,"generation":3,"decode_time":10,"duration":20,\
"independent":true,"program_time":1790000000.5,"size":99}
"""

LINES = [
    InitLine("source", TrackKind.VIDEO, InitView(3, "avc1.64001f", 90_000, 1280, 720, 30.0, digest="ab")),
    SegmentLine("source", TrackKind.AUDIO, SegmentView(7, 3, 10, 20, True, 1_790_000_000.5, 99)),
]


def test_the_members_of_stored_lines_keep_their_names() -> None:
    assert [index.encode(line) for line in LINES] == [INIT, SEGMENT]
    data = index.begin_line(info()) + INIT + SEGMENT
    assert index.decode(data) == (info(), LINES, len(data))


def test_reading_stops_at_a_line_without_a_member() -> None:
    begin = index.begin_line(info())
    data = begin + INIT + SEGMENT.replace(b'"generation":3,', b"")
    assert index.decode(data) == (info(), LINES[:1], len(begin + INIT))
