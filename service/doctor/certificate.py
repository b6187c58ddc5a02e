"""Check of the RTMPS certificate: encoders accept it, or the advice says how to trust it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.doctor.check_result import CheckResult, Level
from service.settings import ProviderName, Settings

EXPIRES_SOON = timedelta(days=21)

TRUST_ADVICE = """\
OBS and other encoders accept it once this machine's authority is trusted on the streamer's computer. Copy {authority} there, then
Windows: certutil -addstore -f Root ca.pem    (as administrator)
macOS:   sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ca.pem
Debian:  sudo cp ca.pem /usr/local/share/ca-certificates/conference.crt && sudo update-ca-certificates
Or set a certificate of a public authority: CONFERENCE_TLS_CERT (the whole chain) and CONFERENCE_TLS_KEY"""


async def check_certificate(settings: Settings) -> list[CheckResult]:
    if settings.provider is not ProviderName.LOCAL:
        return []
    from providers.local.tls.authority import describe
    from providers.local.tls.context import CertificateUnusable, server_context

    local = settings.tls_dir
    certificate = settings.tls_cert or local / "server.pem"
    if not certificate.exists():
        return [
            CheckResult(
                Level.OK, "certificate", f"a local authority and a certificate are made in {local} on first start"
            )
        ]
    try:
        server_context(certificate, settings.tls_key or local / "server.key")
        facts = describe(certificate)
    except CertificateUnusable as error:
        return [
            CheckResult(
                Level.FAIL, "certificate", str(error), "Set CONFERENCE_TLS_CERT and CONFERENCE_TLS_KEY to a pair"
            )
        ]
    seen = f"for {', '.join(facts.names) or 'no host name'}, signed by {facts.issuer}, until {facts.expires:%Y-%m-%d}"
    left = facts.expires - datetime.now(UTC)
    host = settings.rtmp_public_host().strip("[]")
    if left < timedelta(0):
        return [
            CheckResult(Level.FAIL, "certificate", f"{seen}: it has expired", "Renew it, then send the service SIGHUP")
        ]
    if settings.tls_cert is None:
        return [CheckResult(Level.OK, "certificate", seen, TRUST_ADVICE.format(authority=local / "ca.pem"))]
    if not any(covers(name, host) for name in facts.names):
        advice = f"Encoders connect to {host}: set CONFERENCE_PUBLIC_RTMP_HOST to a name of the certificate"
        return [CheckResult(Level.WARN, "certificate", seen, advice)]
    if left < EXPIRES_SOON:
        return [CheckResult(Level.WARN, "certificate", seen, "Renew it soon, then send the service SIGHUP")]
    return [CheckResult(Level.OK, "certificate", seen)]


def covers(name: str, host: str) -> bool:
    """Return whether a certificate's name, possibly with a wildcard, is valid for the host."""
    """Return whether a name covers a host; a wildcard stands for the first label (RFC 6125 §6.4.3)."""
    if name.startswith("*."):
        return host.lower().partition(".")[2] == name[2:].lower()
    return name.lower() == host.lower()
