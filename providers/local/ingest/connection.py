"""One encoder's connection: moves bytes between its socket and its RTMP session, and asks the gate whether it may publish.

The steps are always the same, in `_turn`: feed, flush answers, handle events, and close if the session failed. Waiting for the
writer is the transport's back-pressure (`pause_writing`). The server calls `check` for every connection, which applies all limits
of time, so an idle socket costs only its memory.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

import structlog

from providers.health import RefusalKind
from providers.local.flv.tag import FlvTag, TagKind
from providers.local.ingest.deadline import Deadline
from providers.local.ingest.meter import Meter
from providers.local.ingest.owner import ConnectionOwner
from providers.local.ingest.status_codes import STATUS_CODES
from providers.local.ports.publishing import Publication, PublishRequest
from providers.local.ports.refusals import MediaRefused, PublishRefused, Refusal
from providers.local.rtmp.errors import HandshakeFailed, RtmpError
from providers.local.rtmp.events import Media, PublishWanted, Unpublished
from providers.local.rtmp.messages import MessageType
from providers.local.rtmp.session import RtmpSession
from providers.local.rtmp.states import ConnectionState

log = structlog.get_logger(__name__)

TAG_KINDS = {MessageType.AUDIO: TagKind.AUDIO, MessageType.VIDEO: TagKind.VIDEO, MessageType.DATA: TagKind.SCRIPT}


class EncoderConnection(asyncio.Protocol):
    """One socket, plain or TLS. `address` is the peer's, without the port."""

    def __init__(
        self,
        owner: ConnectionOwner[EncoderConnection],
        client: socket.socket,
        address: str,
        encrypted: bool,
        clock: Callable[[], float],
    ) -> None:
        self.address = address
        self._encrypted = encrypted
        self._owner = owner
        self._clock = clock
        self._session = RtmpSession(owner.limits.messages)
        self._transport: asyncio.Transport | None = None
        self._publication: Publication | None = None
        self._pauses: set[str] = set()
        self._lingering = False
        self._greeted = False
        self._skipped = 0
        self._meter = Meter(client, owner.limits, owner.counters, clock())
        self._deadline = Deadline(owner.limits, clock())

    # The socket's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # what asyncio.Protocol promises
        self._deadline.connected(self._clock())

    def data_received(self, data: bytes) -> None:
        self._meter.bytes_in += len(data)
        if not self._lingering:
            self._turn(self._session.receive, data)

    def pause_writing(self) -> None:
        """Stop reading: the encoder does not read our answers."""
        self._pause_reading("writer")

    def resume_writing(self) -> None:
        self._resume_reading("writer")

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._lingering = True
        # The last bytes may have come after the last check.
        self._meter.count()
        self._end("closed")
        self._owner.forget(self)

    # The server's side

    def check(self, now: float) -> None:
        """Apply the limits of time and bitrate.

        Args:
            now: The event loop's time, in seconds.
        """
        if self._transport is None:
            return
        # Others are read at once: their few messages are waited for.
        collect = None if self._publication is None else self._publication.collect
        fresh, too_fast = self._meter.check(now, collect=collect)
        self._deadline.follow(self._session.state, now, alive=fresh > 0 and self._publication is not None)
        if too_fast:
            # In the unit that encoders show.
            ceiling = self._owner.limits.bitrate / 1e6
            sentence = f"The stream is above {ceiling:g} Mbit/s: lower the bitrate."
            self._refuse_publisher("bitrate", MediaRefused(RefusalKind.BITRATE, sentence))
        elif self._meter.too_many_messages:
            sentence = f"The stream has more than {self._owner.limits.message_rate} messages a second."
            self._refuse("message_rate", Refusal.MEDIA_FAILED, sentence)
        elif self._deadline.passed(now):
            self._expire()

    def stop(self) -> None:
        """Close the connection because the service stops; a publisher is sent the reason first."""
        self._refuse("stopping", Refusal.SERVER_STOPPING)

    def abort(self) -> None:
        """Close the socket at once, without flushing."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def is_open(self) -> bool:
        """The socket is open."""
        return self._transport is not None

    def discard(self) -> None:
        """Release what the connection holds, once its socket is closed."""
        self._session.discard()

    # What happens in between

    def _turn(self, feed: Callable[..., None], *data: bytes) -> None:
        """Feed, flush answers, handle events; an error of the protocol ends the connection."""
        failure: RtmpError | None = None
        try:
            feed(*data)
        except RtmpError as error:
            failure = error
        if not self._greeted and self._session.state is not ConnectionState.HANDSHAKING:
            self._greeted = True
            self._owner.greeted(self)
        self._flush()
        if self._session.skipped:
            self._count_skipped()
        for event in self._session.events():
            self._handle(event)
            if self._lingering:
                return
        if failure is not None:
            self._fail(failure)

    def _flush(self) -> None:
        answer = self._session.data_to_send()
        if answer and self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)

    def _count_skipped(self) -> None:
        """Count the messages that the session skipped. The first ones of a connection are logged."""
        skipped = sum(self._session.skipped.values())
        if not self._skipped:
            log.info("messages skipped", address=self.address, types=sorted(self._session.skipped))
        self._owner.counters.skipped += skipped - self._skipped
        self._meter.messages += skipped - self._skipped
        self._skipped = skipped

    def _handle(self, event: PublishWanted | Media | Unpublished) -> None:
        if isinstance(event, Media):
            kind, timestamp, payload = event
            self._media(FlvTag(TAG_KINDS[kind], timestamp, payload))
        elif isinstance(event, PublishWanted):
            self._ask(event)
        else:
            self._end("unpublished")

    def _media(self, tag: FlvTag) -> None:
        if self._publication is None:
            return
        self._meter.messages += 1
        try:
            self._publication.media(tag)
        except PublishRefused as refusal:
            self._refuse_publisher("media", refusal)
        except Exception:
            # A fault with one stream must not stop the others; the encoder reconnects.
            log.exception("media not handled", address=self.address)
            self._refuse("internal", Refusal.MEDIA_FAILED)

    def _ask(self, wanted: PublishWanted) -> None:
        """Ask the gate; read nothing more until it has answered."""
        if (full := self._owner.publisher_limit(self)) is not None:
            self._refuse("publishers", full)
            return
        # Media that follows at once stays in the kernel, and TCP slows the encoder down.
        self._pause_reading("gate")
        request = PublishRequest(
            app=wanted.app,
            stream_key=wanted.name,
            address=self.address,
            encrypted=self._encrypted,
            encoder=wanted.encoder,
            close=self._close_from_outside,
        )
        self._owner.spawn(self._admit(request), name=f"admit {self.address}")

    async def _admit(self, request: PublishRequest) -> None:
        try:
            # Fail closed: an encoder whose key cannot be checked is not admitted.
            async with asyncio.timeout(self._owner.limits.admit_timeout):
                publication = await self._owner.gate.admit(request)
        except PublishRefused as refusal:
            self._refuse("gate", refusal.refusal, refusal.sentence)
        except TimeoutError:
            self._refuse("gate_timeout", Refusal.KEY_CHECK_TIMEOUT)
        except Exception:
            log.exception("publish gate failed", address=self.address)
            self._refuse("internal", Refusal.KEY_CHECK_FAILED)
        else:
            try:
                self._begin(publication, request)
            except Exception:  # the task would end the service with it
                log.exception("publish not begun", address=self.address)
                self.abort()

    def _begin(self, publication: Publication, request: PublishRequest) -> None:
        if self._lingering:  # the encoder left or was refused before the gate answered
            publication.ended("closed")
            return
        self._publication = publication
        # Asked again: many encoders may have waited for the gate at once, as they all do after a restart.
        if (full := self._owner.publisher_limit(self)) is not None:
            self._refuse("publishers", full)
            return
        self._owner.begin_publish(self)
        log.info(
            "publish accepted", address=self.address, app=request.app, encoder=request.encoder, tls=self._encrypted
        )
        # What was buffered meanwhile is media already, so the publication is set before.
        self._turn(self._session.accept)
        self._resume_reading("gate")

    def _close_from_outside(self, refusal: Refusal) -> None:
        self._refuse("closed_by_service", refusal)

    def _fail(self, error: RtmpError) -> None:
        if self._publication is None:
            self._owner.ended_unpublished(self, "protocol_error", type(error).__name__)
        else:
            log.info("protocol error", address=self.address, error=type(error).__name__, detail=str(error))
            self._owner.counters.refused["protocol_error"] += 1
        self._end("protocol_error")
        if isinstance(error, HandshakeFailed):
            self._close()  # this peer does not speak RTMP and waits for no answer
        else:
            self._linger()

    def _refuse_publisher(self, reason: str, refusal: PublishRefused) -> None:
        """Refuse an encoder that publishes."""
        if isinstance(refusal, MediaRefused) and self._publication is not None:
            self._publication.refused(refusal)
        self._refuse(reason, refusal.refusal, refusal.sentence)

    def _refuse(self, reason: str, refusal: Refusal, sentence: str | None = None) -> None:
        """Send the refusal if there is a publish to send it on, then close. Later calls do nothing."""
        if self._lingering:
            return
        self._owner.counters.refused[reason] += 1
        if self._session.state in (ConnectionState.DECIDING, ConnectionState.PUBLISHING):
            sentence = sentence or refusal.sentence
            log.info("publish refused", address=self.address, reason=reason, code=refusal.code, description=sentence)
            # An onStatus of level error ends a publish (§7.2.2); before one there is no stream to send it on.
            self._session.refuse(STATUS_CODES[refusal], sentence)
            self._flush()
            self._end("refused")
            self._linger()
        else:
            self._close()

    def _expire(self) -> None:
        if self._lingering:
            self.abort()
            return
        reason = f"timeout_{self._session.state}"
        if self._publication is None:
            self._owner.ended_unpublished(self, reason)
        else:
            log.info("timeout", address=self.address, state=str(self._session.state))
            self._owner.counters.refused[reason] += 1
        self._end("timeout")
        self._close()

    def _end(self, reason: str) -> None:
        """End the publish, if there is one."""
        # Taken away first: `ended` may close this connection once more.
        publication, self._publication = self._publication, None
        self._owner.end_publish(self)
        if publication is None:
            return
        log.info(
            "publish ended", address=self.address, reason=reason, bytes_in=self._meter.bytes_in, skipped=self._skipped
        )
        try:
            publication.ended(reason)
        except Exception:
            log.exception("end of publish not handled", address=self.address)

    def _linger(self) -> None:
        """Close so that the refusal reaches the encoder: end our side and drop its bytes until it closes, for a limited time.

        Closing with unread bytes would reset the connection and may destroy the answer before it is read (RFC 1122 §4.2.2.13).
        """
        if self._transport is None or self._lingering:
            return
        self._lingering = True
        self._deadline.linger(self._clock())
        for reason in list(self._pauses):
            self._resume_reading(reason)
        # asyncio's TLS transport has no half-close: there the encoder closes, or the deadline does.
        if self._transport.can_write_eof() and not self._transport.is_closing():
            try:
                self._transport.write_eof()
            except OSError:  # the encoder has reset the connection, which was not read yet
                self._transport.abort()

    def _close(self) -> None:
        self._lingering = True
        self._deadline.linger(self._clock())
        if self._transport is not None:
            self._transport.close()

    def _pause_reading(self, reason: str) -> None:
        self._pauses.add(reason)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def _resume_reading(self, reason: str) -> None:
        self._pauses.discard(reason)
        if not self._pauses and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
