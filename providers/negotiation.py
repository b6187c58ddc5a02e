"""What a client accepts and already has: `Accept-Encoding` and `If-None-Match` (RFC 9110 §12.5.3, §13.1.2)."""

from __future__ import annotations

GZIP = frozenset({"gzip", "x-gzip"})


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether the client takes gzip. A coding that is named counts more than `*`; `q=0` means "not acceptable"."""
    named, any_coding = None, False
    for part in accept_encoding.lower().split(","):
        coding, _, parameters = part.partition(";")
        if coding.strip() in GZIP:
            named = bool(named) or _is_wanted(parameters)
        elif coding.strip() == "*":
            any_coding = _is_wanted(parameters)
    return any_coding if named is None else named


def _is_wanted(parameters: str) -> bool:
    """Return whether the weight is above 0. It is 1 without `q`, and 0 if it is no number: the client gets the plain form."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return 0.0 < float(value) <= 1.0
            except ValueError:
                return False
    return True


def has_current(if_none_match: str | None, etag: str) -> bool:
    """Whether the client names `etag` in If-None-Match, compared weakly. `etag` is as in the header: with quotes, perhaps weak."""
    if if_none_match is None:
        return False
    known = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return if_none_match.strip() == "*" or etag.removeprefix("W/") in known
