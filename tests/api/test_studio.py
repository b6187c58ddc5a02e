"""The studio's page, as it is served; what it does is tried in a browser (`tests/e2e/test_studio.py`)."""

from __future__ import annotations

import re
from importlib import resources

from service.api.studio import page_policy
from service.http import web_files
from tests.api.conftest import Api


async def test_the_studio_has_nothing_inline_and_cannot_be_framed(api: Api) -> None:
    for path in ("/studio", "/studio/"):
        async with api.client.get(path) as response:
            assert (response.status, response.content_type) == (200, "text/html")
            text, policy = await response.text(), response.headers["Content-Security-Policy"]
            assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "unsafe" not in policy and "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "connect-src 'self' https://watch.example.com" in policy
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", text)


def test_the_page_may_play_from_any_cloudflare_host_until_the_host_is_known() -> None:
    assert "media-src 'self' blob: https://cloudflarestream.com https://*.cloudflarestream.com;" in page_policy(None)


async def test_everything_the_page_asks_for_is_there(api: Api) -> None:
    async with api.client.get("/studio") as response:
        asked = re.findall(r'(?:src|href)="(/[^"]+)"', await response.text())
    assert len(asked) > 20
    for path in asked:
        async with api.client.get(path) as response:
            assert response.status == 200, path


def test_every_module_of_the_studio_is_served() -> None:
    files = (each.name for each in resources.files("service.web").joinpath("studio").iterdir())
    assert {f"studio/{name}" for name in files if name.endswith(".js")} == {
        name for name in web_files.STUDIO if name.startswith("studio/")
    }
