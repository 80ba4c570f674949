"""What Compose's profile `s3` needs around a store of one's own: its keys, and its bucket."""

from __future__ import annotations

import io
import os
import stat
import threading
from pathlib import Path

import pytest

from tests.s3_server import BUCKET, KEY, SECRET, Handler, s3_server
from watcher.container import main
from watcher.model.errors import StartError
from watcher.ops import own_store
from watcher.ops.own_store import make_buckets
from watcher.settings.load import Settings
from watcher.settings.stores import StoreTable


def table(folder: Path, endpoint: str) -> StoreTable:
    """A table of the settings, with its two files."""
    (folder / "key").write_text(KEY)
    (folder / "secret").write_text(SECRET)
    files = {"access_key_file": str(folder / "key"), "secret_key_file": str(folder / "secret")}
    return StoreTable(name="cold", kind="s3", endpoint=endpoint, bucket=BUCKET, **files)


def test_keys_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of such letters as Garage takes, for its owner alone to read; those that are given take their place."""
    monkeypatch.setenv("WATCHER_UID", str(os.geteuid()))
    monkeypatch.setenv("WATCHER_GID", str(os.getegid()))
    keys, data = tmp_path / "keys", tmp_path / "store"
    keys.mkdir()
    data.mkdir()
    main(["store", str(keys), str(data)])
    made = {path.name: path.read_text() for path in keys.iterdir()}
    assert {name: len(text) for name, text in made.items()} == {
        "access-key": 26,
        "secret-key": 64,
        "rpc-secret": 64,
    }
    assert made["access-key"].startswith("GK")
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.iterdir()} == {0o400}
    main(["store", str(keys), str(data)])
    assert {path.name: path.read_text() for path in keys.iterdir()} == made
    monkeypatch.setenv("WATCHER_STORE_SECRET_KEY", "mine")
    main(["store", str(keys), str(data)])
    assert {path.name: path.read_text() for path in keys.iterdir()} == made | {"secret-key": "mine"}


def test_the_bucket_is_made_as_soon_as_the_store_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once; one that is there stays as it is, and other stores are left alone."""
    with s3_server() as server:
        monkeypatch.setattr(own_store, "HOST", "127.0.0.1")
        server.bucket.made, asked = False, threading.Event()

        def starting(handler: Handler) -> bool:
            if asked.is_set():
                return False
            asked.set()
            handler.reply(503)
            return True

        server.bucket.trick = starting
        settings = Settings(stores=(table(tmp_path, server.endpoint),))
        make_buckets(settings, out=io.StringIO())
        make_buckets(settings, out=io.StringIO())
        assert server.bucket.made
        assert [method for method, _ in server.bucket.requests].count("PUT") == 1
        server.bucket.made = False
        monkeypatch.setattr(own_store, "HOST", "store")
        out = io.StringIO()
        make_buckets(settings, out=out)
        assert not server.bucket.made
        assert "http://store" in out.getvalue()


def test_a_store_that_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, in its own sentence."""
    with s3_server() as server:
        monkeypatch.setattr(own_store, "HOST", "127.0.0.1")
        monkeypatch.setattr(own_store, "SECONDS", 0.0)
        settings = Settings(stores=(table(tmp_path, server.endpoint),))
        (tmp_path / "secret").write_text("another")
        with pytest.raises(StartError, match="signature"):
            make_buckets(settings, out=io.StringIO())
