"""The page at /, and the icon of every page."""

from __future__ import annotations

import re

import pytest

from tests.api.conftest import Api


async def test_the_root_says_what_this_is_and_leads_to_pages_that_exist(api: Api) -> None:
    async with api.client.get("/") as response:
        assert (response.status, response.content_type) == (200, "text/html")
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        text = await response.text()
    assert "<h1>Live-stream conference service</h1>" in text
    links = set(re.findall(r'href="(/[^"]+)"', text))
    assert {"/studio", "/docs", "/openapi.json", "/icon.svg"} <= links
    for path in links:
        async with api.client.get(path) as response:
            assert response.status == 200, path


@pytest.mark.parametrize("page", ["/", "/docs", "/docs/", "/studio"])
async def test_every_page_has_an_icon(api: Api, page: str) -> None:
    async with api.client.get(page) as response:
        found = re.search(r'<link rel="icon" href="([^"]+)"', await response.text())
        assert found is not None
        icon = response.url.join(type(response.url)(found[1]))
    async with api.client.get(icon.path) as response:
        assert (response.status, response.content_type) == (200, "image/svg+xml")


async def test_a_browser_that_asks_for_an_icon_of_its_own_accord_gets_one(api: Api) -> None:
    async with api.client.get("/favicon.ico") as response:
        assert (response.status, response.content_type) == (200, "image/x-icon")
        assert (await response.read()).startswith(b"\0\0\1\0")
