"""The live-stream conference service. Start reading at `app.py`."""

VERSION = "0.1.0"
