"""The real-time API: a WebSocket on which clients receive the changes of resources.

log ─▶ feed (one reader per organization) ─▶ Room: who has subscribed to the path and may read the event? ─▶ sockets
client ─▶ socket ─▶ is the path covered? would a GET be answered? ─▶ replay since an id ─▶ Room
"""
