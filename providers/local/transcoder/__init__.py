"""Runs ffmpeg, and is the only room that does: renditions of a live stream, thumbnails, the test pattern."""
