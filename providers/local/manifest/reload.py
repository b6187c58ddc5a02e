"""The rules of blocking playlist reload, without I/O (draft-pantos-hls-rfc8216bis §6.2.5.2)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

MSN_ADVANCE_LIMIT = 2
"""Segments after the last one that a client may request. More is an error in the client, and is refused."""

PARAMETERS = ("_HLS_msn", "_HLS_part", "_HLS_skip")
"""The delivery directives that are read here (§6.2.5)."""

_NUMBER = re.compile(r"[0-9]{1,15}")


class BadDirective(Exception):
    """The delivery directives are invalid. The message may be shown."""


@dataclass(frozen=True, slots=True)
class Directive:
    """A request for the playlist that contains segment `msn`, or its part `part`."""

    msn: int
    part: int | None = None


def skips(query: Mapping[str, str]) -> bool:
    """Return whether a query requests a delta update (§6.2.5.1). Raises BadDirective."""
    value = query.get("_HLS_skip")
    if value not in (None, "YES", "v2"):
        raise BadDirective("_HLS_skip must be YES or v2")
    return value is not None


def parse(query: Mapping[str, str]) -> Directive | None:
    """Return the blocking request of a query; None if there is none. Raises BadDirective."""
    msn, part = query.get("_HLS_msn"), query.get("_HLS_part")
    if msn is None:
        if part is not None:
            raise BadDirective("_HLS_part needs _HLS_msn")
        return None
    return Directive(_number("_HLS_msn", msn), None if part is None else _number("_HLS_part", part))


def _number(name: str, text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise BadDirective(f"{name} must be a decimal integer")
    return int(text)


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a live playlist ends: the last whole segment, its listed parts, and the parts of the segment after it."""

    whole: int
    whole_parts: int
    open_parts: int


def check(directive: Directive, edge: Edge, part_target: float) -> None:
    """Raise BadDirective for a request too far ahead."""
    last, parts = (edge.whole + 1, edge.open_parts) if edge.open_parts else (edge.whole, edge.whole_parts)
    if directive.msn > last + MSN_ADVANCE_LIMIT:
        raise BadDirective("_HLS_msn is too far ahead of the playlist")
    # The Advance Part Limit: three parts, or three seconds of parts that are shorter than one (§6.2.5.2).
    limit = 3 if part_target >= 1.0 else math.ceil(3.0 / part_target)
    if directive.part is not None and directive.msn >= last:
        ahead = directive.part - (parts - 1 if directive.msn == last else -1)
        if ahead > limit:
            raise BadDirective("_HLS_part is too far ahead of the playlist")


def satisfied(directive: Directive, edge: Edge) -> bool:
    """Whether the playlist contains the requested segment or part.

    A part index after the last part of a whole segment means the first part of the next one.
    """
    if directive.msn < edge.whole:
        return True
    if directive.msn == edge.whole:
        return directive.part is None or directive.part < edge.whole_parts or edge.open_parts > 0
    return directive.msn == edge.whole + 1 and directive.part is not None and directive.part < edge.open_parts
