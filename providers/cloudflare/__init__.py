"""Cloudflare Stream behind the provider port.

`provider.py` implements the port, `client.py` sends requests, `mapping.py` converts, `webhooks.py` receives webhooks.
"""
