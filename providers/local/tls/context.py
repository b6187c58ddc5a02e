"""TLS for the ingest: the context of the RTMPS port, and how a renewed certificate is loaded into it.

Where the certificate comes from is elsewhere: `authority.py`, or the operator. This module is what the running service needs,
and does not load the library that makes certificates.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption, no CBC (RFC 9325 §4.2). TLS 1.3 has nothing else."""


class CertificateUnusable(Exception):
    """A certificate or key file is missing, unreadable, or they do not belong together."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """PEM files. `certificate` holds the whole chain; `authority` is what clients must trust, None when that is not ours."""

    certificate: Path
    key: Path
    authority: Path | None = None


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Make a context for `IngestServer.listen`: TLS 1.2 and later. Errors: CertificateUnusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # librtmp over GnuTLS treats a TLS 1.3 session ticket as a failed handshake, and publishes of hours need no resumption.
    context.num_tickets = 0
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION  # each one costs us a signature
    reload(context, CertificateFiles(certificate, key))
    return context


def reload(context: ssl.SSLContext, files: CertificateFiles) -> None:
    """Use what is in `files` from the next handshake on; running connections keep theirs. Errors: CertificateUnusable.

    The files are tried on a context of their own first: after an error the old certificate stays in use.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key)
        context.load_cert_chain(files.certificate, files.key)
    except OSError as error:  # ssl.SSLError is one
        raise CertificateUnusable(f"{files.certificate} with {files.key}: {error.strerror or error}") from error
