"""The local provider: our own ingest (RTMP/RTMPS), CMAF packager, shelf and playback."""
