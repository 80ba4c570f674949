"""Settings: a TOML file and the environment, read once, checked whole, handed down as one value.

One table per concern. `etc/watcher.toml` (or the file that `WATCHER_CONFIG` names) is read first, then
`WATCHER_<TABLE>__<KEY>` overrides, and `WATCHER_<TABLE>__<KEY>_FILE` reads the value from a file.
"""

from __future__ import annotations

import os
import re
import tomllib
import zoneinfo
from collections.abc import Mapping
from datetime import tzinfo
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_type_hints
from zoneinfo import ZoneInfo

import msgspec

from watcher.errors import ConfigError
from watcher.ignoring import CLIP_SUFFIXES, IGNORED_NAMES, Ignoring
from watcher.naming import Naming
from watcher.presets import Camera, Folder, NamingError, Preset

ETC = Path(__file__).resolve().parent.parent / "etc"


class Site(msgspec.Struct, frozen=True):
    """Where and when the cameras are."""

    # IANA zone in which names are read and days are cut; "" is the host's zone.
    timezone: str = ""
    # The address that people use, such as "https://cams.example.net"; makes URLs in answers absolute.
    public_url: str = ""


class Video(msgspec.Struct, frozen=True):
    """The folder that cameras write into."""

    # Quiet that a file needs before it is listed, where its close cannot be seen.
    settle_seconds: float = 2.0
    # "native" (inotify), "poll" (scan again and again), or "auto": native if a test file is noticed and the
    # folder is not on a network file system.
    watch: str = "auto"
    # Pause between two scans where events do not arrive.
    poll_seconds: float = 5.0
    # Files with these are clips, broken ones if their bytes are something else; of others the bytes decide.
    suffixes: tuple[str, ...] = CLIP_SUFFIXES
    # Names of files and folders that are passed over; * stands for anything.
    ignore: tuple[str, ...] = IGNORED_NAMES


class NamingTable(msgspec.Struct, frozen=True):
    """How cameras name their files; guide/naming.md explains the three kinds of tables."""

    # Your own ways of naming, tried before those that come with watcher.
    presets: tuple[Preset, ...] = ()
    # What holds for everything below a folder: preset, zone, camera, clock correction.
    folders: tuple[Folder, ...] = ()
    # What holds for one camera.
    cameras: tuple[Camera, ...] = ()


class CatalogTable(msgspec.Struct, frozen=True):
    """Where the catalog is."""

    # "" is SQLite in the data folder; else sqlite:///… or postgresql+psycopg://user:password@host/name.
    url: str = ""


class Scan(msgspec.Struct, frozen=True):
    """The comparison of the catalog with the disk."""

    # Pause between two scans while events arrive.
    interval_seconds: float = 3600.0
    # A scan that would mark a larger share of all clips missing at once stops and asks.
    max_missing_share: float = 0.2


class Render(msgspec.Struct, frozen=True):
    """Posters."""

    # Processes that make pictures, at the lowest priority; 0 makes none.
    workers: int = 2
    # A decoder that takes longer on one clip is ended.
    timeout_seconds: float = 30.0


class Auth(msgspec.Struct, frozen=True):
    """Who may."""

    # "open": everybody who can reach the address.
    mode: str = "open"
    # Written out as true, "open" may listen beyond loopback.
    allow_open_network: bool = False


class Settings(msgspec.Struct, frozen=True):
    """Everything that can be set; each default stands beside its field."""

    site: Site = Site()
    video: Video = Video()
    naming: NamingTable = NamingTable()
    catalog: CatalogTable = CatalogTable()
    scan: Scan = Scan()
    render: Render = Render()
    auth: Auth = Auth()

    @property
    def zone(self) -> tzinfo:
        """The site's time zone."""
        return ZoneInfo(self.site.timezone or host_zone())

    def name_reader(self) -> Naming:
        """The presets and bindings in force. Raises NamingError."""
        return Naming(self.zone, self.naming.presets, self.naming.folders, self.naming.cameras)

    def ignoring(self, naming: Naming) -> Ignoring:
        """Which files are passed over, by their names and by the presets in force."""
        return Ignoring(self.video.ignore, self.video.suffixes, naming.role, judges=naming.judges)


class Loaded(msgspec.Struct, frozen=True):
    """Settings and where each value came from: `default`, a file, or a variable."""

    settings: Settings
    sources: dict[str, str]  # "table.key" → source


def load(environment: Mapping[str, str] | None = None) -> Loaded:
    """Read the settings. Raises ConfigError, in a sentence that names the place."""
    env = os.environ if environment is None else environment
    path = Path(env["WATCHER_CONFIG"]) if env.get("WATCHER_CONFIG") else ETC / "watcher.toml"
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
    if settings.site.public_url and not re.fullmatch(r"https?://[^/\s]+/?", settings.site.public_url):
        refuse("site.public_url", "must be http:// or https:// and a host, without a path")
    if settings.video.watch not in {"auto", "native", "poll"}:
        refuse("video.watch", 'must be "auto", "native" or "poll"')
    if settings.auth.mode != "open":
        refuse("auth.mode", 'only "open" is built so far')
    for name, value, least, most in (
        ("video.settle_seconds", settings.video.settle_seconds, 0.05, 3600),
        ("video.poll_seconds", settings.video.poll_seconds, 0.1, 86400),
        ("scan.interval_seconds", settings.scan.interval_seconds, 1, 30 * 86400),
        ("scan.max_missing_share", settings.scan.max_missing_share, 0, 1),
        ("render.workers", settings.render.workers, 0, 64),
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
            if name == "catalog.url":
                text = re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", text)
            rows.append((name, text, loaded.sources.get(name, "default")))
    return rows


def host_zone() -> str:
    """The host's IANA zone, from TZ, /etc/timezone or /etc/localtime; UTC where none of them tells."""
    candidates = [os.environ.get("TZ", "").lstrip(":")]
    try:
        candidates.append(os.path.realpath("/etc/localtime").partition("zoneinfo/")[2])
        candidates.append(Path("/etc/timezone").read_text(encoding="utf-8").strip())
    except OSError:
        pass
    for candidate in candidates:
        if candidate:
            try:
                ZoneInfo(candidate)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
                continue
            return "UTC" if candidate.lower() in {"etc/utc", "etc/uct", "zulu"} else candidate
    return "UTC"


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
