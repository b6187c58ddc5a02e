"""RTMP for all inputs: how bytes are cut does not matter, what is serialized is parsed, and garbage is only ever an RtmpError."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.local.rtmp import amf0
from providers.local.rtmp.buffer import ReceiveBuffer
from providers.local.rtmp.chunk_reader import ChunkReader
from providers.local.rtmp.chunk_writer import ChunkWriter
from providers.local.rtmp.chunks import ChunkLimits, RtmpMessage
from providers.local.rtmp.errors import RtmpError
from providers.local.rtmp.events import Event
from providers.local.rtmp.session import RtmpSession
from providers.local.rtmp.states import ConnectionState
from tests.unit.providers.local.rtmp.encoder import AAC_HEADER, AVC_HEADER, HANDSHAKE, Encoder

SMALL = ChunkLimits(media_size=4096, message_size=2048, chunk_streams=4, buffered=6000)

stamps = st.one_of(st.integers(0, 2**32 - 1), st.sampled_from([0, 0xFFFFFE, 0xFFFFFF, 0x1000000, 0xFFFFFFFF]))
payloads = st.one_of(st.binary(max_size=8), st.integers(0, 1500).map(bytes))
media = st.builds(RtmpMessage, st.sampled_from([8, 9, 18]), st.integers(0, 3), stamps, payloads)
chunk_stream_ids = st.sampled_from([3, 63, 64, 319, 320, 65599])
cuts = st.lists(st.integers(1, 700), min_size=1, max_size=30)


def pieces(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    """Yield `data` cut into pieces of these sizes, used in a loop."""
    position = index = 0
    while position < len(data):
        size = sizes[index % len(sizes)]
        yield data[position : position + size]
        position, index = position + size, index + 1


class Reading:
    """A chunk reader and all it has read."""

    def __init__(self, limits: ChunkLimits) -> None:
        self.buffer = ReceiveBuffer()
        self.reader = ChunkReader(self.buffer, limits)
        self.messages: list[RtmpMessage] = []
        self._parser = self._run()

    def feed(self, data: bytes) -> None:
        self.buffer.feed(data)
        next(self._parser)

    def _run(self) -> Iterator[None]:
        while True:
            message = yield from self.reader.message()
            self.messages.append(message)


@given(st.lists(st.tuples(chunk_stream_ids, media), max_size=12), st.integers(1, 300), cuts)
def test_messages_sent_in_a_row_are_read_as_they_were(
    sent: list[tuple[int, RtmpMessage]], chunk_size: int, sizes: list[int]
) -> None:
    writer = ChunkWriter()
    data = writer.message(2, RtmpMessage(1, 0, 0, chunk_size.to_bytes(4, "big")))
    data += b"".join(writer.message(number, message) for number, message in sent)
    reading = Reading(ChunkLimits())
    for piece in pieces(data, sizes):
        reading.feed(piece)

    assert reading.messages == [message for _, message in sent]


@given(st.dictionaries(chunk_stream_ids, st.lists(media, min_size=1, max_size=4)), st.randoms(use_true_random=False))
def test_interleaved_messages_are_read_as_they_were(sent: dict[int, list[RtmpMessage]], random: Random) -> None:
    writer = ChunkWriter()

    def all_chunks(number: int) -> Iterator[bytes]:
        for message in sent[number]:
            yield from writer.chunks(number, message)

    running = {number: all_chunks(number) for number in sent}
    reading = Reading(ChunkLimits())
    while running:
        number = random.choice(sorted(running))
        if (chunk := next(running[number], None)) is None:
            del running[number]
        else:
            reading.feed(chunk)

    assert sorted(reading.messages) == sorted(message for row in sent.values() for message in row)


def converse(data: bytes, sizes: list[int]) -> tuple[list[Event], bytes, str]:
    """Return the events, answers and error of a session that accepts every publish, fed `data` in such pieces."""
    session, seen, said, error = RtmpSession(), [], b"", ""

    def drain() -> None:
        nonlocal said
        said += session.data_to_send()
        seen.extend(session.events())

    for piece in pieces(data, sizes):
        try:
            session.receive(piece)
            drain()
            while session.state is ConnectionState.DECIDING:
                session.accept()
                drain()
        except RtmpError as problem:
            drain()
            error = repr(problem)
            break
    return seen, said, error


def transcript(frames: list[tuple[bool, int, int]], tail: bytes) -> bytes:
    """Return a push as OBS does it, and something after it."""
    encoder = Encoder()
    data = encoder.opening() + encoder.metadata() + encoder.audio(0, AAC_HEADER) + encoder.video(0, AVC_HEADER)
    for is_video, time, size in frames:
        data += (encoder.video if is_video else encoder.audio)(time, bytes(size))
    return data + encoder.unpublish("secret") + tail


frames = st.lists(st.tuples(st.booleans(), stamps, st.integers(1, 9000)), max_size=6)


@settings(max_examples=60)
@given(frames, st.binary(max_size=40), cuts)
def test_any_cutting_of_the_same_bytes_gives_the_same_events_answers_and_error(
    sent: list[tuple[bool, int, int]], tail: bytes, sizes: list[int]
) -> None:
    data = transcript(sent, tail)

    assert converse(data, sizes) == converse(data, [len(data)])


@given(st.binary(max_size=3000), cuts)
def test_garbage_in_place_of_a_handshake_is_an_rtmp_error_or_waits(garbage: bytes, sizes: list[int]) -> None:
    converse(garbage, sizes)


@given(st.binary(max_size=3000), cuts)
def test_garbage_after_the_handshake_is_an_rtmp_error_or_waits(garbage: bytes, sizes: list[int]) -> None:
    converse(HANDSHAKE + garbage, sizes)


@given(st.sampled_from([2, 3, 4, 5, 6, 8, 9, 15, 17, 18, 20, 22, 99]), st.binary(max_size=300))
def test_a_message_full_of_garbage_is_an_rtmp_error_or_passes(kind: int, garbage: bytes) -> None:
    encoder = Encoder()
    data = encoder.opening() + encoder.message(5, kind, garbage)

    converse(data, [len(data)])


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x03, 0x04, 0x44, 0x84, 0xC4, 0x05, 0xC5, 0x06, 0x07, 0x08]), st.binary(max_size=60)
        ),
        max_size=60,
    )
)
def test_no_reader_holds_more_than_its_limits(chunks: list[tuple[int, bytes]]) -> None:
    reading = Reading(SMALL)
    try:
        for basic, rest in chunks:
            reading.feed(bytes([basic]) + rest)
            assert reading.reader.chunk_streams <= SMALL.chunk_streams
            assert reading.reader.held <= SMALL.buffered
    except RtmpError:
        pass


values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.floats(allow_nan=False),
        st.text(max_size=20),
        st.just(amf0.UNDEFINED),
        st.builds(amf0.Date, st.floats(allow_nan=False), st.integers(-720, 720)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(max_size=5), inner, max_size=4),
        st.dictionaries(st.text(max_size=5), inner, max_size=4).map(amf0.EcmaArray),
    ),
    max_leaves=20,
)


@given(st.lists(values, max_size=5))
def test_decoding_what_was_encoded_gives_the_same_values(row: list[amf0.Value]) -> None:
    assert amf0.decode(amf0.encode(*row)) == row


@given(st.binary(max_size=400))
def test_bytes_that_are_not_amf_raise_only_the_protocols_error(garbage: bytes) -> None:
    try:
        amf0.decode(garbage)
    except RtmpError:
        pass


@given(
    st.lists(
        st.sampled_from(
            [b"\x03\x00\x01a", b"\x0a\x00\x00\x00\x02", b"\x08\xff\xff\xff\xff\x00\x00", b"\x05", b"\x02\x00\x00"]
        ),
        max_size=3000,
    )
)
@settings(max_examples=30)
def test_an_amf_bomb_raises_only_the_protocols_error(parts: list[bytes]) -> None:
    try:
        amf0.decode(b"".join(parts))
    except RtmpError:
        pass
