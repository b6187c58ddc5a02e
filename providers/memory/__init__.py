"""The in-memory twin of the provider port: no media, all behaviour, driven by the test that holds it."""

from providers.memory.provider import MemoryProvider

__all__ = ["MemoryProvider"]
