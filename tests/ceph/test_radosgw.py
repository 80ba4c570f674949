"""A bucket on a real server, and faults of that server: nothing is half there, and every refusal is a sentence."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.clock import Clock
from tests.radosgw import KEY, SECRET, Radosgw
from tests.running import RunningUnit, wait_for
from watcher.model.errors import MissingError, StoreAwayError, TakenError
from watcher.stores import s3_put
from watcher.stores.s3 import S3
from watcher.stores.s3_client import Request

pytestmark = pytest.mark.ceph

LEAST = 5 << 20  # bytes of a part, for S3
FILM = os.urandom(11 << 20) + b"end"
NAMES = [
    "a b.mp4",
    "a+b.mp4",
    "100%.mp4",
    "%41.mp4",
    "was?.mp4",
    "#1.mp4",
    "ä/🎥.mp4",
    "~'()*!;:@&=$,.mp4",
    "&amp;<.mp4",
]


@pytest.fixture
def store(cluster: Radosgw) -> Iterator[S3]:
    with contextlib.closing(cluster.bucket()) as bucket:
        yield bucket


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files become parts as soon as the server lets them."""
    monkeypatch.setattr(s3_put, "PART_LEAST", LEAST)


def put(store: S3, key: str = "a/1.mp4", data: bytes = b"film") -> None:
    store.put(key, io.BytesIO(data), len(data))


def whole(store: S3, key: str) -> bytes:
    return b"".join(store.read(key, 0, 1 << 40))


def uploads(store: S3) -> int:
    """How many have begun and not ended."""
    return len(
        store._client.tree(
            store._client.answer(Request("GET", query={"uploads": ""})), "ListMultipartUploadsResult"
        ).all("Upload")
    )


def test_any_name_and_its_signed_address(store: S3) -> None:
    """Any range of it, as nginx asks."""
    for name in NAMES:
        put(store, name, name.encode())
    assert [entry.key for entry in store.list()] == sorted(NAMES, key=str.encode)
    for name in NAMES:
        address = store.endpoint + store.sign(name, 60)
        assert requests.get(address, timeout=10).content == name.encode()
        assert requests.get(address, headers={"Range": "bytes=1-2"}, timeout=10).content == name.encode()[1:3]
        assert store.by_address(name) == name.encode()[:1]
    assert (
        requests.get(store.endpoint + store.sign("a b.mp4", 60).replace("=60", "=61"), timeout=10).status_code
        == 403
    )


def test_a_list_of_more_than_a_page(store: S3) -> None:
    """All of them, in order, and from any of them on."""
    keys = [f"cam-{number % 7}/{number:04}.mp4" for number in range(1100)]
    for key in keys:
        answer = store._client.answer(Request("PUT", key))
        assert answer.status == 200
    assert [entry.key for entry in store.list()] == sorted(keys)
    assert [entry.key for entry in store.list(after="cam-3/0500.mp4")] == [
        k for k in sorted(keys) if k > "cam-3/0500.mp4"
    ]


def test_parts(store: S3, parts: None) -> None:
    """A large file is one object, with its sum; nothing is written over, and nothing of an upload stays."""
    stored = store.put("a/1.mp4", io.BytesIO(FILM), len(FILM))
    assert store.find("a/1.mp4") == stored
    assert stored.etag
    assert whole(store, "a/1.mp4") == FILM
    with store._client.ask(Request("GET", "a/1.mp4", headers={"Range": "bytes=0-0"})) as reply:
        assert reply.headers["x-amz-meta-sha256"] == hashlib.sha256(FILM).hexdigest()
    with pytest.raises(TakenError):
        put(store, "a/1.mp4", FILM)
    assert whole(store, "a/1.mp4") == FILM
    assert uploads(store) == 0


@pytest.mark.parametrize("size", [1000, len(FILM)])
def test_a_byte_that_changes_on_the_way_is_refused(store: S3, parts: None, size: int) -> None:
    """In one piece and in parts."""

    class Changing(io.BytesIO):
        """Another first byte when it is read to be sent."""

        reads = 0

        def read(self, count: int | None = -1) -> bytes:
            first = self.tell() == 0
            data = super().read(count)
            self.reads += first
            return bytes([data[0] ^ 1]) + data[1:] if first and self.reads == (2 if size < LEAST else 3) else data

    with pytest.raises(StoreAwayError, match="got other bytes than were sent"):
        store.put("a/1.mp4", Changing(FILM[:size]), size)
    assert store.find("a/1.mp4") is None
    assert uploads(store) == 0


SENDS = """
import io, sys, time
from watcher.stores import s3_put
from watcher.stores.s3 import S3
s3_put.PART_LEAST = 5 << 20
class Slow(io.BytesIO):
    def read(self, count=-1):
        if self.tell() == 7 << 20 and count < s3_put.BLOCK:  # it sends the second part
            print("now", flush=True)
            time.sleep(600)
        return super().read(count)
endpoint, bucket, key, secret = sys.argv[1:]
size = 11 << 20
S3("cold", endpoint, bucket, keys=lambda: (key, secret)).put("a/1.mp4", Slow(bytes(size)), size)
"""


def test_who_sends_is_killed(store: S3, parts: None) -> None:
    """In the middle of its second part: the key is free, and the next put removes what was sent."""
    command = [sys.executable, "-c", SENDS, store.endpoint, store.bucket, KEY, SECRET]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"now\n"
        process.kill()
    assert store.find("a/1.mp4") is None
    assert list(store.list()) == []
    assert uploads(store) == 1
    put(store, "a/1.mp4", FILM)
    assert whole(store, "a/1.mp4") == FILM
    assert uploads(store) == 0


def reads(store: S3, key: str) -> bytes | None:
    """An object, if the server can read it by now."""
    try:
        return whole(store, key)
    except StoreAwayError:
        return None


def whole_of(store: S3) -> Callable[[str], object]:
    return lambda key: whole(store, key)


def test_what_is_set_wrong(cluster: Radosgw, store: S3) -> None:
    """Bucket, key and secret, each by its name."""
    wrong = {
        "has no such bucket": S3("cold", cluster.endpoint, "nobody-s", keys=lambda: (KEY, SECRET)),
        "does not know the access key": S3("cold", cluster.endpoint, store.bucket, keys=lambda: ("NOBODY", SECRET)),
        "refuses the signature": S3("cold", cluster.endpoint, store.bucket, keys=lambda: (KEY, "wrong")),
    }
    for sentence, bad in wrong.items():
        calls = (
            bad.find,
            bad.delete,
            whole_of(bad),
            lambda key, bad=bad: put(bad, key),
            lambda _, bad=bad: list(bad.list()),
        )
        for call in calls:
            with pytest.raises(StoreAwayError, match=f"the store cold {sentence}"):
                call("a/1.mp4")
        bad.close()


def test_a_bucket_of_somebody_else(cluster: Radosgw, store: S3) -> None:
    """May not be read, and nothing is taken for missing."""
    cluster.user("other", "OTHERKEY", "othersecret")
    put(store)
    with contextlib.closing(
        S3("cold", cluster.endpoint, store.bucket, keys=lambda: ("OTHERKEY", "othersecret"))
    ) as other:
        for key in ("a/1.mp4", "a/2.mp4"):
            for call in (other.find, other.delete, whole_of(other)):
                with pytest.raises(StoreAwayError, match=r"does not allow this key to (read|remove) an object"):
                    call(key)


CLOCK = """
import sys, io
from watcher.model.errors import StoreAwayError
from watcher.stores.s3 import S3
endpoint, bucket, key, secret = sys.argv[1:]
store = S3("cold", endpoint, bucket, keys=lambda: (key, secret))
for call in (store.find, store.delete, lambda key: store.put(key, io.BytesIO(b"x"), 1), lambda key: list(store.list())):
    try:
        call("a/1.mp4")
    except StoreAwayError as reason:
        print(reason)
"""


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_our_clock_is_wrong(store: S3, tmp_path: Path, seconds: int) -> None:
    """It is told by how much."""
    clock = Clock(tmp_path / "clock")
    clock.set(seconds)
    command = [sys.executable, "-c", CLOCK, store.endpoint, store.bucket, KEY, SECRET]
    environment = os.environ | clock.environment
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert output.count("its clock and this machine's are 3,") == 4, output


def test_it_is_full(cluster: Radosgw, parts: None) -> None:
    """By a quota: neither piece nor parts stay; what is there can be read and removed."""
    cluster.user("full", "FULLKEY", "fullsecret", objects=1)
    with contextlib.closing(cluster.bucket(key="FULLKEY", secret="fullsecret")) as store:
        put(store)
        for data in (b"x", FILM):
            with pytest.raises(StoreAwayError, match="is full: the quota is used up"):
                put(store, "a/2.mp4", data)
        assert whole(store, "a/1.mp4") == b"film"
        assert [entry.key for entry in store.list()] == ["a/1.mp4"]
        assert uploads(store) == 0
        store.delete("a/1.mp4")
        with pytest.raises(MissingError):
            whole(store, "a/1.mp4")


def test_what_doctor_says(store: S3, tmp_path: Path) -> None:
    """Of a bucket that works, of one that is not there, and of a clock that is wrong; nothing of it stays."""
    unit = RunningUnit(tmp_path / "unit")
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "secret").write_text(SECRET)

    def examine(bucket: str) -> tuple[int, list[str]]:
        (unit.folder / "watcher.toml").write_text(
            f"""
            [[stores]]
            name = "cold"
            kind = "s3"
            endpoint = "{store.endpoint}"
            bucket = "{bucket}"
            prefix = "clips/"
            access_key_file = "{tmp_path}/key"
            secret_key_file = "{tmp_path}/secret"
            """
        )
        answer = unit.run("doctor")
        return answer.returncode, [line for line in answer.stdout.splitlines() if "store cold" in line]

    assert examine(store.bucket) == (0, ["ok    the store cold lists, takes, gives and removes objects"])
    listed = store._client.tree(store._client.answer(Request("GET", query={"list-type": "2"})), "ListBucketResult")
    assert listed.all("Contents") == []
    assert examine("nobody-s") == (1, ["BAD   the store cold has no such bucket"])
    clock = Clock(tmp_path / "clock")
    clock.set(3600)
    unit.environment |= clock.environment
    code, (line,) = examine(store.bucket)
    assert code == 1
    assert "its clock and this machine's are 3," in line


def test_the_server_is_killed(cluster: Radosgw, store: S3, parts: None) -> None:
    """In the middle of an upload: it is an error, and when it runs again the same put is whole."""

    class Killing(io.BytesIO):
        passed = 0

        def read(self, count: int | None = -1) -> bytes:
            self.passed += self.tell() == 7 << 20
            if self.passed == 3:  # when it is sent
                cluster.kill()
                self.passed += 1
            return super().read(count)

    put(store, "a/0.mp4")
    try:
        with pytest.raises(StoreAwayError, match=r"broke the connection off|nothing listens"):
            store.put("a/1.mp4", Killing(FILM), len(FILM))
        with pytest.raises(StoreAwayError, match="nothing listens"):
            store.find("a/0.mp4")
    finally:
        cluster.run_again()
    assert store.find("a/1.mp4") is None
    put(store, "a/1.mp4", FILM)
    assert [whole(store, entry.key) for entry in store.list()] == [b"film", FILM]
    assert uploads(store) == 0


@pytest.mark.parametrize("program", ["radosgw", "ceph-osd"])
def test_it_is_frozen(cluster: Radosgw, store: S3, program: str) -> None:
    """Each call ends in time; afterwards all is as before."""
    put(store)
    with cluster.frozen(program):
        for call in (store.find, whole_of(store)):
            began = time.monotonic()
            with pytest.raises(StoreAwayError, match="is frozen or too slow"):
                call("a/1.mp4")
            assert time.monotonic() - began > 5
    wait_for(lambda: reads(store, "a/1.mp4") == b"film", seconds=120, what="the film")
