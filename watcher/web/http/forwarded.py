"""Where people find the service: as the settings say, or a proxy in front whose word is believed.

What other requests say of it (`X-Forwarded-Proto` and its kin) is not looked at: whoever sends that is no proxy of
ours. X-Forwarded-For is nginx's, which believes the same proxies (`real_ip`, settings.conf).
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Any

from watcher.settings.schema import Site

PEER = "WATCHER_PEER"  # in a request's environ: who is connected to nginx; nothing where no proxy is believed
FRAMED = "watcher.framed"  # the proxy shows our pages in a frame of its own
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[\w.~-]+){1,20}", re.ASCII)
_HOST = re.compile(r"[\w.-]{1,253}(?::\d{1,5})?|\[[0-9a-fA-F:.]{2,45}\](?::\d{1,5})?", re.ASCII)
_PREFIX_MOST = 500  # characters


class Forwarded:
    """Puts into a request what is true of it."""

    def __init__(self, site: Site) -> None:
        self._path = site.path
        networks = tuple(ipaddress.ip_network(network, strict=False) for network in site.trusted_proxies)

        @lru_cache(maxsize=100)
        def believed(peer: str) -> bool:
            try:
                address = ipaddress.ip_address(peer)
            except ValueError:
                return False
            return any(address in network for network in networks)

        self._believed = believed

    def put(self, environ: dict[str, Any]) -> None:
        """Set scheme, host and mount of a request (a WSGI environ)."""
        if scheme := environ.get("REQUEST_SCHEME"):
            environ["wsgi.url_scheme"] = scheme  # as nginx was asked: uWSGI believes everybody's X-Forwarded-Proto
        prefix, peer = self._path, environ.get(PEER)
        if peer is not None and self._believed(peer):
            if (proto := _last(environ, "PROTO").lower()) in {"http", "https"}:
                environ["wsgi.url_scheme"] = proto
            if _HOST.fullmatch(host := _last(environ, "HOST")):
                environ["HTTP_HOST"] = host
            prefix = _prefix(_last(environ, "PREFIX")) or prefix
            # Home Assistant takes the path away as well, and shows our pages beside its own.
            if ingress := _prefix(environ.get("HTTP_X_INGRESS_PATH", "")):
                prefix, environ[FRAMED] = ingress, True
        if prefix:
            environ["SCRIPT_NAME"] = prefix + environ.get("SCRIPT_NAME", "")


def _last(environ: dict[str, Any], what: str) -> str:
    """What the nearest proxy says: each one adds its word at the end."""
    return str(environ.get(f"HTTP_X_FORWARDED_{what}", "")).rpartition(",")[2].strip()


def _prefix(text: str) -> str:
    """A path that can stand before ours in every address; "" for anything else."""
    text = text.rstrip("/")
    return text if len(text) <= _PREFIX_MOST and _PREFIX.fullmatch(text) else ""
