"""Viewer counts: distinct visitor ids per stream within the last 120 seconds."""
