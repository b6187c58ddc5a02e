"""Cloudflare Stream behind the provider port.

`provider.py` decides, `client.py` talks, `mapping.py` translates, `webhooks.py` listens.
"""
