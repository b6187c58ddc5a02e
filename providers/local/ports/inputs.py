"""The ports that the local provider needs; `service/wiring/drivers.py` hands the implementations over.

`MemoryInputStore` is the twin for tests; `tests/contract/test_input_store.py` runs on it and on the real store.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from providers.base import InputGone, InputOptions, InputUid


@dataclass(frozen=True, slots=True)
class StoredInput:
    """A live input as the local provider stores it.

    `request_id`, `owner` and `name` come from the `InputRequest`. `keyframe_interval` (seconds) is the typical one of the
    last broadcast, None before the first: the countdown starts from it. `old_key_digest` (`key_digest`) is of the key before this
    one, which works until `old_key_until`; both None when only one key works.
    """

    uid: InputUid
    request_id: str
    owner: str
    name: str
    stream_key: str = field(repr=False)
    options: InputOptions
    created: datetime
    enabled: bool = True
    keyframe_interval: float | None = None
    old_key_digest: str | None = field(default=None, repr=False)
    old_key_until: datetime | None = None

    def accepts(self, digest: str, now: datetime) -> bool:
        """Check whether a stream key works.

        Args:
            digest: The `key_digest` of the key.
            now: The present time, in UTC.

        Returns:
            True for the present key, and for the old one before `old_key_until`.
        """
        if hmac.compare_digest(digest, key_digest(self.stream_key)):
            return True
        if self.old_key_digest is None or self.old_key_until is None or now >= self.old_key_until:
            return False
        return hmac.compare_digest(digest, self.old_key_digest)


class InputStore(Protocol):
    """Stores live inputs across restarts. Unique: uid, request_id, stream_key.

    Errors: each call may raise an error of the driver when the store does not answer.
    """

    async def add(self, new: StoredInput) -> StoredInput:
        """Store an input unless its request_id is known.

        Args:
            new: The input with a new uid and stream key.

        Returns:
            The input of this request_id: `new`, or the one that was stored first.

        Raises:
            InputGone: The input of this request_id has been deleted.
        """

    async def get(self, uid: InputUid) -> StoredInput | None:
        """Return an input.

        Returns:
            None if it does not exist or is deleted.
        """

    async def by_key(self, stream_key: str) -> StoredInput | None:
        """Return the input with exactly this key. The look-up is by digest and the comparison takes constant time.

        Args:
            stream_key: The key as the encoder sent it.

        Returns:
            The input that has the key as its present or its old one; `accepts` says whether that one still works. None if there is
            no such input.
        """

    async def change(
        self,
        uid: InputUid,
        *,
        options: InputOptions | None = None,
        enabled: bool | None = None,
        stream_key: str | None = None,
        old_key_until: datetime | None = None,
        keyframe_interval: float | None = None,
    ) -> StoredInput | None:
        """Change what is given, in one transaction.

        Args:
            uid: The uid of the input.
            options: All options.
            enabled: Whether encoders may publish.
            stream_key: A new key. The present one becomes the old one if `old_key_until` is given; any older one is forgotten.
            old_key_until: Until when the old key works, in UTC.
            keyframe_interval: The measured interval in seconds, for the countdown of the next broadcast.

        Returns:
            The input after the change; None if there is none.
        """

    async def delete(self, uid: InputUid) -> bool:
        """Delete an input except for its request_id, which is never used again (see `add`).

        Args:
            uid: The uid of the input.

        Returns:
            False if there was none.
        """


def key_digest(stream_key: str) -> str:
    """Return the digest that a stream key is looked up by. Keys have at least 128 random bits, so it needs no salt.

    Args:
        stream_key: The key.

    Returns:
        SHA-256 of the key, as 64 hex digits.
    """
    return hashlib.sha256(stream_key.encode()).hexdigest()


class MemoryInputStore:
    """The in-memory twin of the input store."""

    def __init__(self) -> None:
        self._inputs: dict[InputUid, StoredInput] = {}
        self._by_request: dict[str, InputUid] = {}

    async def add(self, new: StoredInput) -> StoredInput:
        known = self._by_request.get(new.request_id)
        if known is None:
            self._by_request[new.request_id] = new.uid
            self._inputs[new.uid] = new
            return new
        if known not in self._inputs:
            raise InputGone(new.request_id)
        return self._inputs[known]

    async def get(self, uid: InputUid) -> StoredInput | None:
        return self._inputs.get(uid)

    async def by_key(self, stream_key: str) -> StoredInput | None:
        wanted = key_digest(stream_key)
        known = self._inputs.values()
        return next((each for each in known if wanted in (key_digest(each.stream_key), each.old_key_digest)), None)

    async def change(
        self,
        uid: InputUid,
        *,
        options: InputOptions | None = None,
        enabled: bool | None = None,
        stream_key: str | None = None,
        old_key_until: datetime | None = None,
        keyframe_interval: float | None = None,
    ) -> StoredInput | None:
        before = self._inputs.get(uid)
        if before is None:
            return None
        if stream_key is not None:
            old = None if old_key_until is None else key_digest(before.stream_key)
            before = replace(before, old_key_digest=old, old_key_until=old_key_until)
        self._inputs[uid] = replace(
            before,
            options=before.options if options is None else options,
            enabled=before.enabled if enabled is None else enabled,
            stream_key=before.stream_key if stream_key is None else stream_key,
            keyframe_interval=before.keyframe_interval if keyframe_interval is None else keyframe_interval,
        )
        return self._inputs[uid]

    async def delete(self, uid: InputUid) -> bool:
        return self._inputs.pop(uid, None) is not None
