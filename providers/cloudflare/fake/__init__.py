"""A stand-in for Cloudflare Stream Live: the API, the delivery host and the webhooks, without a camera.

`server.make_app` builds it, `python -m service fake-cloudflare` runs it. Publishing, time and faults are driven over `/__admin/`.
What it keeps to is Cloudflare's documentation and what was seen of the real API; what nobody has documented is a switch in
`config.Switches`.
"""
