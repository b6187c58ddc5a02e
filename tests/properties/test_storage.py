"""A kill at any moment costs a broadcast one part at most, and garbage never stops the storage from starting."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.local.mp4.reader import Defaults, read_defaults, whole_fragments
from providers.local.mp4.tracks import TrackKind
from providers.local.packager.events import Part
from providers.local.storage.broadcast import Broadcast
from providers.local.storage.disk import DiskBackend
from providers.local.storage.storage import Storage, StorageLimits
from tests.simulated_packager import UID, SimulatedPackager, fragment, info, media_size

LIMITS = StorageLimits(min_free=0)


def seconds(broadcast: Broadcast, kind: TrackKind) -> float:
    track = broadcast.tracks.get(("source", kind))
    return track.seconds if track else 0.0


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.tuples(st.sampled_from([0.5, 1.0, 2.0]), st.integers(1, 4)), min_size=1, max_size=6),
    restarts=st.sets(st.integers(0, 5)),
    kill=st.integers(0, 60),
    torn=st.integers(1, 200),
)
def test_a_kill_at_any_moment_loses_no_more_than_the_part_being_written(
    lengths: list[tuple[float, int]], restarts: set[int], kill: int, torn: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        storage = Storage(DiskBackend(Path(folder), sync=False), LIMITS)
        broadcast = storage.begin(info())
        packager = SimulatedPackager()
        events = []
        for number, (length, parts) in enumerate(lengths):
            if number in restarts and number:
                packager.restart(1.0)
            events += packager.segment(length, parts)
        taken = events[:kill]
        for event in taken:
            broadcast.write("source", event)
        written = {
            kind: sum(e.duration for e in taken if isinstance(e, Part) and e.track is kind) for kind in TrackKind
        }
        following = next((e for e in events[kill:] if isinstance(e, Part)), None)
        broadcast.suspend()
        if following is not None:
            # The write that the kill cut in two.
            file = Path(folder) / UID / f"source-{following.track}-{following.sequence}.m4s"
            with file.open("ab") as half:
                half.write(following.data[: min(torn, len(following.data) - 1)])
        with (Path(folder) / UID / "index.jsonl").open("ab") as half:
            half.write(b'{"is":"segm')

        (again,) = Storage(DiskBackend(Path(folder), sync=False), LIMITS).recover()

        for kind, scale in ((TrackKind.VIDEO, 90_000), (TrackKind.AUDIO, 48_000)):
            assert abs(seconds(again, kind) - written[kind] / scale) < 1e-6
        resume = again.resume("source")
        assert resume.decode_time >= max(seconds(again, kind) for kind in TrackKind) - 1e-6
        for event in SimulatedPackager(resume).segment():
            again.write("source", event)
        recording = again.finish(packager.wall)
        assert recording is not None
        assert recording.size == media_size(again.files)
        storage.close()


@settings(max_examples=60, deadline=None)
@given(victim=st.integers(0, 8), garbage=st.binary(max_size=300), cut=st.integers(0, 400))
def test_garbage_in_any_file_never_raises_out_of_recovery(victim: int, garbage: bytes, cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        storage = Storage(DiskBackend(Path(folder), sync=False), LIMITS)
        sound, broken = storage.begin(info("1" * 32)), storage.begin(info("2" * 32))
        for broadcast in (sound, broken):
            packager = SimulatedPackager()
            for event in [*packager.segment(), *packager.segment(), *packager.segment()][:-2]:
                broadcast.write("source", event)
            broadcast.suspend()
        files = sorted((Path(folder) / broken.info.uid).iterdir())
        file = files[victim % len(files)]
        file.write_bytes(file.read_bytes()[:cut] + garbage)

        found = storage.recover()

        assert sound.info.uid in [broadcast.info.uid for broadcast in found]
        for broadcast in found:
            broadcast.finish(packager.wall)
        storage.close()


@given(st.binary(max_size=400))
def test_reading_fragments_never_raises(garbage: bytes) -> None:
    whole_fragments(garbage, Defaults())
    read_defaults(garbage)


@given(
    st.lists(st.tuples(st.integers(0, 2**40), st.integers(1, 2**20), st.booleans(), st.integers(0, 50)), max_size=5),
    st.data(),
)
def test_of_cut_fragments_exactly_the_whole_ones_are_found(
    made: list[tuple[int, int, bool, int]], data: st.DataObject
) -> None:
    pieces = [fragment(*each) for each in made]
    whole = b"".join(pieces)
    cut = data.draw(st.integers(0, len(whole)))
    found = whole_fragments(whole[:cut], Defaults())
    fitting = [at for at in range(len(pieces)) if sum(map(len, pieces[: at + 1])) <= cut]
    assert [(each.decode_time, each.duration, each.independent) for each in found] == [made[at][:3] for at in fitting]
