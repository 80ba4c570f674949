"""Settings: a TOML file and the environment, read once, checked whole, handed down as one value.

One table per concern. `etc/watcher.toml` (or the file that `WATCHER_CONFIG` names) is read first, then
`WATCHER_<TABLE>__<KEY>` overrides, and `WATCHER_<TABLE>__<KEY>_FILE` reads the value from a file.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
import zoneinfo
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_type_hints
from zoneinfo import ZoneInfo

import msgspec

from watcher.model.errors import ConfigError
from watcher.naming.presets import NamingError
from watcher.settings.place import place_of
from watcher.settings.schema import BIN_DAYS_MOST, EXPORT_DAYS_MOST, Settings

ETC = Path(__file__).resolve().parent.parent.parent / "etc"


class Loaded(msgspec.Struct, frozen=True):
    """Settings and where each value came from: `default`, a file, or a variable."""

    settings: Settings
    sources: dict[str, str]  # "table.key" → source


def settings_file(environment: Mapping[str, str]) -> Path:
    """The file of settings, whether it is there or not."""
    named = environment.get("WATCHER_CONFIG")
    return Path(named) if named else ETC / "watcher.toml"


def load(environment: Mapping[str, str] | None = None) -> Loaded:
    """Read the settings. Raises ConfigError, in a sentence that names the place."""
    env = os.environ if environment is None else environment
    path = settings_file(env)
    values: dict[str, dict[str, Any]] = {}
    sources: dict[str, str] = {}
    if path.is_file():
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as reason:
            raise ConfigError(f"{path}: {reason}") from reason
        for table, entries in tables.items():
            _known(table, _tables(), f"{path} has no table [{table}]")
            if not isinstance(entries, dict):
                raise ConfigError(f"{path}: {table} must be a table")
            for key, value in entries.items():
                _known(key, _keys(table), f"{path}: [{table}] has no setting {key!r}")
                values.setdefault(table, {})[key] = value
                sources[f"{table}.{key}"] = str(path)
    elif env.get("WATCHER_CONFIG"):
        raise ConfigError(f"WATCHER_CONFIG names {path}, which is not there")
    for name, text in sorted(env.items()):
        if not name.startswith("WATCHER_") or "__" not in name:
            continue
        table, _, key = name.removeprefix("WATCHER_").lower().partition("__")
        _known(table, _tables(), f"{name}: there is no table [{table}]")
        if key.endswith("_file") and not text:
            continue  # Compose passes on what is not set as empty
        if key.endswith("_file") and key.removesuffix("_file") in _keys(table):
            key = key.removesuffix("_file")
            try:
                text = Path(text).read_text(encoding="utf-8").strip()  # noqa: PLW2901 - the text is in that file
            except (OSError, UnicodeDecodeError) as reason:
                raise ConfigError(f"{name}: {text} cannot be read: {reason}") from reason
        _known(key, _keys(table), f"{name}: [{table}] has no setting {key!r}")
        values.setdefault(table, {})[key] = _from_text(text, _keys(table)[key])
        sources[f"{table}.{key}"] = name
    try:
        settings = msgspec.convert(values, Settings)
    except msgspec.ValidationError as reason:
        place = re.search(r"at `\$\.([\w.]+)", str(reason))
        where = place.group(1) if place else "settings"
        if found := re.search(r"at `\$\.naming\.(\w+)\[(\d+)\]", str(reason)):
            detail = str(reason).partition(" - at")[0]
            raise _refusal(path, NamingError(found[1], int(found[2]), "", detail)) from reason
        raise ConfigError(
            f"{where} ({sources.get(where, 'settings')}): {str(reason).partition(' - at')[0]}"
        ) from reason
    _check(settings, sources)
    try:
        settings.name_reader()
    except NamingError as reason:
        raise _refusal(path, reason) from reason
    return Loaded(settings, sources)


def _check(settings: Settings, sources: Mapping[str, str]) -> None:
    """Refuse values of the right kind that make no sense."""

    def refuse(name: str, why: str) -> None:
        raise ConfigError(f"{name} ({sources.get(name, 'default')}): {why}")

    if settings.site.timezone:
        try:
            ZoneInfo(settings.site.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            refuse("site.timezone", f"{settings.site.timezone!r} is no IANA zone, such as 'Europe/Berlin'")
    if settings.site.location:
        try:
            place_of(settings.site.location)
        except ValueError as reason:
            refuse("site.location", str(reason))
    if settings.site.public_url and not re.fullmatch(
        r"https?://[^/?#\s]+(/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)*/?", settings.site.public_url
    ):
        refuse("site.public_url", "must be http:// or https:// and a host, with a plain path or none")
    if settings.video.watch not in {"auto", "native", "poll"}:
        refuse("video.watch", 'must be "auto", "native" or "poll"')
    if settings.proxy.make not in {"off", "asked", "ahead"}:
        refuse("proxy.make", 'must be "off", "asked" or "ahead"')
    if not 96 <= settings.proxy.height <= 4320:
        refuse("proxy.height", "must be from 96 to 4320 pixels")
    if not 0 < settings.export.keep_days <= EXPORT_DAYS_MOST:
        refuse("export.keep_days", f"must be more than 0, and at most {EXPORT_DAYS_MOST}")
    if settings.export.max_bytes < 1:
        refuse("export.max_bytes", "must be at least 1")
    if not 1 <= settings.proxy.threads <= 64:
        refuse("proxy.threads", "must be from 1 to 64")
    if settings.silence.after_hours < 0 or any(one.after_hours <= 0 for one in settings.silence.cameras):
        refuse("silence.after_hours", "must not be negative, and of a single camera more than 0")
    if not 0 <= settings.retention.bin_days <= BIN_DAYS_MOST:
        refuse("retention.bin_days", f"must be from 0 to {BIN_DAYS_MOST}, for which retired clips are remembered")
    if settings.log.format not in {"text", "json", "combined"}:
        refuse("log.format", 'must be "text", "json" or "combined"')
    if settings.log.level not in {"debug", "info", "warning", "error"}:
        refuse("log.level", 'must be "debug", "info", "warning" or "error"')
    if settings.auth.mode not in {"open", "keys"}:
        refuse("auth.mode", 'must be "open" or "keys"')
    for origin in settings.site.allowed_origins:
        if not re.fullmatch(r"https?://[^/\s]+", origin):
            refuse("site.allowed_origins", f"{origin!r} must be http:// or https:// and a host, without a path")
    for network in settings.site.trusted_proxies:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            refuse("site.trusted_proxies", f"{network!r} is no address and no network")
    if settings.ftp.listen and not re.fullmatch(r"\S+:\d{1,5}", settings.ftp.listen):
        refuse("ftp.listen", "must be HOST:PORT, such as 0.0.0.0:2121")
    if settings.ftp.passive_ports and not re.fullmatch(r"\d{1,5}(-\d{1,5})?", settings.ftp.passive_ports):
        refuse("ftp.passive_ports", "must be such as 50000-50010")
    if settings.ftp.require_tls and not settings.tls.certificate:
        refuse("ftp.require_tls", "needs tls.certificate")
    if bool(settings.tls.certificate) != bool(settings.tls.key):
        refuse("tls.certificate", "certificate and key are set together, or neither")
    for name, path in (("tls.certificate", settings.tls.certificate), ("tls.key", settings.tls.key)):
        if path and not os.access(path, os.R_OK):
            refuse(name, f"{path} cannot be read")
    for number, hook in enumerate(settings.webhooks.hooks, 1):
        if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", hook.url):  # not shown: it may hold a secret
            refuse("webhooks.hooks", f"the url of number {number} must be http:// or https:// and a host")
    if len({hook.url for hook in settings.webhooks.hooks}) < len(settings.webhooks.hooks):
        refuse("webhooks.hooks", "two hooks have the same url")
    for name, value, least, most in (
        ("video.settle_seconds", settings.video.settle_seconds, 0.05, 3600),
        ("video.poll_seconds", settings.video.poll_seconds, 0.1, 86400),
        ("scan.interval_seconds", settings.scan.interval_seconds, 1, 30 * 86400),
        ("scan.max_missing_share", settings.scan.max_missing_share, 0, 1),
        ("render.workers", settings.render.workers, 0, 64),
        ("upload.max_bytes", settings.upload.max_bytes, 1 << 20, 1 << 50),
        ("upload.max_bytes_per_day", settings.upload.max_bytes_per_day, 0, 1 << 50),
        ("upload.min_free_bytes", settings.upload.min_free_bytes, 0, 1 << 50),
        ("upload.expire_hours", settings.upload.expire_hours, 0.001, 24 * 365),
        ("upload.longest_hours", settings.upload.longest_hours, 0.001, 24 * 365),
        ("upload.chunked_bytes", settings.upload.chunked_bytes, 1 << 20, 1 << 50),
        ("upload.max_parallel", settings.upload.max_parallel, 1, 10_000),
        ("upload.max_unfinished", settings.upload.max_unfinished, 1, 10_000),
        ("retention.max_age_days", settings.retention.max_age_days, 0, 36500),
        ("retention.labeled_max_age_days", settings.retention.labeled_max_age_days, 0, 36500),
        ("retention.max_bytes", settings.retention.max_bytes, 0, 1 << 60),
        ("retention.min_free_bytes", settings.retention.min_free_bytes, 0, 1 << 50),
        ("retention.grace_days", settings.retention.grace_days, 0, 3650),
        ("retention.doubt_days", settings.retention.doubt_days, 2, 36500),
        ("retention.max_share", settings.retention.max_share, 0, 1),
        ("tls.hsts_seconds", settings.tls.hsts_seconds, 0, 10 * 365 * 86400),
        ("render.timeout_seconds", settings.render.timeout_seconds, 1, 3600),
    ):
        if not least <= value <= most:
            refuse(name, f"must be between {least:g} and {most:g}")


def _refusal(path: Path, reason: NamingError) -> ConfigError:
    """The same refusal with the line of the settings file that it is about."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    header = re.compile(rf"\s*\[\[\s*naming\s*\.\s*{reason.place}\s*\]\]")
    starts = [number for number, line in enumerate(lines) if header.match(line)]
    where = f"naming.{reason.place}"
    if reason.number < len(starts):
        first = at = starts[reason.number]
        for number in range(first + 1, len(lines)):
            if lines[number].lstrip().startswith("["):
                break
            if reason.field and re.match(rf"\s*{reason.field}\s*=", lines[number]):
                at = number
        where = f"{path}, line {at + 1}"
    return ConfigError(f"{where}: {reason}")


def describe(loaded: Loaded) -> list[tuple[str, str, str]]:
    """Name, value and source of every setting, passwords masked."""
    rows = []
    for table, struct in _tables().items():
        for field in msgspec.structs.fields(struct):
            name = f"{table}.{field.name}"
            value = getattr(getattr(loaded.settings, table), field.name)
            text = msgspec.json.encode(value).decode()
            if name == "webhooks.hooks":
                text = re.sub(r'"secret":"[^"]+"', '"secret":"***"', text)
            if name == "catalog.password" and value:
                text = '"***"'
            if name == "catalog.url":
                text = re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", text)
            rows.append((name, text, loaded.sources.get(name, "default")))
    return rows


def _tables() -> dict[str, type[msgspec.Struct]]:
    return get_type_hints(Settings)


def _keys(table: str) -> dict[str, Any]:
    return get_type_hints(_tables()[table])


def _known(name: str, known: Mapping[str, Any], refusal: str) -> None:
    if name not in known:
        near = get_close_matches(name, known, n=1)
        raise ConfigError(refusal + (f"; did you mean {near[0]!r}?" if near else ""))


def _from_text(text: str, kind: Any) -> Any:
    """A variable's text as the kind of value that its setting has; wrong text is refused later, by name."""
    if kind is bool:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
            text.lower(), text
        )
    if kind in {int, float}:
        try:
            return kind(text)
        except ValueError:
            return text
    if get_args(kind) and isinstance(get_args(kind)[0], type(msgspec.Struct)):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text
    if get_args(kind):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text
