"""The server's side of an RTMP connection, without I/O: bytes in, events and bytes out (specification 1.0, §7.2; Enhanced RTMP).

Feed received bytes with `receive`. After every call of any method, read `data_to_send` and `events`, in this order. The session
asks one question, `PublishWanted`. Until it is answered with `accept` or `refuse`, the session buffers what it receives.

An error closes the session: output and events from before it can still be read, later bytes are dropped. A publisher is sent the
reason first. Messages of a publisher that a server need not understand (unknown types, oversized data messages, malformed commands)
are skipped and counted in `skipped`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import replace

from providers.local.rtmp import amf0
from providers.local.rtmp.buffer import ReceiveBuffer
from providers.local.rtmp.chunk_reader import ChunkReader
from providers.local.rtmp.chunk_writer import ChunkWriter
from providers.local.rtmp.chunks import ChunkLimits, RtmpMessage
from providers.local.rtmp.errors import (
    AmfLimitExceeded,
    AmfMalformed,
    LimitExceeded,
    MessageMalformed,
    NotOffered,
    RtmpError,
)
from providers.local.rtmp.events import Event, Media, PublishWanted, Unpublished, publish_target
from providers.local.rtmp.handshake import server_handshake
from providers.local.rtmp.messages import (
    Acknowledgement,
    Body,
    Command,
    MessageType,
    PeerBandwidthLimit,
    SetChunkSize,
    SetPeerBandwidth,
    UserControl,
    UserControlEvent,
    WindowAckSize,
    command_of,
    parts_of,
    script_of,
)
from providers.local.rtmp.states import ConnectionState, Move, after

CHUNK_SIZE = 65536
"""The chunk size we announce, in bytes. ffmpeg adopts it for sending, so that most frames arrive in one chunk; OBS, librtmp and
GStreamer accept it and keep their own. A larger one gains nothing: few messages are larger."""

WINDOW_SIZE = 2_500_000
"""Bytes that either side may send between two acknowledgements, until the peer asks for another number."""

MIN_WINDOW_SIZE = 4096
"""The smallest window in bytes: a peer cannot make us acknowledge every byte."""

MAX_HELD = 512 * 1024
"""Bytes buffered while the publish is decided. The caller should stop reading then; one read may be under way."""

MAX_STREAMS = 8
"""The most createStream calls in one connection."""

MAX_UNPUBLISHED = 128 * 1024
"""Bytes parsed while no publish runs or waits: encoders send a tenth of it, and anyone can send costly small messages."""

UNPUBLISHED_PIECE = 4096
"""Bytes parsed at once while no publish runs, so that the limit holds within one read, too."""

COMMAND_WEIGHT = 32
"""A command or control message takes as long as this many chunks of media, and counts as many towards `ChunkLimits.chunks`."""

UNPUBLISHED_MEDIA_SIZE = 64 * 1024
"""The largest audio or video message in bytes before a publish is accepted: an unknown peer cannot make us buffer more."""

MAX_ENCODER_LENGTH = 128
"""Characters of flashVer that are kept."""

_CONTROL_CHUNK_STREAM, _COMMAND_CHUNK_STREAM = 2, 3

_UNPUBLISHED = frozenset({ConnectionState.HANDSHAKING, ConnectionState.CONNECTING, ConnectionState.IDLE})
_PUBLISHING = ConnectionState.PUBLISHING  # for every message: on the enumeration each look-up is a call (Python 3.11)
_AUDIO_VIDEO = {int(kind): kind for kind in (MessageType.AUDIO, MessageType.VIDEO)}


class RtmpSession:
    """One RTMP connection, from its handshake to its end. `state` is its connection state."""

    def __init__(self, limits: ChunkLimits | None = None) -> None:
        """Wait for the peer's handshake.

        Args:
            limits: The limits while a publish runs, sizes in bytes; None for the defaults. Before, media messages may have
                UNPUBLISHED_MEDIA_SIZE bytes.
        """
        self.state = ConnectionState.HANDSHAKING
        self._limits = limits or ChunkLimits()
        self._buffer = ReceiveBuffer()
        self._reader = ChunkReader(self._buffer, replace(self._limits, media_size=UNPUBLISHED_MEDIA_SIZE))
        self._writer = ChunkWriter()
        self._output: list[bytes] = []
        self._events: list[Event] = []
        self._received = self._acknowledged = self._unpublished = 0
        self._window = WINDOW_SIZE
        self._app = self._encoder = ""
        self._streams = self._publishing = 0
        self._parser = self._run()

    @property
    def skipped(self) -> Counter[int]:
        """The number of skipped messages, by type id (at most 256 ids)."""
        return self._reader.skipped

    def receive(self, data: bytes) -> None:
        """Handle received bytes.

        Args:
            data: Any number of bytes, cut anywhere.

        Raises:
            RtmpError: The peer broke the protocol or a limit. The session is closed.
        """
        self._reader.chunks = 0
        while data and self.state in _UNPUBLISHED:
            piece, data = data[:UNPUBLISHED_PIECE], data[UNPUBLISHED_PIECE:]
            self._unpublished += len(piece)
            self._feed(piece)
            if self._unpublished > MAX_UNPUBLISHED:
                self.discard()
                raise LimitExceeded("bytes without a publish", MAX_UNPUBLISHED)
        if data and self.state is not ConnectionState.CLOSED:
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        self._buffer.feed(data)
        self._received += len(data)
        self._parse()

    def events(self) -> list[Event]:
        """Return the events since the last call.

        Returns:
            The events in the order in which they happened.
        """
        events, self._events = self._events, []
        return events

    def data_to_send(self) -> bytes:
        """Return the bytes to send since the last call.

        Returns:
            The bytes for the peer; empty when there is nothing to send.
        """
        if not self._output:
            return b""
        data = b"".join(self._output)
        self._output.clear()
        return data

    def accept(self) -> None:
        """Accept the publish, and parse what was buffered meanwhile.

        Raises:
            InvalidState: No publish waits for an answer.
            RtmpError: As for `receive`.
        """
        self._move(Move.ACCEPT)
        self._reader.limits = self._limits
        self._reader.skips_commands = True
        self._unpublished = 0
        self._user_control(UserControlEvent.STREAM_BEGIN, self._publishing)
        self._on_status("status", "NetStream.Publish.Start", "Publishing.")
        self._parse()

    def refuse(self, code: str, description: str) -> None:
        """Refuse the publish, before it begins or while it runs (§7.2.2): send an onStatus error, then nothing more.

        Args:
            code: The onStatus code, such as NetStream.Publish.Denied.
            description: A sentence for the streamer.

        Raises:
            InvalidState: There is no publish to refuse.
        """
        # First: an answer that is not allowed now must send nothing.
        self._move(Move.REFUSE)
        self._on_status("error", code, description)
        self._buffer.clear()

    def discard(self) -> None:
        """Release everything: the connection is closed. Safe to call twice.

        Otherwise session and parser would reference each other until the next garbage collection.
        """
        self.state = ConnectionState.CLOSED
        self._buffer.clear()
        self._parser.close()

    def _parse(self) -> None:
        try:
            next(self._parser)
        except RtmpError as error:
            if self.state in (ConnectionState.DECIDING, ConnectionState.PUBLISHING):
                self._on_status("error", "NetStream.Publish.Failed", f"RTMP protocol error: {error}.")
            self.state = ConnectionState.CLOSED
            self._buffer.clear()
            raise
        # §5.4.3: an acknowledgement is due after each window; a peer may wait for it before it goes on.
        if self._received - self._acknowledged >= self._window:
            self._acknowledged = self._received
            # The sequence number is 32 bits long and wraps after 4 GiB, which is an hour at 10 Mbit/s.
            self._control(Acknowledgement(self._received & 0xFFFFFFFF))

    def _run(self) -> Generator[None, None, None]:
        """Parse the whole connection, waiting for bytes and, once for each publish, for the answer."""
        yield from server_handshake(self._buffer, self._output.append)
        self._move(Move.SHAKE_HANDS)
        while True:
            message = yield from self._reader.message()
            if (media := _AUDIO_VIDEO.get(message.type_id)) is not None:  # all but a few messages of a connection
                self._media(media, message.timestamp, message.payload)
                continue
            self._handle_tolerantly(message)
            while self.state is ConnectionState.DECIDING:
                # Nothing is parsed here: a Set Chunk Size of the next message must not take effect before it is its turn.
                if len(self._buffer) > MAX_HELD:
                    raise LimitExceeded("bytes sent before the publish was answered", MAX_HELD)
                yield

    def _move(self, move: Move) -> None:
        self.state = after(self.state, move)

    def _handle_tolerantly(self, message: RtmpMessage) -> None:
        """Handle a message other than audio or video. A malformed one is skipped while a publish runs."""
        publishing = self.state is ConnectionState.PUBLISHING
        try:
            self._handle(message)
        except (AmfMalformed, MessageMalformed, AmfLimitExceeded):
            if not publishing:
                raise
            self.skipped[message.type_id] += 1

    def _handle(self, message: RtmpMessage) -> None:
        self._reader.chunks += COMMAND_WEIGHT
        match message.type_id:
            case MessageType.DATA | MessageType.DATA_AMF3:
                if (script := script_of(message)) is None:
                    self.skipped[message.type_id] += 1
                else:
                    self._media(MessageType.DATA, message.timestamp, script)
            case MessageType.AGGREGATE:
                self._aggregate(message)
            case MessageType.COMMAND | MessageType.COMMAND_AMF3:
                self._command(command_of(message), message.stream_id)
            case MessageType.USER_CONTROL:
                control = UserControl.parse(message.payload)
                if control.event == UserControlEvent.PING_REQUEST:
                    # The answer returns the timestamp of the request (§7.1.7).
                    self._control(UserControl(UserControlEvent.PING_RESPONSE, control.data[:4]))
            case MessageType.WINDOW_ACK_SIZE:
                self._window = max(MIN_WINDOW_SIZE, WindowAckSize.parse(message.payload).value)

    def _aggregate(self, aggregate: RtmpMessage) -> None:
        parts, whole = parts_of(aggregate)
        self._reader.chunks += len(parts)
        for part in parts:
            if (media := _AUDIO_VIDEO.get(part.type_id)) is not None:
                self._media(media, part.timestamp, part.payload)
            elif part.type_id in (MessageType.DATA, MessageType.DATA_AMF3):
                self._handle(part)
            else:
                self.skipped[part.type_id] += 1
        if not whole:
            self.skipped[aggregate.type_id] += 1

    def _media(self, kind: MessageType, timestamp: int, payload: bytes) -> None:
        if self.state is not _PUBLISHING:
            self._move(Move.MEDIA)
        self._events.append(Media(kind, timestamp, payload))

    def _command(self, command: Command, stream_id: int) -> None:
        match command.name:
            case "connect":
                self._connect(command)
            case "createStream":
                self._create_stream(command)
            case "publish":
                self._publish(command, stream_id)
            case "FCUnpublish" | "deleteStream" | "closeStream":
                self._unpublish()
            case "releaseStream" | "FCPublish":
                self._send(Command("_result", command.transaction, [None, amf0.UNDEFINED]))
            case "play" | "play2" | "pause" | "seek":
                self._on_status(
                    "error",
                    "NetStream.Play.Failed",
                    "Playback over RTMP is not supported; this server only accepts publishing.",
                )
                raise NotOffered(command.name)
            case "_result" | "_error" | "onStatus":
                pass  # answers are never answered
            case _:
                self._unknown(command)

    def _connect(self, command: Command) -> None:
        """§7.2.1.1. Enhanced RTMP's fourCcList is not echoed: that would promise codecs (enhanced-rtmp v1, "connect")."""
        self._move(Move.CONNECT)
        properties = command.members(0)
        app, encoder = properties.get("app"), properties.get("flashVer")
        self._app = app if isinstance(app, str) else ""
        self._encoder = encoder[:MAX_ENCODER_LENGTH] if isinstance(encoder, str) else ""
        self._control(WindowAckSize(WINDOW_SIZE))
        self._control(SetPeerBandwidth(WINDOW_SIZE, PeerBandwidthLimit.DYNAMIC))
        self._control(SetChunkSize(CHUNK_SIZE))
        status = _status("status", "NetConnection.Connect.Success", "Connection succeeded.")
        server: dict[str, amf0.Value] = {"fmsVer": "FMS/3,0,1,123", "capabilities": 31.0}
        self._send(Command("_result", command.transaction, [server, status | {"objectEncoding": 0.0}]))

    def _create_stream(self, command: Command) -> None:
        """§7.2.1.3."""
        self._move(Move.CREATE_STREAM)
        if self._streams >= MAX_STREAMS:
            raise LimitExceeded("message streams", MAX_STREAMS)
        # The ids are only handed out: media is told apart by its connection, which has one publish at a time.
        self._streams += 1
        self._send(Command("_result", command.transaction, [None, float(self._streams)]))

    def _publish(self, command: Command, stream_id: int) -> None:
        """§7.2.2.6: null, the name, and the kind of publish, which is "live" for all encoders."""
        self._move(Move.PUBLISH)
        # The message stream of the command (§7.2.2): the encoder waits for onStatus there.
        self._publishing = stream_id
        app, name = publish_target(self._app, command.text(1))
        self._events.append(PublishWanted(app, name, self._encoder))

    def _unpublish(self) -> None:
        """End the publish. Encoders send two or three of these commands in a row; the first one counts."""
        if self.state is not ConnectionState.PUBLISHING:
            return
        self._on_status("status", "NetStream.Unpublish.Success", "The publish has ended.")
        self._move(Move.UNPUBLISH)
        self._reader.skips_commands = False
        self._events.append(Unpublished())

    def _unknown(self, command: Command) -> None:
        """Answer a call that waits for an answer with an error (§7.2.1.2); ignore a notification."""
        if command.transaction:
            status = _status("error", "NetConnection.Call.Failed", "Unknown command.")
            self._send(Command("_error", command.transaction, [None, status]))

    def _on_status(self, level: str, code: str, description: str) -> None:
        self._send(Command("onStatus", 0.0, [None, _status(level, code, description)]), self._publishing)

    def _user_control(self, event: UserControlEvent, number: int) -> None:
        self._control(UserControl(event, number.to_bytes(4, "big")))

    def _control(self, body: Body) -> None:
        message = RtmpMessage(body.type_id, 0, 0, body.serialize())
        self._output.append(self._writer.message(_CONTROL_CHUNK_STREAM, message))

    def _send(self, command: Command, stream_id: int = 0) -> None:
        message = RtmpMessage(command.type_id, stream_id, 0, command.serialize())
        self._output.append(self._writer.message(_COMMAND_CHUNK_STREAM, message))


def _status(level: str, code: str, description: str) -> dict[str, amf0.Value]:
    return {"level": level, "code": code, "description": description}
