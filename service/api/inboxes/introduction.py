"""The API channel in the introduction of the OpenAPI document."""

INTRODUCTION = """
## API channel

Chats from outside (a web chat, WhatsApp, a bot) reach an organization through **inboxes**. The contract is that of
Chatwoot's and OneHash Chat's API channel, so clients that were written for them work here. Its conventions differ from
those above:

- **Credentials.** Send the API token in the header `api_access_token`, without a prefix; `api-access-token` is the same
  (nginx drops names with underscores by default). `GET /api/v1/profile` returns the `account_id` that all other paths
  need.
- **Ids** are integers; a conversation's id counts within the account. Numbers and booleans may be sent as text.
- **Bodies** are JSON, forms or, with files, multipart data. Every success is a 200.
- **Errors** are `{"error": "…"}`, or for fields that break rules a 422 `{"message": "…", "attributes": ["email"]}`.
- **Times** are Unix seconds; 0 stands for never.

Three steps carry a message in; `A` is `<origin>/api/v1/accounts/<account_id>` and `S` the `source_id` of the first
response. `scripts/examples/ask_from_outside.py` is a program that takes them:

```text
curl -H "api_access_token: $T" -d inbox_id=3 -d name=Pranav $A/contacts        # contact_inboxes[0].source_id
curl -H "api_access_token: $T" -d source_id=$S $A/conversations                # id
curl -H "api_access_token: $T" -d message_type=incoming -d content=Hello $A/conversations/1/messages
```

**Webhook.** The `webhook_url` of an inbox receives `conversation_created`, `conversation_updated`,
`conversation_status_changed`, `message_created`, `message_updated`, `conversation_typing_on` and
`conversation_typing_off`. Forward to the contact only messages with `message_type` `outgoing` and `private` false;
`conversation.contact_inbox.source_id` says to whom. Requests have a timeout of 5 s and are tried once, or
`webhook_attempts` times. Events of a conversation arrive in order. A message whose event could not be delivered gets
the status `failed`, with the reason in `content_attributes.external_error`. `X-Chatwoot-Signature` is `sha256=` and the
HMAC-SHA256, in hex, of `X-Chatwoot-Timestamp`, a dot and the body, with the inbox's `secret`.

**Bound to a channel.** An inbox with `live_channel_id` shows its messages in the channel's room. Their body has
`inbox_message` with the ids of inbox, conversation, message and contact. A user answers with a message whose body has
`reply_to`, the id of the message in the room; it is stored as an outgoing message of the conversation. All agents of
the account see the conversations of an inbox, also if its channel is private. To bind an inbox requires control of the
channel, as for its stream.

**Contacts' apps** use the public client API below `/public/api/v1/inboxes/<inbox_identifier>`, without a token and from
any origin. A session is opened by its `source_id`, which must be kept secret. To prove the identity of a contact, your
server computes `identifier_hash`: the HMAC-SHA256 of `identifier` with the inbox's `hmac_token`, in hex. An inbox with
`hmac_mandatory` requires it. An address may send 3,000 requests a minute.

**Files.** A message has at most 15 files of 40 MiB together. `data_url` is an address that cannot be guessed. Browsers
display images, audio and video; they save all other files.

**Limits of bodies.** 1 MiB without files. A multipart body has at most 100 parts, a form 500 fields, and a JSON body
10,000 values. Forms and multipart bodies are UTF-8.
"""
