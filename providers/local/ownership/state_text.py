"""The state of a broadcast as nodes send it to each other: JSON with ages in place of times, because their clocks may differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from providers.base import InputState, Phase
from providers.health import RecordingState

MAX_WORD = 64
"""Characters of a reason or of the names of tracks."""


class _StateText(BaseModel):
    """The members of the text. Ages are in seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    phase: Phase
    is_connected: bool
    is_watchable: bool
    seconds_until_watchable: float = Field(ge=0, allow_inf_nan=False)
    since: float | None = Field(default=None, allow_inf_nan=False)
    reason: str | None = Field(default=None, max_length=MAX_WORD)
    tracks: str | None = Field(default=None, max_length=MAX_WORD)
    recording: RecordingState | None = None
    watchable_since: float | None = Field(default=None, allow_inf_nan=False)
    media: str | None = Field(default=None, max_length=MAX_WORD)
    """The uid under which players fetch the media."""


def encoded(state: InputState, media: str | None = None) -> str:
    """Return the text of a state. `media`: the uid under which players fetch the media."""
    text = _StateText(
        phase=state.phase,
        is_connected=state.is_connected,
        is_watchable=state.is_watchable,
        seconds_until_watchable=state.seconds_until_watchable,
        since=_age(state.since, state.as_of),
        reason=state.reason,
        tracks=state.tracks,
        recording=state.recording,
        watchable_since=_age(state.watchable_since, state.as_of),
        media=media,
    )
    return text.model_dump_json(exclude_none=True)


def decoded(text: str, now: float) -> tuple[InputState, str | None] | None:
    """Return the state that was sent at `now` (Unix seconds, by the clock of this node), and `media`; None if it is none."""
    try:
        found = _StateText.model_validate_json(text)
        at = datetime.fromtimestamp(now, UTC)
        times: dict[str, Any] = {
            name: None if (age := getattr(found, name)) is None else at - timedelta(seconds=age)
            for name in ("since", "watchable_since")
        }
    except (ValidationError, OverflowError):
        return None
    given = {**found.model_dump(exclude={"media"}), **times}
    return InputState(as_of=at, **given), found.media


def _age(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else (now - moment).total_seconds()
