"""The addresses for encoders and players, and stored inputs and recordings as types of the provider port."""

from __future__ import annotations

from providers.base import LiveInput, Playback, Recording
from providers.local.ports.inputs import StoredInput
from providers.local.ports.publishing import APP
from providers.local.storage.recordings import StoredRecording


class Addresses:
    """`ports` are the ports that are listened on, by scheme (rtmps, rtmp); before that, the configured ones are used.

    The arguments are those of `LocalConfig`.
    """

    def __init__(self, public_url: str, public_rtmp_host: str, rtmps_port: int, rtmp_port: int | None) -> None:
        self._public_url = public_url
        self._host = public_rtmp_host
        self._rtmps_port = rtmps_port
        self._rtmp_port = rtmp_port
        self.ports: dict[str, int] = {}

    @property
    def rtmps_url(self) -> str:
        """Where encoders push to over TLS."""
        return self._address("rtmps", self._rtmps_port)

    @property
    def rtmp_url(self) -> str | None:
        """The plain port; None when it is switched off."""
        return None if self._rtmp_port is None else self._address("rtmp", self._rtmp_port)

    def playback(self, uid: str) -> Playback:
        """Return the playback addresses of an input or a recording, in the form of Cloudflare's."""
        return Playback.under(f"{self._public_url}/{uid}")

    def live_input(self, stored: StoredInput) -> LiveInput:
        """Return a stored input as its owner sees it."""
        return LiveInput(
            uid=stored.uid,
            rtmps_url=self.rtmps_url,
            rtmp_url=self.rtmp_url,
            stream_key=stored.stream_key,
            playback=self.playback(stored.uid),
            options=stored.options,
            created=stored.created,
            enabled=stored.enabled,
        )

    def recording(self, stored: StoredRecording) -> Recording:
        """Return a stored recording as it is listed."""
        return Recording(
            uid=stored.uid,
            input_uid=stored.input_uid,
            name=stored.name,
            created=stored.created,
            modified=stored.modified,
            size=stored.size,
            duration=stored.duration,
            width=stored.width or None,
            height=stored.height or None,
            playback=self.playback(stored.uid),
        )

    def _address(self, scheme: str, port: int) -> str:
        return f"{scheme}://{self._host}:{self.ports.get(scheme, port)}/{APP}"
