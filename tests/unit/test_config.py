"""Settings refuse surprises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from watcher.model.errors import ConfigError
from watcher.settings.load import Settings, describe, load


def loaded(tmp_path: Path, text: str = "", **variables: str) -> Settings:
    path = tmp_path / "watcher.toml"
    path.write_text(text)
    return load({"WATCHER_CONFIG": str(path), **variables}).settings


def test_defaults_file_and_environment(tmp_path: Path) -> None:
    """The environment wins over the file, the file over the default."""
    assert loaded(tmp_path).video.settle_seconds == 2.0
    assert loaded(tmp_path, "[video]\nsettle_seconds = 3\n").video.settle_seconds == 3.0
    over = loaded(tmp_path, "[video]\nsettle_seconds = 3\n", WATCHER_VIDEO__SETTLE_SECONDS="4.5")
    assert over.video.settle_seconds == 4.5
    assert loaded(tmp_path, WATCHER_VIDEO__SUFFIXES="mp4, mov").video.suffixes == ("mp4", "mov")
    assert loaded(tmp_path, WATCHER_AUTH__ALLOW_OPEN_NETWORK="true").auth.allow_open_network is True


def test_a_secret_in_a_file(tmp_path: Path) -> None:
    """As containers hand them over; and it is masked where settings are shown."""
    (tmp_path / "secret").write_text("postgresql+psycopg://me:hush@db/watcher\n")
    (tmp_path / "watcher.toml").touch()
    settings = load(
        {"WATCHER_CONFIG": str(tmp_path / "watcher.toml"), "WATCHER_CATALOG__URL_FILE": str(tmp_path / "secret")}
    )
    assert settings.settings.catalog.url.endswith("hush@db/watcher")
    shown = {name: (value, source) for name, value, source in describe(settings)}
    assert shown["catalog.url"] == ('"postgresql+psycopg://me:***@db/watcher"', "WATCHER_CATALOG__URL_FILE")


@pytest.mark.parametrize(
    ("text", "variables", "words"),
    [
        ("[vidio]\n", {}, "did you mean 'video'"),
        ("[video]\nsettle_secs = 1\n", {}, "did you mean 'settle_seconds'"),
        ("[video]\nsettle_seconds = 'soon'\n", {}, "video.settle_seconds"),
        ("[video]\nsettle_seconds = -1\n", {}, "between"),
        ("[video]\nwatch = 'fanotify'\n", {}, "native"),
        ("[site]\ntimezone = 'Mars/Olympus'\n", {}, "IANA zone"),
        ("[site]\npublic_url = 'cams.example.net'\n", {}, "http"),
        ("[ingest]\nhere = false\n", {}, "ingest.here .*: needs a catalog"),
        ("[auth]\nmode = 'key'\n", {}, 'must be "open" or "keys"'),
        ("[log]\nlevel = 'loud'\n", {}, 'must be "debug", "info", "warning" or "error"'),
        (
            "",
            {"WATCHER_PROXY__MAKE": "never"},
            r'proxy.make .WATCHER_PROXY__MAKE.: must be "off", "asked" or "ahead"',
        ),
        ("[proxy]\nheight = 8\n", {}, "proxy.height .*: must be between 96 and 4320"),
        ("[export]\nkeep_days = 0\n", {}, "must be more than 0, and at most 365"),
        ("[export]\nmax_bytes = 0\n", {}, "export.max_bytes .*: must be between 1 and"),
        ("[scan]\nmax_missing_share = nan\n", {}, "scan.max_missing_share .*: must be between 0 and 1"),
        ("[silence]\nafter_hours = nan\n", {}, "silence.after_hours .*: must be between 0 and 87600"),
        ("[proxy]\nmax_age_days = nan\n", {}, "proxy.max_age_days .*: must be between 0 and 36500"),
        ("[[silence.cameras]]\ncamera = 'a'\nafter_hours = 0\n", {}, "silence.cameras"),
        (
            "[[live.cameras]]\ncamera = 'a'\nlive_url = 'javascript:alert(1)'\n",
            {},
            "live.cameras .*: live_url of 'a'",
        ),
        ("[[live.cameras]]\ncamera = 'a'\nlive_url = 'http://me:secret@cam/'\n", {}, "without a user"),
        ("[video\n", {}, "watcher.toml"),
        ("video = 3\n", {}, "must be a table"),
        ("", {"WATCHER_VIDEO__SETTEL_SECONDS": "3"}, "did you mean 'settle_seconds'"),
        ("", {"WATCHER_VIDEO__SETTLE_SECONDS": "soon"}, "WATCHER_VIDEO__SETTLE_SECONDS"),
        ("", {"WATCHER_CATALOG__URL_FILE": "/nonexistent"}, "cannot be read"),
        ("", {"WATCHER_CONFIG": "/nonexistent.toml"}, "not there"),
    ],
)
def test_refusals(tmp_path: Path, text: str, variables: dict[str, str], words: str) -> None:
    """Each names the place and what would be right."""
    with pytest.raises(ConfigError, match=words):
        loaded(tmp_path, text, **variables)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1e9", "1e308"])
@pytest.mark.parametrize(
    "table",
    [
        "[[retention.cameras]]\ncamera = 'a'\nmax_age_days",  # a negative age would let all of its clips go
        "[[silence.cameras]]\ncamera = 'a'\nafter_hours",
        "[[naming.folders]]\npath = 'a'\nclock_ahead_seconds",
        "[[naming.cameras]]\nname = 'a'\nclock_ahead_seconds",
    ],
)
def test_tables_of_their_own_are_in_range_too(tmp_path: Path, table: str, value: str) -> None:
    """What holds for one camera or folder is refused as what holds for all would be."""
    with pytest.raises(ConfigError):
        loaded(tmp_path, f"{table} = {value}\n")


def test_every_number_has_its_bounds() -> None:
    """A number without one is a length that no calendar holds, or a limit that lets everything go."""
    from typing import get_args, get_type_hints

    def without(table: type) -> Iterator[str]:
        for name, hint in get_type_hints(table, include_extras=True).items():
            for part in (hint, *get_args(hint)):
                if isinstance(part, type) and issubclass(part, msgspec.Struct):
                    yield from without(part)
            bounds = [meta for meta in getattr(hint, "__metadata__", ()) if isinstance(meta, msgspec.Meta)]
            low = bounds and (bounds[0].ge is not None or bounds[0].gt is not None)
            if {hint, *get_args(hint)[:1]} & {int, float} and not (low and bounds[0].le is not None):
                yield f"{table.__name__}.{name}"

    assert list(without(Settings)) == []


def test_the_shipped_file_says_nothing_but_the_defaults() -> None:
    """Every line of it that is uncommented has the default's value, so that reading it tells the truth."""
    import re
    import tomllib

    from watcher.settings.load import ETC, describe

    text = (ETC / "watcher.toml").read_text()
    tables = tomllib.loads(re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE))
    defaults = {name: value for name, value, _ in describe(load({}))}
    named = {f"{table}.{key}" for table, entries in tables.items() for key in entries}
    assert named == set(defaults)
    for table, entries in tables.items():
        for key, value in entries.items():
            if key != "ignore":
                assert msgspec.json.encode(value).decode() == defaults[f"{table}.{key}"], key


@pytest.mark.parametrize(
    ("toml", "line", "why"),
    [
        ('[[naming.presets]]\nname = "a"\npaths = ["{camera}{tags}%Y"]\n', 3, "ambiguous"),
        ('[site]\n\n[[naming.folders]]\npath = "a"\ntimezone = "Mars"\n', 5, "no IANA zone"),
        ('[[naming.cameras]]\nname = "a"\n[[naming.cameras]]\nname = "b"\npreset = "x"\n', 5, "no preset 'x'"),
        ('[[naming.presets]]\nname = "a"\npaths = ["%Y%m%d%H"]\nbase = "mars"\n', 1, "mars"),
        ('[[naming.presets]]\nname = "a"\npath = "x"\n', 1, "path"),
    ],
)
def test_naming_that_makes_no_sense_is_refused_with_its_line(
    tmp_path: Path, toml: str, line: int, why: str
) -> None:
    """At start, before a clip is read wrongly."""
    path = tmp_path / "watcher.toml"
    path.write_text(toml)
    with pytest.raises(ConfigError) as refusal:
        load({"WATCHER_CONFIG": str(path)})
    assert f"{path}, line {line}: " in str(refusal.value)
    assert why in str(refusal.value)


STORE = '[[stores]]\nname = "cold"\nkind = "disk"\npath = "/mnt/cold"\n'
S3 = '[[stores]]\nname = "far"\nkind = "s3"\nendpoint = "https://s3.example.net"\nbucket = "clips"\n'


def test_stores(tmp_path: Path) -> None:
    """Any number of them, and where clips go; `watcher config` shows each."""
    settings = loaded(tmp_path, STORE + S3 + '[tiering]\nafter_days = 30\nstore = "cold"\n')
    assert [(store.name, store.kind, store.path) for store in settings.stores] == [
        ("cold", "disk", "/mnt/cold"),
        ("far", "s3", ""),
    ]
    assert settings.tiering.any
    assert not Settings().tiering.any
    shown = [name for name, _, _ in describe(load({"WATCHER_CONFIG": str(tmp_path / "watcher.toml")}))]
    assert [name for name in shown if name.startswith("stores.")] == ["stores.cold", "stores.far"]
    assert loaded(tmp_path, S3 + "[tiering]\nafter_days = 30\n").tiering.any


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (STORE.replace('"disk"', '"tape"'), r'stores.kind .*: must be "disk" or "s3"'),
        (STORE.replace('"cold"', '"LOCAL"'), "own disk"),
        (STORE.replace('"cold"', '"a/b"'), "stores.name"),
        (STORE.replace('"cold"', '"a\\n"'), "stores.name"),
        (STORE + STORE.replace('"cold"', '"Cold"'), "same name"),
        (STORE.replace("/mnt/cold", "mnt/cold"), "whole path"),
        (STORE.replace("/mnt/cold", "/mnt/../cold"), "whole path"),
        (STORE.replace("/mnt/cold", "/"), "folder of its own"),
        (STORE.replace("/mnt/cold", "/mnt/$cold"), "rename"),
        (STORE + 'bucket = "clips"\n', "no bucket"),
        (STORE + "pth = 1\n", "pth"),
        (S3 + 'path = "/mnt"\n', "no path"),
        (S3.replace("https", "ftp"), "http"),
        (S3.replace("https://", "https://key:secret@"), "http"),
        (S3 + 'access_key_file = "/run/secrets/a"\n', "both"),
        (S3 + 'prefix = "../"\n', "beginning of a key"),
        ("[tiering]\nafter_days = 3\n", r"\[\[stores\]\]"),
        (STORE + '[tiering]\nstore = "hot"\n', "no store called 'hot'"),
        (S3.replace("s3.example.net", "10.0.0.5:9000"), "must have a name"),
        (S3.replace("s3.example.net", "[::1]"), "must have a name"),
        (S3.replace("s3.example.net", "a;return 200"), "a host"),
        (S3.replace("s3.example.net", "$host"), "a host"),
        (STORE + "[tiering]\nafter_days = -1\n", "between"),
        (STORE + "[tiering]\nafter_days = nan\n", "between"),
        (STORE + '[[tiering.cameras]]\ncamera = "a"\nafter_days = -1\n', "after_days|tiering"),
        (STORE + '[[tiering.labels]]\nlabel = "a"\nafter_days = 0\n', "after_days|tiering"),
        ('stores = "cold"\n', "stores"),
        ("[stores]\nname = 1\n", "stores"),
    ],
)
def test_stores_that_are_refused(tmp_path: Path, text: str, words: str) -> None:
    """In a sentence that says which setting it is."""
    with pytest.raises(ConfigError, match=words):
        loaded(tmp_path, text)
