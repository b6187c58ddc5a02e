"""/docs in a real browser: what it offers to send is what the document gives as an example."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.e2e.browser import Browser
from tests.e2e.service import Service
from tests.waiting import PATIENCE

pytestmark = pytest.mark.e2e

OFFERED = """
const found = {}, page = document.querySelector("rapi-doc");
for (const request of page?.shadowRoot?.querySelectorAll("api-request") ?? []) {
  const body = request.shadowRoot?.querySelector("textarea.request-body-param-user-input");
  if (body) found[`${request.method} ${request.path}`] = body.value;
}
return found;
"""


async def test_every_body_that_the_page_offers_is_the_example(live: Service, browser: Browser) -> None:
    async with live.http.get(f"{live.base}/openapi.json") as answer:
        document = await answer.json()
    expected = {
        f"{method} {path}": described["requestBody"]["content"]["application/json"]["examples"]["example"]["value"]
        for path, item in document["paths"].items()
        for method, described in item.items()
        if "requestBody" in described
    }
    sent_by_the_service = {f"post {name}" for name in document["webhooks"]}
    await browser.open(f"{live.base}/docs")
    offered: dict[str, Any] = {}
    async with asyncio.timeout(PATIENCE):
        while offered != expected:
            offered = {name: json.loads(text) for name, text in (await browser.run(OFFERED)).items() if text}
            offered = {name: body for name, body in offered.items() if name not in sent_by_the_service}
            await asyncio.sleep(0.2)
