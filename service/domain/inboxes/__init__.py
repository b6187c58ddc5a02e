"""The API channel: inboxes, their contacts and conversations with the outside, and webhooks to outside chats."""
