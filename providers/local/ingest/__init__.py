"""The ingest: sockets and TLS around the RTMP protocol of `providers/local/rtmp`."""
