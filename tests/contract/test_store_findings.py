"""What doctor says of stores, by really using them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.s3_server import BUCKET, KEY, SECRET, Handler, Server, s3_server
from watcher.ops.store_findings import findings
from watcher.settings.stores import StoreTable
from watcher.stores.disk import Disk

RIGHTS = {
    "list the bucket": ("GET", f"/{BUCKET}?"),
    "write an object": ("PUT", f"/{BUCKET}/"),
    "read an object": ("GET", f"/{BUCKET}/"),
    "remove an object": ("DELETE", f"/{BUCKET}/"),
}


@pytest.fixture
def server() -> Iterator[Server]:
    with s3_server() as started:
        yield started


@pytest.fixture
def table(server: Server, tmp_path: Path) -> StoreTable:
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "secret").write_text(SECRET)
    return table_of(server.endpoint, tmp_path)


def table_of(endpoint: str, folder: Path, *, name: str = BUCKET, region: str = "us-east-1") -> StoreTable:
    return StoreTable(
        "cold", "s3", endpoint=endpoint, bucket=name, region=region, prefix="clips/",
        access_key_file=str(folder / "key"), secret_key_file=str(folder / "secret"),
    )  # fmt: skip


def lines(table: StoreTable) -> list[tuple[str, str]]:
    """The level and the words of each finding; what is wrong has a remedy."""
    results = list(findings((table,)))
    assert all(finding.remedy for finding in results if finding.level != "ok")
    assert SECRET not in str(results)
    return [(finding.level, finding.what) for finding in results]


GOOD = ("ok", "the store cold lists, takes, gives and removes objects")


def test_a_store_that_works(server: Server, table: StoreTable) -> None:
    """Nothing of the trial stays, there is no other finding, and what others wrote is as it was."""
    server.bucket.objects["clips/a.mp4"] = b"film"
    assert lines(table) == [GOOD]
    assert server.bucket.objects == {"clips/a.mp4": b"film"}


@pytest.mark.parametrize("right", RIGHTS)
def test_each_right_by_itself(server: Server, table: StoreTable, right: str) -> None:
    """What a key may not do is named, with the right as policies call it; nothing else is."""
    method, path = RIGHTS[right]

    def refuse(handler: Handler) -> bool:
        if handler.command == method and handler.path.startswith(path):
            handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
            handler.reply(403, b"<Error><Code>AccessDenied</Code></Error>")
            return True
        return False

    server.bucket.trick = refuse
    levels, words = zip(*lines(table), strict=True)
    assert set(levels) == {"BAD"}
    assert set(words) == {f"the store cold does not allow this key to {right} (403)"}


def test_what_is_set_wrong(server: Server, table: StoreTable, tmp_path: Path) -> None:
    """Is told once, and nothing after it is tried."""
    wrong = {
        "the store cold has no such bucket": table_of(server.endpoint, tmp_path, name="other"),
        "the bucket of the store cold lies in the region us-east-1, not in eu-1": table_of(
            server.endpoint, tmp_path, region="eu-1"
        ),
    }
    for sentence, bad in wrong.items():
        assert lines(bad) == [("BAD", sentence)]
    (tmp_path / "secret").write_text("another")
    assert lines(table) == [
        ("BAD", "the store cold refuses the signature: the secret key is not that of the access key")
    ]
    (tmp_path / "secret").unlink()
    assert [level for level, _ in lines(table)] == ["BAD"]


def test_clocks_that_are_apart(server: Server, table: StoreTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """By two minutes all goes well, as yet; by an hour nothing does."""
    monkeypatch.setattr(Handler, "date_time_string", lambda *_: server_date(120))
    (level, words), good = lines(table)
    assert (level, good) == ("warn", GOOD)
    assert words.startswith("the clock of the store cold is 1")
    server.bucket.now = lambda: time.time() + 3600
    ((level, words),) = lines(table)
    assert level == "BAD"
    assert "the store cold has another time" in words


def server_date(ahead: float) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + ahead))


@pytest.mark.parametrize("conditions", ["ignored", "refused"])
def test_a_store_that_would_write_over(server: Server, table: StoreTable, conditions: str) -> None:
    """It can be used by one watcher, and that is said."""
    server.bucket.conditions = conditions
    (level, words), good = lines(table)
    assert (level, good) == ("warn", GOOD)
    assert "does not know If-None-Match" in words
    assert server.bucket.objects == {}


def test_a_store_that_keeps_other_bytes(server: Server, table: StoreTable) -> None:
    """Is not to be used."""

    def trick(handler: Handler) -> bool:
        server.bucket.objects.update({key: data.upper() for key, data in server.bucket.objects.items()})
        return False

    server.bucket.trick = trick
    assert ("BAD", "the store cold gives other bytes than it took") in lines(table)
    assert server.bucket.objects == {}


def test_without_encryption(tmp_path: Path) -> None:
    """Beyond this machine it is told; and that nothing answers there."""
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "secret").write_text(SECRET)
    (level, words), (other, away) = lines(table_of("http://store.invalid", tmp_path))
    assert (level, words) == ("warn", "the store cold is spoken to without encryption, at http://store.invalid")
    assert (other, away) == ("BAD", "the store cold cannot be reached: the name store.invalid is not known")


def test_a_disk(tmp_path: Path) -> None:
    """Is tried in the same way, and is as it was afterwards."""
    (tmp_path / "cold").mkdir()
    Disk("cold", tmp_path / "cold", "ours").bind()
    before = sorted(tmp_path.rglob("*"))
    assert lines(StoreTable("cold", "disk", path=str(tmp_path / "cold"))) == [GOOD]
    assert [path for path in sorted(tmp_path.rglob("*")) if path.name != ".watcher-copies"] == before
