"""The local provider: our own ingest (RTMP/RTMPS), CMAF packager, storage and playback."""
