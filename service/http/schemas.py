"""Response models that several resources share."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def without_defaults(schema: dict[str, Any]) -> None:
    """For `json_schema_extra` of a body of changes: what is not sent stays as it is, so no field has a default to tell of."""
    for described in schema["properties"].values():
        described.pop("default", None)


class Answer(BaseModel):
    """A response with exactly the declared members. Its serializer is built at the first use, so that the service starts sooner."""

    model_config = ConfigDict(frozen=True, defer_build=True)


class Detail(Answer):
    """An error in one sentence."""

    detail: str


class Problem(BaseModel):
    """A 400: messages by field (nested like the body), or one sentence when the body could not be read."""

    model_config = ConfigDict(extra="allow")

    detail: str | list[str] | None = Field(None, description="The reason why the body could not be read.")
    non_field_errors: list[str] | None = Field(None, description="Errors of the body as a whole.")


class PageAnswer(Answer):
    """The envelope of a paginated collection: exactly `next`, `previous`, `results`, as in the Pub API."""

    next: str | None = Field(description="URL of the next page.")
    previous: str | None = Field(description="URL of the previous page.")
