"""The chunk stream: headers byte by byte, and chunks the specification does not allow."""

import pytest

from providers.local.rtmp.buffer import ReceiveBuffer
from providers.local.rtmp.chunk_reader import ChunkReader
from providers.local.rtmp.chunk_writer import ChunkWriter
from providers.local.rtmp.chunks import ChunkLimits, RtmpMessage
from providers.local.rtmp.errors import ChunkMalformed, LimitExceeded

VIDEO, AUDIO, DATA = 9, 8, 18


def read(data: str | bytes, limits: ChunkLimits | None = None) -> list[RtmpMessage]:
    """All whole messages in `data` (hex digits or bytes)."""
    buffer = ReceiveBuffer()
    reader = ChunkReader(buffer, limits or ChunkLimits())
    found = []

    def run():  # type: ignore[no-untyped-def]
        while True:
            found.append((yield from reader.message()))

    buffer.feed(bytes.fromhex(data) if isinstance(data, str) else data)
    next(run())
    return found


HEADER_0 = "04 00000a 000002 09 01000000 aabb"


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("04 000014 000001 08 01000000 cc", RtmpMessage(AUDIO, 1, 20, b"\xcc")),
        ("44 000005 000001 08 cc", RtmpMessage(AUDIO, 1, 15, b"\xcc")),
        ("84 000005 ccdd", RtmpMessage(VIDEO, 1, 15, b"\xcc\xdd")),
        ("c4 ccdd", RtmpMessage(VIDEO, 1, 20, b"\xcc\xdd")),
    ],
    ids=["type 0", "type 1", "type 2", "type 3"],
)
def test_a_header_leaves_out_what_the_one_before_said(second: str, message: RtmpMessage) -> None:
    assert read(HEADER_0 + second) == [RtmpMessage(VIDEO, 1, 10, b"\xaa\xbb"), message]


@pytest.mark.parametrize(
    "basic", ["04", "003c", "013c00", "01ffff"], ids=["one byte", "two bytes", "three bytes", "largest"]
)
def test_chunk_stream_ids_have_one_to_three_bytes(basic: str) -> None:
    assert read(basic + "00000a 000002 09 01000000 aabb") == [RtmpMessage(VIDEO, 1, 10, b"\xaa\xbb")]


def test_a_repeated_delta_after_a_type_2_header_adds_up() -> None:
    times = [message.timestamp for message in read(HEADER_0 + "84 000005 ccdd" + "c4 ccdd" + "c4 ccdd")]

    assert times == [10, 15, 20, 25]


def test_a_timestamp_above_24_bits_is_read_from_the_extended_field() -> None:
    assert read("04 ffffff 000001 09 01000000 01000000 aa") == [RtmpMessage(VIDEO, 1, 0x01000000, b"\xaa")]


def test_timestamps_wrap_at_32_bits() -> None:
    assert [m.timestamp for m in read("04 ffffff 000001 09 01000000 ffffffff aa" + "84 000002 bb")] == [0xFFFFFFFF, 1]


EXTENDED_128 = "04 ffffff 000084 09 01000000 01000000" + "aa" * 128


def test_chunks_that_go_on_repeat_the_extended_timestamp() -> None:
    (message,) = read(EXTENDED_128 + "c4 01000000 aaaaaaaa")

    assert message == RtmpMessage(VIDEO, 1, 0x01000000, b"\xaa" * 132)


def test_an_extended_timestamp_that_is_not_repeated_is_not_missed() -> None:
    (message,) = read(EXTENDED_128 + "c4 bbbbbbbb")

    assert message.payload == b"\xaa" * 128 + b"\xbb" * 4


def test_messages_of_several_chunk_streams_may_be_interleaved() -> None:
    video = "04 000001 000082 09 01000000" + "aa" * 128
    audio = "05 000002 000081 08 01000000" + "bb" * 128

    assert read(video + audio + "c4 aaaa" + "c5 bb") == [
        RtmpMessage(VIDEO, 1, 1, b"\xaa" * 130),
        RtmpMessage(AUDIO, 1, 2, b"\xbb" * 129),
    ]


def test_set_chunk_size_holds_from_the_next_chunk_on() -> None:
    data = "02 000000 000004 01 00000000 00001000" + "04 000001 000200 09 01000000" + "aa" * 512

    assert read(data) == [RtmpMessage(VIDEO, 1, 1, b"\xaa" * 512)]


def test_abort_drops_the_unfinished_message_and_the_stream_goes_on() -> None:
    begun = "04 000001 000082 09 01000000" + "aa" * 128
    abort = "02 000000 000004 02 00000000 00000004"

    assert read(begun + abort + "44 000001 000001 09 bb") == [RtmpMessage(VIDEO, 1, 2, b"\xbb")]


def test_an_empty_message_is_a_message() -> None:
    assert read("04 000001 000000 09 01000000") == [RtmpMessage(VIDEO, 1, 1, b"")]


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        ("44 00000a 000002 09 aabb", [RtmpMessage(VIDEO, 0, 10, b"\xaa\xbb")]),
        (
            "44 00000a 000002 09 aabb c4 ccdd",
            [RtmpMessage(VIDEO, 0, 10, b"\xaa\xbb"), RtmpMessage(VIDEO, 0, 20, b"\xcc\xdd")],
        ),
        ("42 000000 000004 03 00000005", [RtmpMessage(3, 0, 0, b"\0\0\0\5")]),
        ("44 ffffff 000001 08 01000000 aa", [RtmpMessage(AUDIO, 0, 0x01000000, b"\xaa")]),
        ("84 00000a" + "44 00000a 000001 08 aa", [RtmpMessage(AUDIO, 0, 20, b"\xaa")]),
        ("c4" + "44 00000a 000001 08 aa", [RtmpMessage(AUDIO, 0, 10, b"\xaa")]),
    ],
    ids=["type 1", "type 1, then type 3", "type 1, control", "type 1, extended", "type 2", "type 3"],
)
def test_a_chunk_stream_may_begin_with_any_header(data: str, messages: list[RtmpMessage]) -> None:
    assert read(data) == messages


@pytest.mark.parametrize("first", ["84 00000a", "c4"])
@pytest.mark.parametrize("second", ["84 00000a", "c4"])
def test_a_second_header_without_a_length_is_malformed(first: str, second: str) -> None:
    with pytest.raises(ChunkMalformed, match="none gave a length"):
        read(first + second)


def test_a_new_header_inside_a_message_is_malformed() -> None:
    with pytest.raises(ChunkMalformed, match="inside another"):
        read("04 000001 000082 09 01000000" + "aa" * 128 + "04")


@pytest.mark.parametrize("size", ["00000000", "80000000", "0000"])
def test_a_chunk_size_that_makes_no_sense_is_malformed(size: str) -> None:
    length = f"{len(size) // 2:06x}"
    with pytest.raises(ChunkMalformed):
        read(f"02 000000 {length} 01 00000000 {size}")


@pytest.mark.parametrize(
    ("header", "limit"),
    [
        ("04 000000 000401 09 01000000", "audio or video message size"),
        ("04 000000 000401 16 01000000", "audio or video message size"),
        ("04 000000 000101 14 00000000", "message size"),
        ("02 000000 ffffff 01 00000000", "message size"),
    ],
)
def test_a_message_above_its_limit_is_refused_at_its_header(header: str, limit: str) -> None:
    with pytest.raises(LimitExceeded) as caught:
        read(header, ChunkLimits(media_size=1024, message_size=256))

    assert caught.value.limit == limit


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        (0, 0),
        (0, 5),
        (7, 1000),
        (16, 10),
        (19, 300),
        (21, 10),
        (23, 10),
        (99, 10),
        (255, 0xFFFFFF),
        (18, 80_000),
        (15, 80_000),
    ],
)
def test_what_is_not_read_is_skipped_without_being_held(kind: int, size: int) -> None:
    """Unknown types and shared objects at any size, and data messages above the limit."""
    buffer = ReceiveBuffer()
    reader = ChunkReader(buffer, ChunkLimits(message_size=256, buffered=1024))
    parser, writer, found = reader.message(), ChunkWriter(), None
    audio = RtmpMessage(AUDIO, 1, 7, b"\xaa")
    data = writer.message(4, RtmpMessage(kind, 1, 0, bytes(size))) + writer.message(4, audio)
    for start in range(0, len(data), 100_000):
        buffer.feed(data[start : start + 100_000])
        reader.chunks = 0
        try:
            next(parser)
        except StopIteration as done:
            found = done.value
        assert reader.held == 0

    assert found == audio
    assert reader.skipped == {kind: 1}


def test_a_command_above_the_limit_is_skipped_only_where_it_is_not_needed() -> None:
    buffer = ReceiveBuffer()
    reader = ChunkReader(buffer, ChunkLimits(message_size=256))
    reader.skips_commands = True
    writer = ChunkWriter()
    buffer.feed(
        writer.message(3, RtmpMessage(20, 1, 0, bytes(1000))) + writer.message(4, RtmpMessage(AUDIO, 1, 7, b"\xaa"))
    )

    with pytest.raises(StopIteration) as done:
        next(reader.message())
    assert done.value.value == RtmpMessage(AUDIO, 1, 7, b"\xaa")


def test_a_skipped_message_is_interleaved_and_aborted_as_any_other() -> None:
    begun = "04 000001 000082 10 01000000" + "aa" * 128
    audio = "05 000002 000001 08 01000000 bb"
    abort = "02 000000 000004 02 00000000 00000004"

    assert read(begun + audio + "c4 aaaa" + begun + abort + "44 000001 000001 09 cc") == [
        RtmpMessage(AUDIO, 1, 2, b"\xbb"),
        RtmpMessage(VIDEO, 1, 2, b"\xcc"),
    ]


def test_more_chunk_streams_than_allowed_are_refused() -> None:
    openings = bytes.fromhex("".join(f"{number:02x} 000000 000000 09 01000000" for number in range(3, 7)))
    with pytest.raises(LimitExceeded, match="chunk streams: at most 3"):
        read(openings, ChunkLimits(chunk_streams=3))


def test_unfinished_messages_together_stay_below_a_limit() -> None:
    begun = "".join(f"{number:02x} 000000 000100 09 01000000" + "aa" * 128 for number in range(3, 8))
    with pytest.raises(LimitExceeded, match="bytes of unfinished messages: at most 512"):
        read(begun, ChunkLimits(buffered=512))


def test_finished_and_aborted_messages_do_not_count_as_unfinished() -> None:
    whole = "04 000000 000100 09 01000000" + "aa" * 128 + "c4" + "aa" * 128
    aborted = "05 000000 000100 09 01000000" + "aa" * 128 + "02 000000 000004 02 00000000 00000005"

    assert len(read((whole + aborted) * 5, ChunkLimits(buffered=512))) == 5


def test_the_writer_uses_the_shortest_header() -> None:
    writer = ChunkWriter()
    sent = [
        writer.message(4, RtmpMessage(VIDEO, 1, time, payload))
        for time, payload in [(10, b"aa"), (15, b"bb"), (20, b"cc"), (25, b"d"), (3, b"e")]
    ]

    assert [data[0] >> 6 for data in sent] == [0, 2, 3, 1, 0]


@pytest.mark.parametrize("chunk_stream_id", [3, 63, 64, 319, 320, 65599])
def test_what_the_writer_makes_the_reader_reads(chunk_stream_id: int) -> None:
    message = RtmpMessage(DATA, 1, 0xFFFFFF, b"x" * 1000)

    assert read(ChunkWriter().message(chunk_stream_id, message)) == [message]
