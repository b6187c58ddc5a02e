"""Use the API channel through Chatwoot's own Python client: `use_chatwoot_sdk.py HOOK`, with API_URL and API_TOKEN set."""

from __future__ import annotations

import json
import os
import sys

from chatwoot import ChatwootClient
from chatwoot.exceptions import ChatwootAPIError, ChatwootAuthError, ChatwootNotFoundError


def main(hook: str) -> None:
    """Print what was seen, as JSON."""
    with ChatwootClient(base_url=os.environ["API_URL"], api_token=os.environ["API_TOKEN"]) as client:
        profile = client.profile.get()
        account = profile.account_id
        inbox = client.inboxes.create(account, "Api", "api", webhook_url=hook)
        made = client.contacts.create(account, inbox.id, name="Pranav", email="pranav@example.com")
        source = made.contact_inbox.source_id
        conversation = client.conversations.create(account, source, inbox.id)
        incoming = client.messages.create(account, conversation.id, "Hello", message_type="incoming")
        outgoing = client.messages.create(account, conversation.id, "Welcome")
        note = client.messages.create(account, conversation.id, "VIP", private=True)
        resolved = client.conversations.toggle_status(account, conversation.id, "resolved")
        refusals = []
        for kind, call in (
            (ChatwootNotFoundError, lambda: client.conversations.get(account, 999)),
            (ChatwootAPIError, lambda: client.contacts.create(account, inbox.id, email="PRANAV@example.com")),
        ):
            try:
                call()
            except kind as error:
                refusals.append(str(error))
        seen = {
            "role": profile.role.value,
            "webhook": inbox.webhook_url,
            "inboxes": [each.name for each in client.inboxes.list(account)],
            "found": [each.name for each in client.contacts.search(account, "pranav")],
            "renamed": client.contacts.update(account, made.contact.id, name="P.").name,
            "types": [incoming.message_type, outgoing.message_type, note.message_type],
            "senders": [incoming.sender.type, outgoing.sender.type],
            "messages": [each.content for each in client.messages.list(account, conversation.id)],
            "of_contact": [each.id for each in client.contacts.conversations(account, made.contact.id)],
            "resolved": resolved.current_status.value,
            "listed": [each.id for each in client.conversations.list(account, status="resolved")],
            "status": client.conversations.get(account, conversation.id).status.value,
            "refusals": refusals,
        }
    with ChatwootClient(base_url=os.environ["API_URL"], api_token="wrong") as stranger:
        try:
            stranger.profile.get()
        except ChatwootAuthError:
            seen["stranger"] = "refused"
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1])
