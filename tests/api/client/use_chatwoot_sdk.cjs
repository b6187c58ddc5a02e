// Uses the API channel through a client for Chatwoot: node use_chatwoot_sdk.cjs HOOK, with API_URL and API_TOKEN set.
const { default: ChatwootClient, ApiError } = require("../vendor/figuro-chatwoot-sdk-1.1.17.cjs");

const config = { basePath: process.env.API_URL, with_credentials: false, token: process.env.API_TOKEN };

async function main(hook) {
  const client = new ChatwootClient({ config });
  const { account_id: accountId } = await client.profile.profile();
  const inbox = await client.inboxes.create({
    accountId,
    data: { name: "Api", channel: { type: "api", webhook_url: hook } },
  });
  const contact = await client.contacts.create({ accountId, data: { inbox_id: inbox.id, name: "Pranav" } });
  const source_id = contact.payload.contact_inbox.source_id;
  const conversation = await client.conversations.create({ accountId, data: { source_id, inbox_id: String(inbox.id) } });
  const where = { accountId, conversationId: conversation.id };
  const incoming = await client.messages.create({
    ...where,
    data: {
      content: "Look",
      message_type: "incoming",
      private: false,
      content_attributes: { a: 1 },
      attachments: [{ content: "iVBORw0KGgo=", encoding: "base64", filename: "file.png" }],
    },
  });
  const outgoing = await client.messages.create({ ...where, data: { content: "Nice" } });
  const listed = await client.messages.list(where);
  const status = await client.conversations.toggleStatus({ ...where, data: { status: "resolved" } });
  const refusal = await client.contacts.get({ accountId, id: 999 }).catch((error) => error);
  const deleted = await client.messages.delete({ ...where, messageId: outgoing.id });

  const app = { inboxIdentifier: inbox.inbox_identifier };
  const visitor = await client.client.contacts.create({ ...app, data: { name: "Visitor" } });
  const session = { ...app, contactIdentifier: visitor.source_id };
  const begun = await client.client.conversations.create(session);
  const asked = await client.client.messages.create({ ...session, conversationId: begun.id, data: { content: "Hi" } });
  const seen = await client.client.messages.list({ ...session, conversationId: begun.id });

  console.log(
    JSON.stringify({
      flat: contact.contact_inboxes[0].source_id === source_id && contact.id === contact.payload.contact.id,
      types: [incoming.message_type, outgoing.message_type, asked.message_type],
      attributes: incoming.content_attributes,
      file: [incoming.attachments[0].file_type, incoming.attachments[0].data_url.startsWith(process.env.API_URL)],
      listed: listed.payload.map((each) => each.content),
      contact: listed.meta.contact.name,
      status: status.payload.current_status,
      refusal: [refusal instanceof ApiError, refusal.status, refusal.body],
      deleted: deleted.content_attributes,
      seen: seen.map((each) => each.content),
    }),
  );
}

main(process.argv[2]);
