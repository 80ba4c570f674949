"""Settings: a TOML file and the environment, read once, checked whole, handed down as one value.

One table per concern. `etc/watcher.toml` of the checkout, else `/etc/watcher.toml` (or the file that
`WATCHER_CONFIG` names) is read first, then `WATCHER_<TABLE>__<KEY>` overrides, and `WATCHER_<TABLE>__<KEY>_FILE`
reads the value from a file.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from watcher.model.errors import ConfigError
from watcher.naming.presets import NamingError
from watcher.settings.check import possible, problems
from watcher.settings.schema import Settings

_LISTS = ("stores",)  # settings that are no table, but any number of them
_PACKAGE = Path(__file__).resolve().parent.parent
# In a wheel they lie inside the package (setup.py), where an upgrade would write over settings.
INSTALLED = (_PACKAGE / "etc").is_dir()
ETC = (_PACKAGE if INSTALLED else _PACKAGE.parent) / "etc"


class Loaded(msgspec.Struct, frozen=True):
    """Settings and where each value came from: `default`, a file, or a variable."""

    settings: Settings
    sources: dict[str, str]  # "table.key" → source


def settings_file(environment: Mapping[str, str]) -> Path:
    """The file of settings, whether it is there or not."""
    named = environment.get("WATCHER_CONFIG")
    return Path(named) if named else (Path("/etc") if INSTALLED else ETC) / "watcher.toml"


def load(environment: Mapping[str, str] | None = None) -> Loaded:
    """Read the settings. Raises ConfigError, in a sentence that names the place."""
    env = os.environ if environment is None else environment
    path = settings_file(env)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    if path.is_file():
        _read_file(path, values, sources)
    elif env.get("WATCHER_CONFIG"):
        raise ConfigError(f"WATCHER_CONFIG names {path}, which is not there")
    _read_environment(env, values, sources)
    try:
        settings = msgspec.convert(values, Settings)
    except msgspec.ValidationError as reason:
        raise _invalid(path, str(reason), sources) from reason
    for name, why in problems(settings):
        raise ConfigError(f"{name} ({sources.get(name, 'default')}): {why}")
    try:
        settings.name_reader()
    except NamingError as reason:
        raise _refusal(path, reason) from reason
    return Loaded(settings, sources)


def _read_file(path: Path, values: dict[str, Any], sources: dict[str, str]) -> None:
    """Take every setting of the file. Raises ConfigError."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as reason:
        raise ConfigError(f"{path}: {reason}") from reason
    for table, entries in tables.items():
        if table in _LISTS:
            values[table], sources[table] = entries, str(path)
            continue
        _known(table, _tables(), f"{path} has no table [{table}]")
        if not isinstance(entries, dict):
            raise ConfigError(f"{path}: {table} must be a table")
        for key, value in entries.items():
            _known(key, _keys(table), f"{path}: [{table}] has no setting {key!r}")
            values.setdefault(table, {})[key] = value
            sources[f"{table}.{key}"] = str(path)


def _read_environment(environment: Mapping[str, str], values: dict[str, Any], sources: dict[str, str]) -> None:
    """Take every setting of a variable, which wins over the file's. Raises ConfigError."""
    for name, text in sorted(environment.items()):
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


def _invalid(path: Path, message: str, sources: Mapping[str, str]) -> ConfigError:
    """What msgspec refuses, with the name of the setting and what it may be."""
    detail, _, at = message.partition(" - at `$.")
    if match := re.match(r"naming\.(\w+)\[(\d+)\]", at):
        return _refusal(path, NamingError(match[1], int(match[2]), "", detail))
    place = re.match(r"[\w.]+", re.sub(r"^(stores)\[\d+\]", r"\1", at))
    where = place.group() if place else "settings"
    if re.match(r"Expected `\w+` [<>]|Invalid enum value", detail):
        detail = possible(where) or detail
    return ConfigError(f"{where} ({sources.get(where, 'settings')}): {detail}")


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
    for store in loaded.settings.stores:
        text = msgspec.json.encode(store).decode()
        rows.append((f"stores.{store.name}", text, loaded.sources.get("stores", "default")))
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
    return {name: kind for name, kind in get_type_hints(Settings).items() if name not in _LISTS}


def _keys(table: str) -> dict[str, Any]:
    return get_type_hints(_tables()[table])


def _known(name: str, names: Mapping[str, Any], refusal: str) -> None:
    if name not in names:
        near = get_close_matches(name, names, n=1)
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
    if get_origin(kind) is Literal:
        return text
    if get_args(kind) and isinstance(get_args(kind)[0], type(msgspec.Struct)):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text
    if get_args(kind):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text
