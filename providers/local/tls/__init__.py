"""Certificates of the RTMPS port: the local authority and the server's TLS context."""
