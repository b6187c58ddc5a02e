"""Users of the API, each with their own token."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

if TYPE_CHECKING:
    from tests.api.conftest import Api

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@dataclass
class Person:
    """A user and their token. Paths are below the first organization, unless they begin with a slash or `http`."""

    api: Api
    id: str
    token: str

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"Token {self.token}"}

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """Status and answer; None for an empty one."""
        if path.startswith("http"):
            path = path.removeprefix(str(self.api.client.make_url("")).rstrip("/"))
        elif not path.startswith("/"):
            path = f"{self.api.base}/{path}"
        async with self.api.client.request(method, path, headers=self.auth, json=body, **more) as response:
            raw = await response.read()
            return response.status, (await response.json()) if raw else None

    async def get(self, path: str) -> tuple[int, Any]:
        return await self.call("GET", path)

    async def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        return await self.call("POST", path, body)

    async def put(self, path: str, body: Any = None) -> tuple[int, Any]:
        return await self.call("PUT", path, body)

    async def patch(self, path: str, body: Any = None) -> tuple[int, Any]:
        return await self.call("PATCH", path, body)

    async def delete(self, path: str) -> tuple[int, Any]:
        return await self.call("DELETE", path)

    async def made(self, path: str, body: Any = None) -> Any:
        """Return the created object; the answer must be 201."""
        status, answer = await self.post(path, body)
        assert status == 201, answer
        return answer

    async def seen(self, path: str) -> Any:
        """Return the object; the answer must be 200."""
        status, answer = await self.get(path)
        assert status == 200, answer
        return answer

    async def channel(self, name: str = "News", **more: Any) -> str:
        return str((await self.made("channels", {"name": name, **more}))["id"])

    async def say(self, channel: str, text: str = "hello", **more: Any) -> Any:
        return await self.made(f"channels/{channel}/messages", {"body": words(text), **more})

    async def direct(self, *others: Person) -> str:
        status, channel = await self.post(f"users/{self.id}/dm-channels", {"members": [each.id for each in others]})
        assert status in (200, 201), channel
        return str(channel["id"])

    async def all(self, path: str) -> list[Any]:
        """Every item of a collection, page by page."""
        items, url = [], path
        while url:
            page = await self.seen(url)
            assert list(page) == ["next", "previous", "results"]
            items += page["results"]
            url = page["next"]
        return items


def words(text: str) -> dict[str, Any]:
    """Return the body of an ordinary message."""
    return {"version": 3, "chunks": [{"type": "text", "text": text}]}


def first(api: Api) -> Person:
    """Return the user every test has."""
    return Person(api, str(api.user), api.token)


async def new_user(api: Api, name: str = "Grace Hopper", organization: UUID | None = None) -> Person:
    """Create another user, of the same organization or of another one."""
    user = uuid4()
    issued = await api.accounts.create_token(organization or api.organization, user, full_name=name)
    return Person(api, str(user), issued.secret)
