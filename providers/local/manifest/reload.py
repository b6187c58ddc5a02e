"""Blocking playlist reload, decided without a clock or a socket (draft-pantos-hls-rfc8216bis §6.2.5.2)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

MSN_ADVANCE_LIMIT = 2
"""How far beyond the last segment a client may ask; more is a bug or an attack, and is refused."""

WAIT_TARGETS = 3
"""A blocked request is answered 503 after this many target durations."""

_NUMBER = re.compile(r"[0-9]{1,15}")


class BadDirective(Exception):
    """The delivery directives make no sense; the sentence may be shown."""


@dataclass(frozen=True, slots=True)
class Directive:
    """Answer when segment `msn`, or its part `part`, is in the playlist."""

    msn: int
    part: int | None = None


def parse(query: Mapping[str, str]) -> Directive | None:
    """The delivery directive in a query; None when there is none. Errors: BadDirective."""
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
    """Where a live playlist ends: the last whole segment, its parts that are listed, and the parts of the segment after it."""

    whole: int
    whole_parts: int
    open_parts: int


def check(directive: Directive, edge: Edge, part_target: float) -> None:
    """Refuse what is too far ahead. Errors: BadDirective."""
    last, parts = (edge.whole + 1, edge.open_parts) if edge.open_parts else (edge.whole, edge.whole_parts)
    if directive.msn > last + MSN_ADVANCE_LIMIT:
        raise BadDirective("_HLS_msn is too far ahead of the playlist")
    limit = 3 if part_target >= 1.0 else math.ceil(3.0 / part_target)
    if directive.part is not None and directive.msn >= last:
        ahead = directive.part - (parts - 1 if directive.msn == last else -1)
        if ahead > limit:
            raise BadDirective("_HLS_part is too far ahead of the playlist")


def satisfied(directive: Directive, edge: Edge) -> bool:
    """Whether the playlist holds what was asked for.

    A part index beyond a whole segment's last part means the first part of the next one.
    """
    if directive.msn < edge.whole:
        return True
    if directive.msn == edge.whole:
        return directive.part is None or directive.part < edge.whole_parts or edge.open_parts > 0
    return directive.msn == edge.whole + 1 and directive.part is not None and directive.part < edge.open_parts
