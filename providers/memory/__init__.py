"""In-memory implementation of the provider port: no media, all behaviour, driven by the test."""

from providers.memory.provider import MemoryProvider

__all__ = ["MemoryProvider"]
