"""Whom a certificate is for."""

from __future__ import annotations

import re
from pathlib import Path

_HOST = re.compile(
    r"(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]+"
)  # nothing that nginx would read


def hosts(path: Path) -> list[str]:
    """Names, `*.` ones too, and addresses that the first certificate of a PEM file is for; none of another file."""
    from cryptography import x509  # noqa: PLC0415 - costs 10 MB, and only who speaks HTTPS needs it

    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return []
    texts = names.get_values_for_type(x509.DNSName) + list(map(str, names.get_values_for_type(x509.IPAddress)))
    return [f"[{text}]" if ":" in text else text.lower() for text in texts if _HOST.fullmatch(text)]
