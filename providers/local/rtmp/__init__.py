"""RTMP without I/O: bytes in, events and bytes out. Start at `session.py`; `chunks.py` is below it, `amf0.py` beside it."""
