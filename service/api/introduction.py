"""What every operation has in common, for the reader of /docs: the description the OpenAPI document begins with."""

from __future__ import annotations

from service.http.openapi import Introduction

TITLE = "Live-stream conference"

INTRODUCTION = """\
Live streams in the channels of an organization, and the people who talk beside them.

**Credentials.** `Authorization: Token <API token>`, or `Bearer <access token>` while it lasts. Operations tagged *Public* need
none; a visitor's Bearer token says there who watches. A token opens its own organization only (403 for any other).

**Requests.** JSON in UTF-8. Members nobody knows are ignored. PATCH changes what is sent, PUT resets what is not. Ids are
UUIDs, a stream's and a recording's uid is 32 hex digits, both in any case. A trailing slash makes no difference. `format=json`
is accepted.

**Times** are answered in UTC with six digits, `2021-02-11T12:32:47.079271Z`, and taken with up to nine and in any zone.

**Collections** are `{"next": …, "previous": …, "results": […]}`. `next` is the whole URL of the next page, null on the last;
how many items a page has is not promised. `ordering` takes a name, with `-` for descending; one nobody knows is the default.
What is added while you page neither doubles nor hides anything.

**Errors** are one sentence, `{"detail": "…"}`, or for a 400 messages by field, `{"name": ["This field is required."]}`. 404 is
also what you may not know of, such as another's private channel. 429 and 503 say in `Retry-After` how many seconds to wait. An
error has an `X-Request-Id`, which is in our log, too.
"""

LICENSE = {"name": "MIT", "identifier": "MIT"}
CONTACT = {"name": "The operator of this service"}
SERVERS = [{"url": "/", "description": "The service this document was fetched from."}]

TAGS = {
    "Users": "The user that a token belongs to.",
    "Channels": "The organization's channels: the rooms in which streams run and people talk.",
    "A user's channels": "The channels that a user is in, and direct channels.",
    "Members": "Who is in a channel, what they have seen, and when they want to be notified.",
    "Messages": "What is said in a channel.",
    "Streams": "A channel's live input, its health, its sessions and its recordings.",
    "Meetings": "Tokens for a channel's video meeting, and where a meeting is going on.",
    "Public": "For players and visitors: no credentials.",
    "Operations": "For the operator: liveness and readiness.",
}
"""Every tag and what is below it, in the order of the document."""


def introduction(version: str) -> Introduction:
    """Return the introduction of this version's document."""
    return Introduction(TITLE, version, INTRODUCTION, LICENSE, CONTACT, SERVERS, TAGS)
