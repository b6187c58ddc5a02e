"""The only place that runs ffmpeg: renditions of a live stream, thumbnails, the test pattern."""
