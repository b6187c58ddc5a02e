"""The conventions of the API channel: credentials, bodies, errors and path parameters."""

from __future__ import annotations

import math
from typing import Any

from aiohttp import web

from service.domain import errors as domain
from service.domain.inboxes import errors
from service.domain.inboxes.files import MAX_FILE
from service.http.dialect import Dialect, ErrorForm
from service.http.errors import BadBody, Unsupported
from service.http.forms import FormLimits, read_any
from service.http.schemas import Answer

ACCOUNT = "/api/v1/accounts/{account_id}"
PUBLIC = "/public/api/v1/inboxes/{inbox_identifier}"

TOKEN_HEADERS = ("api_access_token", "api-access-token")
"""The header of the token. Some proxies drop names with underscores, so the other spelling is used as well."""

MAX_TOKEN = 512

LIMITS = FormLimits(plain=1024 * 1024, multipart=MAX_FILE + 1024 * 1024, timeout=60.0)

NOT_FOUND = "Resource could not be found"
SIGN_IN = "You need to sign in or sign up before continuing."
INVALID_TOKEN = "Invalid Access Token"  # noqa: S105 - a sentence, not a token


class ErrorText(Answer):
    """An error in one sentence."""

    error: str


class Unauthorized(Answer):
    """A 401: `errors` without credentials, else `error`."""

    error: str | None = None
    errors: list[str] | None = None


class InvalidRecord(Answer):
    """A 422: `message` and `attributes` for fields that break rules, else `error`."""

    message: str | None = None
    attributes: list[str] | None = None
    error: str | None = None


def _credentials(request: web.Request) -> str | None:
    """Return the token as a value of the header Authorization. A malformed one is unknown, as any other wrong one."""
    for name in TOKEN_HEADERS:
        token = request.headers.get(name)
        if token is not None and token.strip():
            plain = token.strip()
            usable = plain.isascii() and plain.isprintable() and " " not in plain and len(plain) <= MAX_TOKEN
            return f"Token {plain if usable else '-'}"
    return None


def refusal(error: Exception) -> web.Response | None:
    """Return the response to an error in the form of this contract; None for the errors of every API."""
    match error:
        case domain.NotAuthenticated():
            missing = error.detail == domain.NotAuthenticated().detail
            body = {"errors": [SIGN_IN]} if missing else {"error": INVALID_TOKEN}
            return _json(401, body, {"WWW-Authenticate": "Token"})
        case errors.NotPermitted():
            return _json(401, {"error": str(error)}, {"WWW-Authenticate": "Token"})
        case errors.OnlyApiInboxes():
            return _json(403, {"error": str(error)})
        case domain.NotFound():
            return _json(404, {"error": NOT_FOUND})
        case errors.RecordInvalid():
            return _json(422, {"message": str(error), "attributes": error.attributes})
        case errors.Refused():
            return _json(422, {"error": str(error)})
        case domain.Invalid():
            return _json(422, {"error": _sentence(error)})
        case BadBody():
            return _json(400, {"error": str(error)})
        case Unsupported():
            return _json(415, {"error": str(error)})
        case domain.Throttled():
            return _json(429, {"error": str(error)}, _retry_after(error.retry_after))
        case domain.Unavailable():
            return _json(503, {"error": error.detail}, _retry_after(error.retry_after))
    return None


def _sentence(error: domain.Invalid) -> str:
    return "Validation failed: " + ", ".join(
        f"{field or 'body'}: {' '.join(messages)}" for field, messages in error.fields.items()
    )


def _retry_after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def _json(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(body, status=status, headers={"Cache-Control": "no-store", **(headers or {})})


async def _read_body(request: web.Request) -> Any:
    return await read_any(request, LIMITS)


_NUMBER = {"type": "integer", "minimum": 1, "maximum": 999_999_999}
_TEXT = {"type": "string", "minLength": 1}

CONTRACT = Dialect(
    credentials=_credentials,
    read_body=_read_body,
    refusal=refusal,
    usual_errors=(401, 403, 404, 405, 422, 429, 500, 503),
    public_errors=(401, 404, 405, 422, 429, 500, 503),
    body_errors=(400, 408, 413, 415, 422),
    error_forms={
        400: ErrorForm(ErrorText, {"error": "JSON parse error - expected value at line 1 column 1"}),
        401: ErrorForm(Unauthorized, {"error": INVALID_TOKEN}),
        403: ErrorForm(ErrorText, {"error": errors.STATUS_ONLY_IN_API}),
        404: ErrorForm(ErrorText, {"error": NOT_FOUND}),
        415: ErrorForm(ErrorText, {"error": 'Unsupported media type "text/plain" in request.'}),
        422: ErrorForm(InvalidRecord, {"message": "Email has already been taken", "attributes": ["email"]}),
        429: ErrorForm(ErrorText, {"error": "Request was throttled. Expected available in 2 seconds."}),
        503: ErrorForm(ErrorText, {"error": "The store is not available."}),
    },
    security=[{"AccountToken": []}],
    parameters={
        **dict.fromkeys(("account_id", "inbox_id", "contact_id", "conversation_id", "message_id"), _NUMBER),
        **dict.fromkeys(("inbox_identifier", "contact_identifier"), _TEXT),
    },
    patterns={"contact_id": "(?!search/?$)[^{}/]+"},  # another method of /contacts/search is a 405
)
