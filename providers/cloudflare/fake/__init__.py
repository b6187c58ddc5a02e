"""A stand-in for Cloudflare Stream Live: the API, the delivery host and the webhooks, without a camera.

`server.make_app` builds it, `python -m service fake-cloudflare` runs it. Publishing, time and faults are driven over `/__admin/`.
It follows Cloudflare's documentation and observations of the real API; undocumented behaviour is a switch in
`config.Switches`.
"""
