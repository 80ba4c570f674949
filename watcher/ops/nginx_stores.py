"""What nginx is told of buckets, in which clips lie: one location for each, and nothing where there is none.

Where a request goes is written here, from the settings, when watcher starts; path and question are what the
application signs for a clip. So nothing that a client sends decides whom nginx asks.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from watcher.model.errors import StartError
from watcher.settings.schema import Settings
from watcher.settings.stores import StoreTable

AUTHORITIES = "authorities.pem"  # in run/, beside the file that names it: Compose's nginx has none of its own
_BUNDLES = (  # Debian's, Alpine's, Fedora's, and SUSE's
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
)
DOCKERS = "127.0.0.11"  # the name server of Docker's own networks
_HOSTS, _RESOLVERS = Path("/etc/hosts"), Path("/etc/resolv.conf")


def locations(settings: Settings, run: Path) -> str:
    """A location for each bucket; also writes the authorities by which its certificate is judged.

    Raises StartError where a store is asked by TLS, and nobody says whom to believe.
    """
    buckets = [table for table in settings.stores if table.kind == "s3"]
    if not buckets:
        return ""
    secure = any(table.endpoint.startswith("https:") for table in buckets)
    if secure:
        (run / AUTHORITIES).write_text(_authorities(), encoding="utf-8")
    return "".join(_location(table, run) for table in buckets) + "include watcher/buckets.conf;\n"


def _location(table: StoreTable, run: Path) -> str:
    address = urlsplit(table.endpoint)
    host, text = address.hostname or "", ""
    literal = _literal(host)
    if literal is None and (servers := _resolvers()):
        # Docker says that a name holds for ten minutes; a container that was made anew has another address at once.
        text += f"    resolver {' '.join(servers)}{' valid=5s' if DOCKERS in servers else ''};\n"
    port = address.port or (443 if address.scheme == "https" else 80)
    if address.scheme == "https":
        text += f'    proxy_ssl_name "{host}";\n    proxy_ssl_trusted_certificate "{run / AUTHORITIES}";\n'
        text += "    include watcher/store-tls.conf;\n"
    return f"""location @store_{table.name} {{
    set $watcher_cold_host "{address.netloc}";
{text}    proxy_pass {address.scheme}://{literal or host}:{port}$watcher_cold_address;
    include watcher/store.conf;
}}
"""


def _literal(host: str) -> str | None:
    """An address as nginx takes it without asking anybody; None for a name that DNS has to tell.

    nginx does not read /etc/hosts when it is asked, so names in there are looked up once.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        known = _in_hosts(host)
        return known and _literal(known)
    return f"[{address}]" if address.version == 6 else str(address)


def _in_hosts(host: str) -> str | None:
    try:
        lines = _HOSTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        address, *names = line.partition("#")[0].split() or [""]
        if host.lower() in map(str.lower, names) and re.fullmatch(r"[0-9A-Fa-f.:]+", address):
            return address
    return None


def _resolvers() -> list[str]:
    """The machine's name servers; none where it names none, as where nginx's main file does."""
    try:
        text = _RESOLVERS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    servers = re.findall(r"^\s*nameserver\s+([0-9A-Fa-f.:]+)\s*$", text, re.MULTILINE)
    return [f"[{address}]" if ":" in address else address for address in servers]


def _authorities() -> str:
    paths = ssl.get_default_verify_paths()  # SSL_CERT_FILE, if it is set
    for path in filter(None, (paths.cafile, *_BUNDLES)):
        try:
            text = Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if "BEGIN CERTIFICATE" in text:
            return text
    raise StartError(
        "stores: nobody says which certificates are to be believed: install ca-certificates, or set SSL_CERT_FILE"
    )
