"""Signed URLs: keys, tokens, and what the delivery host makes of a token; the account's one webhook."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import datetime
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import AliasChoices, BaseModel, Field

from providers.cloudflare.fake import shapes
from providers.cloudflare.fake.envelope import answer, read
from providers.cloudflare.fake.server_state import NOT_FOUND, SERVER, ApiError, ServerState
from providers.cloudflare.fake.state import SigningKey, Webhook

HOUR = 3600
MAX_LIFE = 24 * HOUR
"""Seconds ahead a token may expire at most."""

MAX_RULES = 5
ACCOUNT_KEY = "account"
"""The id under which the key of tokens without an own key is kept; it is not listed."""


class TokenBody(BaseModel):
    id: str | None = None
    pem: str | None = Field(default=None, repr=False)
    exp: int | None = None
    nbf: int | None = None
    downloadable: bool = False
    accessRules: list[dict[str, Any]] = Field(default_factory=list, max_length=MAX_RULES)


class WebhookBody(BaseModel):
    """Cloudflare's SDKs offer both spellings; the documented one goes first."""

    notificationUrl: str = Field(
        pattern=r"^https?://", validation_alias=AliasChoices("notificationUrl", "notification_url")
    )


def routes() -> list[web.RouteDef]:
    return [
        web.post("/stream/keys", create_key),
        web.get("/stream/keys", list_keys),
        web.delete("/stream/keys/{key}", delete_key),
        web.put("/stream/webhook", set_webhook),
        web.get("/stream/webhook", get_webhook),
        web.delete("/stream/webhook", delete_webhook),
        web.post("/stream/{uid}/token", create_token),
    ]


async def create_key(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    key = await _new_key(server)
    server.state.keys[key.id] = key
    private = serialization.load_pem_private_key(key.pem.encode(), None)
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(private)  # type: ignore[arg-type]
    shape = {"id": key.id, "created": shapes.timestamp(key.created), "pem": _b64(key.pem), "jwk": _b64(jwk)}
    return answer(shape)


async def list_keys(request: web.Request) -> web.Response:
    keys = request.app[SERVER].state.keys.values()
    return answer(
        [{"id": each.id, "created": shapes.timestamp(each.created)} for each in keys if each.id != ACCOUNT_KEY]
    )


async def delete_key(request: web.Request) -> web.Response:
    if request.app[SERVER].state.keys.pop(request.match_info["key"], None) is None:
        raise ApiError(404, 10003, NOT_FOUND)
    return answer("Revoked")


async def create_token(request: web.Request) -> web.Response:
    server, uid = request.app[SERVER], request.match_info["uid"]
    if uid not in server.state.inputs:
        server.video(uid)
    body, now = await read(request, TokenBody), int(server.clock.now().timestamp())
    expires = now + HOUR if body.exp is None else body.exp
    if expires > now + MAX_LIFE:
        raise ApiError(400, 10005, "exp: at most 24 hours ahead")
    if (body.id is None) != (body.pem is None):
        raise ApiError(400, 10005, "id and pem belong together")
    key = await _account_key(server)
    key_id, pem = (key.id, key.pem) if body.id is None else (body.id, _unpack(body.pem or ""))
    claims: dict[str, Any] = {"sub": uid, "kid": key_id, "exp": str(expires), "nbf": str(body.nbf or now - HOUR)}
    if body.accessRules:
        claims["accessRules"] = body.accessRules
    if body.downloadable:
        claims["downloadable"] = True
    try:
        token = jwt.api_jws.encode(_payload(claims), pem, "RS256", headers={"kid": key_id})
    except (ValueError, TypeError, jwt.PyJWTError):
        raise ApiError(400, 10005, "pem: not a private key") from None
    return answer({"token": token})


def verify(server: ServerState, token: str, now: datetime) -> str:
    """Return the uid a token gives access to. Raise PermissionError."""
    try:
        key = server.state.keys[str(jwt.get_unverified_header(token)["kid"])]
        public = serialization.load_pem_private_key(key.pem.encode(), None).public_key()
        options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
        claims = jwt.decode(token, public, algorithms=["RS256"], options=options)  # type: ignore[arg-type]
        in_time = int(claims["nbf"]) <= now.timestamp() < int(claims["exp"])
    except (jwt.PyJWTError, KeyError, ValueError) as failure:
        raise PermissionError("not a token of this account") from failure
    if not in_time or _blocked(claims.get("accessRules", [])):
        raise PermissionError("expired, not yet valid, or blocked")
    return str(claims["sub"])


async def set_webhook(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    body = await read(request, WebhookBody)
    server.state.webhook = Webhook(url=body.notificationUrl, modified=server.clock.now())
    return answer(_webhook(server))


async def get_webhook(request: web.Request) -> web.Response:
    return answer(_webhook(request.app[SERVER]))


async def delete_webhook(request: web.Request) -> web.Response:
    server = request.app[SERVER]
    _webhook(server)
    server.state.webhook = None
    return answer("")


def _webhook(server: ServerState) -> dict[str, str]:
    webhook = server.state.webhook
    if webhook is None:
        raise ApiError(404, 10003, NOT_FOUND)
    modified = shapes.timestamp(webhook.modified)
    return {"notificationUrl": webhook.url, "modified": modified, "secret": webhook.secret}


def _blocked(rules: list[dict[str, Any]]) -> bool:
    """Return whether the first matching rule blocks. Without address lookup, only `any` can match here."""
    return next((rule.get("action") == "block" for rule in rules if rule.get("type") == "any"), False)


async def _account_key(server: ServerState) -> SigningKey:
    if ACCOUNT_KEY not in server.state.keys:
        key = await _new_key(server)
        server.state.keys[ACCOUNT_KEY] = key.model_copy(update={"id": ACCOUNT_KEY})
    return server.state.keys[ACCOUNT_KEY]


async def _new_key(server: ServerState) -> SigningKey:
    private = await asyncio.to_thread(rsa.generate_private_key, 65537, 2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return SigningKey(pem=pem, created=server.clock.now())


def _payload(claims: dict[str, Any]) -> bytes:
    """Encode claims: `exp` and `nbf` are strings in Cloudflare's tokens, which PyJWT's own encoder would not write."""
    return json.dumps(claims).encode()


def _unpack(pem: str) -> str:
    try:
        return base64.b64decode(pem, validate=True).decode()
    except ValueError:
        raise ApiError(400, 10005, "pem: base64") from None


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
