"""The live-stream conference service. Start reading at `app.py`."""
