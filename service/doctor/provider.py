"""Check of the provider: whether it accepts the account."""

from __future__ import annotations

from service.doctor.check_result import ANSWER_TIMEOUT, CheckResult, Level
from service.settings import ProviderName, Settings


async def check_provider(settings: Settings) -> list[CheckResult]:
    if settings.provider is ProviderName.LOCAL:
        return [CheckResult(Level.OK, "provider", f"local, renditions: {', '.join(settings.renditions)}")]
    import aiohttp

    token = settings.cloudflare_api_token
    headers = {"Authorization": f"Bearer {token.get_secret_value() if token else ''}"}
    url = f"{settings.cloudflare_base_url}/accounts/{settings.cloudflare_account_id}/stream/live_inputs"
    limit = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT)
    try:
        async with aiohttp.ClientSession(timeout=limit, trust_env=True) as session:
            async with session.get(url, headers=headers) as answer:
                status = answer.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        seen = f"cloudflare does not answer: {type(error).__name__}"
        return [CheckResult(Level.FAIL, "provider", seen, "Check the network and CONFERENCE_CLOUDFLARE_BASE_URL")]
    if status == 200:
        return [CheckResult(Level.OK, "provider", "cloudflare accepts the account and the token")]
    advice = (
        "Make a token with the permission Stream:Edit for this account (CONFERENCE_CLOUDFLARE_API_TOKEN, _ACCOUNT_ID)"
    )
    return [CheckResult(Level.FAIL, "provider", f"cloudflare answers {status}", advice)]
