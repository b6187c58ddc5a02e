"""The API channel: resources of a contract of its own, which clients written for Chatwoot and OneHash Chat use.

Its paths begin with /api/v1/accounts and /public/api/v1/inboxes. `contract.py` has its conventions, the other files its resources.
"""
