"""Configuration shared with a Jitsi deployment: our settings and the lines for Prosody's configuration."""

from __future__ import annotations

import secrets

from service.domain.access.ports import SecretStore
from service.domain.conversation.meetings import APP_SECRET, MeetingSigner
from service.settings import Settings


async def meeting_signer(settings: Settings, secret_store: SecretStore) -> MeetingSigner:
    """Return a signer: RS256 if a private key is set, else HS256 with the configured secret or a generated one.

    Errors: Unavailable.
    """
    names = (settings.jitsi_app_id, settings.jitsi_audience, settings.jitsi_domain)
    if settings.jitsi_private_key is not None:
        return MeetingSigner(*names, settings.jitsi_private_key.read_text(), settings.jitsi_key_id)
    if settings.jitsi_app_secret is not None:
        return MeetingSigner(*names, settings.jitsi_app_secret.get_secret_value())
    return MeetingSigner(*names, await secret_store.secret(APP_SECRET, secrets.token_urlsafe(48)))


def prosody_lines(signer: MeetingSigner) -> list[str]:
    """Return the lines for the virtual host in Prosody's configuration. With HS256 they include the secret."""
    shared = f'app_secret = "{signer.key}"' if signer.key_id is None else 'signature_algorithm = "RS256"'
    return [
        'authentication = "token"',
        f'app_id = "{signer.app_id}"',
        shared,
        f'asap_accepted_issuers = {{ "{signer.app_id}" }}',
        f'asap_accepted_audiences = {{ "{signer.audience}" }}',
    ]
