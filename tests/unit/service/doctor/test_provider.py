"""The provider, as the doctor sees it."""

from __future__ import annotations

from service.doctor.check_result import Level
from service.doctor.provider import check_provider
from service.settings import ProviderName, Settings
from tests import servers
from tests.unit.service.doctor.results import changed, result_of


async def test_cloudflare_out_of_reach_fails(settings: Settings) -> None:
    away = changed(
        settings,
        provider=ProviderName.CLOUDFLARE,
        cloudflare_account_id="a",
        cloudflare_base_url=f"http://127.0.0.1:{servers.free_port()}",
    )
    level, text = result_of(await check_provider(away))
    assert level is Level.FAIL
    assert "CONFERENCE_CLOUDFLARE_BASE_URL" in text
