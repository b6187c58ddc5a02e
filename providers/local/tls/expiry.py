"""When the certificate of a running listener expires.

A handshake in memory shows the certificate that encoders are shown, also after a reload, without the library that reads files.
"""

from __future__ import annotations

import ssl

HANDSHAKE_STEPS = 10
"""A handshake takes four."""


def expires_at(context: ssl.SSLContext, certificate: str) -> float | None:
    """Return the end of the certificate's validity in Unix seconds, 0.0 if it is over, None if it cannot be read.

    Args:
        context: The context of the listener.
        certificate: The path of its PEM file, as the root that the handshake trusts.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        client.load_verify_locations(certificate)
        asking = client.wrap_bio(to_client, to_server)
        answering = context.wrap_bio(to_server, to_client, server_side=True)
        for _ in range(HANDSHAKE_STEPS):
            if _step(asking):
                break
            _step(answering)
        shown = asking.getpeercert()
    except ssl.SSLCertVerificationError as invalid:
        return 0.0 if invalid.verify_code == EXPIRED else None
    except (OSError, ValueError):
        return None
    return ssl.cert_time_to_seconds(str(shown["notAfter"])) if shown else None


EXPIRED = 10
"""X509_V_ERR_CERT_HAS_EXPIRED (OpenSSL, X509_STORE_CTX_get_error)."""


def _step(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
