"""What settings may be: the sentences for what their types refuse, and what no type can say."""

from __future__ import annotations

import ipaddress
import math
import os
import re
import zoneinfo
from collections.abc import Iterator
from itertools import chain
from typing import Any, Literal, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import msgspec

from watcher.settings import stores
from watcher.settings.place import place_of
from watcher.settings.schema import Ftp, Live, Settings, Site, Tls, Webhooks

Problem = tuple[str, str]  # the name of a setting, and what is wrong with it


def possible(name: str) -> str | None:
    """The choices or the range of a setting, as `must be …`; None where its type has neither."""
    table, _, key = name.partition(".")
    struct = get_type_hints(Settings)[table]
    if get_origin(struct) is tuple:  # any number of them
        struct = get_args(struct)[0]
    kind: Any = get_type_hints(struct, include_extras=True).get(key)
    if get_origin(kind) is Literal:
        *others, last = (f'"{choice}"' for choice in get_args(kind))
        return f"must be {', '.join(others)} or {last}"
    for meta in getattr(kind, "__metadata__", ()):
        if meta.gt is not None:
            return f"must be more than {meta.gt:g}" + ("" if meta.le is None else f", and at most {meta.le:g}")
        if meta.le is None:
            return f"must be at least {meta.ge:g}"
        return f"must be between {meta.ge:g} and {meta.le:g}"
    return None


def problems(settings: Settings) -> Iterator[Problem]:
    """Values of the right kind that make no sense."""
    return chain(
        _no_numbers(settings),
        _of_site(settings.site),
        _of_ftp(settings.ftp, settings.tls),
        _of_tls(settings.tls),
        _of_webhooks(settings.webhooks),
        _of_live(settings.live),
        _of_ingest(settings),
        stores.problems(settings.stores, settings.tiering),
    )


def _of_ingest(settings: Settings) -> Iterator[Problem]:
    """A catalog in the data folder is nobody else's."""
    if not settings.ingest.here and not settings.catalog.url.startswith("postgresql"):
        yield "ingest.here", "needs a catalog that the node with the disk has too: PostgreSQL (catalog.url)"


def _no_numbers(settings: Settings) -> Iterator[Problem]:
    """TOML has nan, which is in every range: it is neither less nor more than a bound."""
    for table, values in msgspec.structs.asdict(settings).items():
        for key, value in ({} if isinstance(values, tuple) else msgspec.structs.asdict(values)).items():
            if _has_nan(value):
                yield f"{table}.{key}", possible(f"{table}.{key}") or "nan is no number"


def _has_nan(value: object) -> bool:
    """Whether there is one in a value, or in what stands in a table of its own."""
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, msgspec.Struct):
        return any(_has_nan(part) for part in msgspec.structs.asdict(value).values())
    return isinstance(value, tuple) and any(_has_nan(part) for part in value)


def _of_site(site: Site) -> Iterator[Problem]:
    if site.timezone:
        try:
            ZoneInfo(site.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            yield "site.timezone", f"{site.timezone!r} is no IANA zone, such as 'Europe/Berlin'"
    if site.location:
        try:
            place_of(site.location)
        except ValueError as reason:
            yield "site.location", str(reason)
    if site.public_url and not re.fullmatch(
        r"https?://[^/?#\s]+(/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)*/?", site.public_url
    ):
        yield "site.public_url", "must be http:// or https:// and a host, with a plain path or none"
    for origin in site.allowed_origins:
        if not re.fullmatch(r"https?://[^/\s]+", origin):
            yield "site.allowed_origins", f"{origin!r} must be http:// or https:// and a host, without a path"
    for network in site.trusted_proxies:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            yield "site.trusted_proxies", f"{network!r} is no address and no network"


def _of_live(live: Live) -> Iterator[Problem]:
    """It becomes a link, which everybody may follow who may see the camera's clips."""
    for table in live.cameras:
        if not re.fullmatch(r"https?://[^/?#@\s]+([/?#]\S*)?", table.live_url):
            what = "must be http:// or https:// and a host, without a user and a password"
            yield "live.cameras", f"live_url of {table.camera!r} {what}"


def _of_ftp(ftp: Ftp, tls: Tls) -> Iterator[Problem]:
    if ftp.listen and not re.fullmatch(r"\S+:\d{1,5}", ftp.listen):
        yield "ftp.listen", "must be HOST:PORT, such as 0.0.0.0:2121"
    if ftp.passive_ports and not re.fullmatch(r"\d{1,5}(-\d{1,5})?", ftp.passive_ports):
        yield "ftp.passive_ports", "must be such as 50000-50010"
    if ftp.require_tls and not tls.certificate:
        yield "ftp.require_tls", "needs tls.certificate"


def _of_tls(tls: Tls) -> Iterator[Problem]:
    if bool(tls.certificate) != bool(tls.key):
        yield "tls.certificate", "certificate and key are set together, or neither"
    for name, path in (("tls.certificate", tls.certificate), ("tls.key", tls.key)):
        if path and not os.access(path, os.R_OK):
            yield name, f"{path} cannot be read"


def _of_webhooks(webhooks: Webhooks) -> Iterator[Problem]:
    for number, hook in enumerate(webhooks.hooks, 1):
        if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", hook.url):  # not shown: it may hold a secret
            yield "webhooks.hooks", f"the url of number {number} must be http:// or https:// and a host"
    if len({hook.url for hook in webhooks.hooks}) < len(webhooks.hooks):
        yield "webhooks.hooks", "two hooks have the same url"
