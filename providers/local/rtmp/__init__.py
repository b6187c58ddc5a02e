"""RTMP without I/O: bytes in, events and bytes out. Start at `session.py`; `states.py` and `chunks.py` are below it."""
