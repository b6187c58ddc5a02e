"""Providers of live streams: one port (`base.py`), several carriers behind it.

To write another provider: implement `providers.base.Provider` in a package here, declare what it needs from the outside as a
port of its own (never import `service`), add it to `service/wiring/drivers.py`, and run `tests/contract/test_provider.py` on it.
"""
