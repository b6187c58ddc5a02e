"""All errors as HTTP responses, in the shape of the Pub API: {"detail": …}, or messages by field."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from aiohttp import web
from aiohttp.http import HttpProcessingError
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from service.domain import errors as domain
from service.http.fields import mismatch

_MESSAGES = {
    "missing": "This field is required.",
    "string_type": "Not a valid string.",
    "string_unicode": "Not a valid string.",
    "bool_type": "Must be a valid boolean.",
    "int_type": "A valid integer is required.",
    "int_parsing": "A valid integer is required.",
    "int_from_float": "A valid integer is required.",
    "int_parsing_size": "A valid integer is required.",
    "list_type": "Expected a list of items.",
    "uuid_type": "Must be a valid UUID.",
    "uuid_parsing": "Must be a valid UUID.",
    "string_too_long": "Ensure this field has no more than {max_length} characters.",
    "string_too_short": "Ensure this field has at least {min_length} characters.",
    "too_long": "Ensure this field has no more than {max_length} elements.",
    "greater_than_equal": "Ensure this value is greater than or equal to {ge}.",
    "less_than_equal": "Ensure this value is less than or equal to {le}.",
}
"""Messages of the Pub API for Pydantic's error types."""

_JSON_NAMES = {list: "list", str: "str", int: "int", float: "float", bool: "bool", type(None): "NoneType"}


def invalid(error: ValidationError) -> domain.DomainError:
    """Convert a failed validation. Bad JSON and wrong fields are both a 400, with different bodies."""
    problems = error.errors(include_url=False)
    if problems and problems[0]["type"] == "json_invalid":
        reason = problems[0].get("ctx", {}).get("error", "malformed")
        return BadBody(f"JSON parse error - {reason}")
    fields: dict[str, list[str]] = {}
    for problem in problems:
        place = ".".join(str(step) for step in problem["loc"])
        fields.setdefault(place, []).append(_message(problem))
    return domain.Invalid(fields)


class BadBody(domain.DomainError):
    """The body is not JSON, or could not be read."""


class Unsupported(domain.DomainError):
    """The media type of the body is not supported."""

    def __init__(self, media_type: str) -> None:
        super().__init__(f'Unsupported media type "{media_type}" in request.')


class Coded(domain.DomainError):
    """The body has a content coding. None is decoded, because a few bytes can decompress to very many."""

    def __init__(self) -> None:
        super().__init__("Content-Encoding is not supported. Send the body without compression.")


def _message(problem: ErrorDetails) -> str:
    kind, given = problem["type"], problem["input"]
    # Pydantic reports null as a wrong type; the Pub API has a sentence of its own for it.
    if given is None and kind != "missing":
        return "This field may not be null."
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"Invalid data. Expected a dictionary, but got {_JSON_NAMES.get(type(given), 'something else')}."
    if kind in ("enum", "literal_error"):
        return f"Not a valid choice. Expected {problem.get('ctx', {}).get('expected', 'another one')}."
    if kind == "string_pattern_mismatch":
        return mismatch(problem.get("ctx", {}).get("pattern", ""), given)
    if kind in _MESSAGES:
        return _MESSAGES[kind].format(**problem.get("ctx", {}))
    if kind == "value_error":
        return str(problem.get("ctx", {}).get("error", "Invalid value."))
    return "Enter a valid value."


def error_response(error: Exception) -> web.Response | None:
    """Return the response to an error that clients may see; None for any other error."""
    match error:
        case domain.Invalid():
            return _json(400, nested(error.fields.items()))
        case BadBody():
            return _json(400, {"detail": str(error)})
        case domain.NotAuthenticated():
            # A 401 has to name the scheme (RFC 9110 §15.5.2).
            return _json(401, {"detail": error.detail}, {"WWW-Authenticate": "Token"})
        case domain.Forbidden():
            return _json(403, {"detail": "You do not have permission to perform this action."})
        case domain.NotFound():
            return _json(404, {"detail": error.detail})
        case domain.Conflict():
            return _json(409, {"detail": str(error)})
        case Coded():
            # In a response it says which codings are accepted (RFC 9110 §12.5.3).
            return _json(415, {"detail": str(error)}, {"Accept-Encoding": "identity"})
        case Unsupported():
            return _json(415, {"detail": str(error)})
        case domain.Throttled():
            return _json(429, {"detail": str(error)}, _retry_after(error.retry_after))
        case domain.Unavailable():
            return _json(503, {"detail": error.detail}, _retry_after(error.retry_after))
        case web.HTTPException():
            return _framework_error(error)
        case HttpProcessingError():
            return malformed(error.message)
    return None


def internal_error() -> web.Response:
    """Return the response to an unexpected error, without details."""
    return _json(500, {"detail": "Internal server error."})


def nested(fields: Iterable[tuple[str, list[str]]]) -> dict[str, Any]:
    """Return dotted field names as nested objects; the whole body is `non_field_errors`."""
    answer: dict[str, Any] = {}
    for place, messages in fields:
        *parents, last = (place or "non_field_errors").split(".")
        level = answer
        for parent in parents:
            inner = level.setdefault(parent, {})
            level = inner if isinstance(inner, dict) else level
        level[last] = messages
    return answer


def _framework_error(error: web.HTTPException) -> web.Response | None:
    """Return the response to an aiohttp error: unknown route, method, too large body. None for redirects and successes."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        # A 405 has to name the methods (RFC 9110 §15.5.6). Every path answers a preflight.
        allowed = ", ".join(sorted({*error.allowed_methods, "OPTIONS"}))
        return _json(405, {"detail": f'Method "{error.method}" not allowed.'}, {"Allow": allowed})
    if error.status < 400:
        return None
    details = {
        404: "Not found.",
        408: "The request body did not arrive in time.",
        413: "The request body is too large.",
        414: "The path is too long.",
        417: "The only supported expectation is 100-continue.",
        505: "HTTP/1.1 is required.",
    }
    return _json(error.status, {"detail": details.get(error.status, error.reason)})


_PARSER_SAYS = (
    ("Got more than", 431, "The request line or a header is too long."),
    ("Too many headers", 431, "There are too many headers."),
    ("Invalid HTTP version", 505, "HTTP/1.1 is required."),
)
_REASON = re.compile(r"[A-Za-z][A-Za-z ,'`-]*")


def malformed(message: str) -> web.Response:
    """Return the response to a malformed HTTP request (RFC 9110 §15.5.1, §15.6.6, RFC 6585 §5).

    The parser's message quotes the input, which may be a secret. Only its first line is used, and only if it is plain words.
    """
    for fragment, status, detail in _PARSER_SAYS:
        if fragment in message:
            return _json(status, {"detail": detail})
    reason = message.partition("\n")[0].rstrip(".:")
    known = f" {reason}." if _REASON.fullmatch(reason) else ""
    return _json(400, {"detail": f"This is not a valid HTTP request.{known}"})


def _retry_after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def _json(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(body, status=status, headers={"Cache-Control": "no-store", **(headers or {})})
