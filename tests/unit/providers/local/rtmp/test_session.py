"""The server session as transcripts: bytes in, events and bytes out."""

import pytest

from providers.local.rtmp import amf0
from providers.local.rtmp.errors import InvalidState, LimitExceeded, NotOffered, RtmpError
from providers.local.rtmp.events import Event, Media, PublishWanted, Unpublished
from providers.local.rtmp.messages import MAX_PARTS, Command, MessageType, SetChunkSize, UserControl, UserControlEvent
from providers.local.rtmp.session import CHUNK_SIZE, MAX_HELD, MAX_UNPUBLISHED, WINDOW_SIZE, RtmpSession
from providers.local.rtmp.states import ConnectionState, Move
from tests.unit.providers.local.rtmp.encoder import (
    AAC_HEADER,
    AVC_HEADER,
    FLASH_VERSION,
    HANDSHAKE,
    METADATA,
    Answers,
    Encoder,
)


@pytest.fixture
def encoder() -> Encoder:
    return Encoder()


@pytest.fixture
def session() -> RtmpSession:
    return RtmpSession()


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def publishing(session: RtmpSession, encoder: Encoder, answers: Answers) -> RtmpSession:
    """Return a session with an accepted publish and no pending events."""
    session.receive(encoder.opening())
    session.accept()
    session.events()
    answers.messages(session.data_to_send())
    return session


def test_connect_is_answered_with_window_bandwidth_chunk_size_and_success(
    session: RtmpSession, encoder: Encoder, answers: Answers
) -> None:
    session.receive(HANDSHAKE)
    session.receive(encoder.connect())
    raw = session.data_to_send()

    window, bandwidth, answer = answers.messages(raw)
    assert (window.type_id, bandwidth.type_id) == (MessageType.WINDOW_ACK_SIZE, MessageType.SET_PEER_BANDWIDTH)
    assert SetChunkSize(CHUNK_SIZE).serialize() in raw
    result = Command.parse(answer.payload)
    assert (result.name, result.transaction) == ("_result", 1.0)
    assert result.members(1)["code"] == "NetConnection.Connect.Success"
    assert "fourCcList" not in result.members(0)


def test_the_calls_of_obs_before_publish_are_answered_with_their_transactions(
    session: RtmpSession, encoder: Encoder, answers: Answers
) -> None:
    session.receive(HANDSHAKE)
    session.receive(encoder.connect())
    answers.messages(session.data_to_send())
    session.receive(encoder.publish("secret"))

    answers = [(command.name, command.transaction) for command in answers.commands(session.data_to_send())]
    assert answers == [("_result", 2.0), ("_result", 3.0), ("_result", 4.0)]


def test_a_publish_is_asked_for_and_waits(session: RtmpSession, encoder: Encoder) -> None:
    session.receive(encoder.opening("secret?ad=1"))

    assert session.events() == [PublishWanted("live", "secret", FLASH_VERSION)]
    assert session.state is ConnectionState.DECIDING


def test_an_accepted_publish_is_confirmed(session: RtmpSession, encoder: Encoder, answers: Answers) -> None:
    session.receive(encoder.opening())
    answers.messages(session.data_to_send())
    session.accept()

    assert answers.statuses(session.data_to_send()) == [("status", "NetStream.Publish.Start")]


def test_what_is_sent_before_the_answer_is_held_until_it(session: RtmpSession, encoder: Encoder) -> None:
    session.receive(encoder.opening() + encoder.audio(0, AAC_HEADER))
    session.receive(encoder.video(0, AVC_HEADER))
    assert len(session.events()) == 1

    session.accept()
    assert session.events() == [Media(MessageType.AUDIO, 0, AAC_HEADER), Media(MessageType.VIDEO, 0, AVC_HEADER)]


def test_only_so_much_is_held(session: RtmpSession, encoder: Encoder) -> None:
    session.receive(encoder.opening())
    with pytest.raises(LimitExceeded, match="before the publish was answered"):
        session.receive(bytes(MAX_HELD + 1))


def test_a_refused_publish_gets_the_reason_and_nothing_more(
    session: RtmpSession, encoder: Encoder, answers: Answers
) -> None:
    session.receive(encoder.opening())
    answers.messages(session.data_to_send())
    session.refuse("NetStream.Publish.BadName", "Wrong key.")
    answer = session.data_to_send()
    session.receive(b"\xff" * 100)

    (message,) = answers.messages(answer)
    status = Command.parse(message.payload)
    assert status.members(1) == {"level": "error", "code": "NetStream.Publish.BadName", "description": "Wrong key."}
    assert message.stream_id == 1
    assert session.data_to_send() == b""


def test_a_running_publish_can_be_refused(publishing: RtmpSession, answers: Answers) -> None:
    publishing.refuse("NetStream.Publish.Denied", "Use H.264.")

    assert answers.statuses(publishing.data_to_send()) == [("error", "NetStream.Publish.Denied")]
    assert publishing.state is ConnectionState.CLOSED


def test_media_comes_with_absolute_timestamps(publishing: RtmpSession, encoder: Encoder) -> None:
    times = [0, 33, 66, 0xFFFFFF, 0x01000000, 0xFFFFFFFF]
    for time in times:
        publishing.receive(encoder.video(time, AVC_HEADER))

    assert publishing.events() == [Media(MessageType.VIDEO, time, AVC_HEADER) for time in times]


def test_metadata_comes_without_its_wrapper(publishing: RtmpSession, encoder: Encoder) -> None:
    publishing.receive(encoder.metadata())

    (event,) = publishing.events()
    assert isinstance(event, Media)
    assert event.kind is MessageType.DATA
    assert amf0.decode(event.payload) == ["onMetaData", METADATA]


def aggregate(*parts: tuple[int, int, bytes], back_pointer: bool = True) -> bytes:
    """Return the body of an aggregate message (§7.1.6) with these parts: type, time, payload."""
    body = b""
    for kind, time, payload in parts:
        stamp = (time & 0xFFFFFF).to_bytes(3, "big") + bytes([time >> 24])
        body += bytes([kind]) + len(payload).to_bytes(3, "big") + stamp + bytes(3) + payload
        body += (11 + len(payload)).to_bytes(4, "big")
    return body if back_pointer else body[:-4]


@pytest.mark.parametrize("back_pointer", [True, False], ids=["whole", "without the last back pointer"])
def test_an_aggregate_message_is_split(publishing: RtmpSession, encoder: Encoder, back_pointer: bool) -> None:
    script = amf0.encode("onMetaData", METADATA)
    body = aggregate((18, 900, script), (8, 900, AAC_HEADER), (9, 940, AVC_HEADER), back_pointer=back_pointer)
    publishing.receive(encoder.message(6, MessageType.AGGREGATE, body, timestamp=5000, stream_id=1))

    assert publishing.events() == [
        Media(MessageType.DATA, 5000, script),
        Media(MessageType.AUDIO, 5000, AAC_HEADER),
        Media(MessageType.VIDEO, 5040, AVC_HEADER),
    ]
    assert not publishing.skipped


def test_times_in_an_aggregate_message_have_32_bits_and_wrap(publishing: RtmpSession, encoder: Encoder) -> None:
    parts = [(8, time, AAC_HEADER) for time in (0x01000000, 0x01000010)]
    publishing.receive(encoder.message(6, MessageType.AGGREGATE, aggregate(*parts), timestamp=0xFFFFFFF8))

    assert [event.timestamp for event in publishing.events() if isinstance(event, Media)] == [0xFFFFFFF8, 8]


def test_an_incomplete_part_of_an_aggregate_message_is_left_out(publishing: RtmpSession, encoder: Encoder) -> None:
    body = aggregate((8, 0, AAC_HEADER), (20, 0, b"command"), (9, 10, AVC_HEADER))[:-6]
    publishing.receive(encoder.message(6, MessageType.AGGREGATE, body))

    assert publishing.events() == [Media(MessageType.AUDIO, 0, AAC_HEADER)]
    assert publishing.skipped == {20: 1, MessageType.AGGREGATE: 1}


def test_parts_of_an_aggregate_message_are_limited(publishing: RtmpSession, encoder: Encoder) -> None:
    parts = [(8, 0, b"")] * (MAX_PARTS + 1)
    with pytest.raises(LimitExceeded, match="messages in an aggregate message"):
        publishing.receive(encoder.message(6, MessageType.AGGREGATE, aggregate(*parts)))


NEWS = amf0.encode("onMetaData", METADATA)


@pytest.mark.parametrize("wrapper", [b"", b"\0"], ids=["bare", "with its first byte"])
def test_a_data_message_of_amf3_with_amf0_inside_is_read(
    publishing: RtmpSession, encoder: Encoder, wrapper: bytes
) -> None:
    publishing.receive(encoder.message(5, MessageType.DATA_AMF3, wrapper + NEWS))

    assert publishing.events() == [Media(MessageType.DATA, 0, NEWS)]


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        pytest.param(MessageType.DATA, bytes(80_000), id="a data message above the limit"),
        pytest.param(MessageType.DATA_AMF3, bytes(80_000), id="an AMF3 data message above the limit"),
        pytest.param(MessageType.DATA_AMF3, b"\0\x11\x0a\x0b\x01", id="real AMF3 data"),
        pytest.param(MessageType.COMMAND, bytes(80_000), id="a command above the limit"),
        pytest.param(MessageType.COMMAND, b"\x0c", id="a command that cannot be read"),
        pytest.param(MessageType.COMMAND, amf0.encode(7.0), id="a command without a name"),
        pytest.param(MessageType.COMMAND, b"\x0a\x00\x00\x00\x01" * 40, id="a command that is nested too deeply"),
        pytest.param(MessageType.COMMAND_AMF3, b"\0\x11\x06\x03a", id="an AMF3 command"),
        pytest.param(MessageType.USER_CONTROL, b"\0", id="a user control message without an event"),
        pytest.param(MessageType.WINDOW_ACK_SIZE, b"\0\0", id="a short window size"),
        pytest.param(16, b"shared object", id="a shared object of AMF3"),
        pytest.param(19, b"shared object", id="a shared object"),
        pytest.param(99, bytes(200_000), id="an unknown type"),
    ],
)
def test_what_need_not_be_understood_does_not_end_a_publish(
    publishing: RtmpSession, encoder: Encoder, kind: int, payload: bytes
) -> None:
    publishing.receive(encoder.message(5, kind, payload) + encoder.video(7, AVC_HEADER))

    assert publishing.events() == [Media(MessageType.VIDEO, 7, AVC_HEADER)]
    assert publishing.skipped == {kind: 1}


def test_a_publisher_is_sent_the_reason_of_an_error(
    publishing: RtmpSession, encoder: Encoder, answers: Answers
) -> None:
    with pytest.raises(InvalidState):
        publishing.receive(encoder.command("connect", 8.0, {}))

    (status,) = answers.commands(publishing.data_to_send())
    assert status.members(1)["code"] == "NetStream.Publish.Failed"
    assert "connect is not allowed in state publishing" in str(status.members(1)["description"])


def test_a_connect_above_the_limit_is_an_error(session: RtmpSession, encoder: Encoder) -> None:
    session.receive(HANDSHAKE)
    with pytest.raises(LimitExceeded, match="message size"):
        session.receive(encoder.connect(pageUrl="x" * 80_000))


def test_a_good_bye_ends_the_publish_once(publishing: RtmpSession, encoder: Encoder, answers: Answers) -> None:
    publishing.receive(encoder.unpublish("secret"))

    assert publishing.events() == [Unpublished()]
    assert answers.statuses(publishing.data_to_send()) == [("status", "NetStream.Unpublish.Success")]


def test_after_a_good_bye_the_encoder_may_publish_again(publishing: RtmpSession, encoder: Encoder) -> None:
    publishing.receive(encoder.unpublish("secret"))
    publishing.events()
    publishing.receive(encoder.publish("other"))

    assert publishing.events() == [PublishWanted("live", "other", FLASH_VERSION)]


def test_a_ping_is_answered_with_its_own_data(publishing: RtmpSession, encoder: Encoder, answers: Answers) -> None:
    publishing.receive(encoder.message(2, MessageType.USER_CONTROL, b"\x00\x06abcd"))

    assert [message.payload for message in answers.messages(publishing.data_to_send())] == [b"\x00\x07abcd"]


def test_bytes_are_acknowledged_once_a_window(publishing: RtmpSession, encoder: Encoder, answers: Answers) -> None:
    video = encoder.video(0, bytes(WINDOW_SIZE))
    publishing.receive(video)
    (acknowledgement,) = answers.messages(publishing.data_to_send())
    publishing.receive(encoder.audio(0, AAC_HEADER))

    assert acknowledgement.type_id == MessageType.ACKNOWLEDGEMENT
    assert int.from_bytes(acknowledgement.payload, "big") == len(Encoder().opening()) + len(video)
    assert publishing.data_to_send() == b""


def test_the_encoder_may_ask_for_a_smaller_window(publishing: RtmpSession, encoder: Encoder, answers: Answers) -> None:
    publishing.receive(encoder.message(2, MessageType.WINDOW_ACK_SIZE, (8192).to_bytes(4, "big")))
    answers.messages(publishing.data_to_send())
    publishing.receive(encoder.video(0, bytes(8192)))

    assert [message.type_id for message in answers.messages(publishing.data_to_send())] == [MessageType.ACKNOWLEDGEMENT]


def test_an_unknown_call_is_answered_with_an_error(publishing: RtmpSession, encoder: Encoder, answers: Answers) -> None:
    publishing.receive(encoder.command("getStreamLength", 9.0, None, "x"))

    (error,) = answers.commands(publishing.data_to_send())
    assert (error.name, error.transaction) == ("_error", 9.0)
    assert error.members(1)["code"] == "NetConnection.Call.Failed"


@pytest.mark.parametrize(("name", "transaction"), [("onBWDone", 0.0), ("_error", 9.0), ("_result", 9.0)])
def test_notices_and_answers_are_not_answered(
    publishing: RtmpSession, encoder: Encoder, name: str, transaction: float
) -> None:
    publishing.receive(encoder.command(name, transaction, None))

    assert publishing.data_to_send() == b""


def test_playing_is_refused_clearly(session: RtmpSession, encoder: Encoder, answers: Answers) -> None:
    session.receive(HANDSHAKE)
    session.receive(encoder.connect() + encoder.command("createStream", 2.0, None))
    answers.messages(session.data_to_send())
    with pytest.raises(NotOffered):
        session.receive(encoder.command("play", 3.0, None, "secret", stream_id=1))

    assert answers.statuses(session.data_to_send()) == [("error", "NetStream.Play.Failed")]


def test_what_came_before_an_error_is_not_lost(publishing: RtmpSession, encoder: Encoder) -> None:
    with pytest.raises(RtmpError):
        publishing.receive(encoder.video(7, AVC_HEADER) + encoder.command("connect", 8.0, {}))

    assert publishing.events() == [Media(MessageType.VIDEO, 7, AVC_HEADER)]


def test_media_before_a_publish_is_illegal(session: RtmpSession, encoder: Encoder) -> None:
    session.receive(HANDSHAKE)
    with pytest.raises(InvalidState) as caught:
        session.receive(encoder.connect() + encoder.video(0, AVC_HEADER))

    assert (caught.value.state, caught.value.move) == (ConnectionState.IDLE, Move.MEDIA)


def test_an_unknown_peer_cannot_send_a_large_message(session: RtmpSession, encoder: Encoder) -> None:
    session.receive(HANDSHAKE)
    with pytest.raises(LimitExceeded):
        session.receive(encoder.connect() + encoder.video(0, bytes(100_000)))


def test_message_streams_are_limited(publishing: RtmpSession, encoder: Encoder) -> None:
    with pytest.raises(LimitExceeded, match="message streams"):
        publishing.receive(b"".join(encoder.command("createStream", 9.0, None) for _ in range(9)))


def test_events_of_a_whole_obs_publish(session: RtmpSession, encoder: Encoder) -> None:
    seen: list[Event] = []
    for piece in (
        encoder.opening(),
        encoder.metadata() + encoder.audio(0, AAC_HEADER) + encoder.video(0, AVC_HEADER),
        encoder.video(0, b"\x17\x01" + bytes(9000)) + encoder.audio(5, b"\xaf\x01" + bytes(300)),
        encoder.unpublish("secret"),
    ):
        session.receive(piece)
        seen += session.events()
        if session.state is ConnectionState.DECIDING:
            session.accept()

    assert [type(event) for event in seen] == [PublishWanted] + [Media] * 5 + [Unpublished]


PING = UserControl(UserControlEvent.PING_REQUEST, bytes(4))


def test_a_peer_that_does_not_publish_cannot_send_without_limit(session: RtmpSession, encoder: Encoder) -> None:
    session.receive(HANDSHAKE + encoder.connect())
    with pytest.raises(LimitExceeded, match="bytes without a publish"):
        for _ in range(MAX_UNPUBLISHED // 1000):
            session.receive(encoder.message(3, 99, bytes(1000)))
    assert session.state is ConnectionState.CLOSED


def test_bytes_that_wait_for_the_answer_do_not_count_as_unpublished(session: RtmpSession, encoder: Encoder) -> None:
    session.receive(encoder.opening())
    session.receive(b"".join(encoder.video(time, bytes(1000)) for time in range(200)))
    session.accept()
    assert len(session.events()) == 1 + 200


def test_a_read_of_tiny_messages_closes_the_session(publishing: RtmpSession, encoder: Encoder) -> None:
    """Parsing it would block the event loop for seconds."""
    with pytest.raises(LimitExceeded, match="chunks in one read"):
        publishing.receive(b"".join(encoder.audio(0, b"") for _ in range(9_000)))
    assert len(publishing.events()) < 9_000


def test_tiny_messages_in_many_reads_are_accepted(publishing: RtmpSession, encoder: Encoder) -> None:
    for _ in range(9_000):
        publishing.receive(encoder.audio(0, b""))
    assert len(publishing.events()) == 9_000


def test_commands_count_more_towards_the_limit_of_a_read(publishing: RtmpSession, encoder: Encoder) -> None:
    pings = [encoder.message(2, PING.type_id, PING.serialize()) for _ in range(300)]
    publishing.receive(b"".join(pings[:100]))
    with pytest.raises(LimitExceeded, match="chunks in one read"):
        publishing.receive(b"".join(pings))
