"""A bucket as a store: what is sent, and what is made of bad answers. tests/ceph asks a real server."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import resource
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from tests.running import free_port, wait_for
from tests.s3_server import KEY, SECRET, Bucket, Handler, Server, bucket, s3_server
from watcher.model.errors import StoreAwayError, TakenError
from watcher.settings.stores import StoreTable
from watcher.stores import exchange, s3_put
from watcher.stores.exchange import Patience
from watcher.stores.s3 import S3
from watcher.stores.s3_put import Sums
from watcher.stores.signature import Signer
from watcher.stores.xml import XmlError, parse

FILM = random.Random(24).randbytes(9000)
NAMES = [
    "a b.mp4",
    "a+b.mp4",
    "100%.mp4",
    "%41.mp4",
    "was?.mp4",
    "#1.mp4",
    "ä/🎥.mp4",
    "~'()*!;:@&=$,.mp4",
    " .mp4",
    "&amp;<.mp4",
]


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with s3_server() as started:
        yield started


@pytest.fixture
def server(running: Server) -> Server:
    """An empty one."""
    running.bucket = Bucket()
    return running


@pytest.fixture
def store(server: Server) -> Iterator[S3]:
    with contextlib.closing(bucket(server)) as s3:
        yield s3


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of patience there is less: what these tests ask is never answered."""
    monkeypatch.setattr(exchange, "READING", Patience(0.1, 0.2))
    monkeypatch.setattr(s3_put, "STORING", Patience(0.1, 0.2))
    monkeypatch.setattr(exchange, "SILENT_SECONDS", 0.1)


def put(store: S3, key: str = "a/1.mp4", data: bytes = FILM) -> None:
    store.put(key, io.BytesIO(data), len(data))


CALLS: dict[str, Callable[[S3], object]] = {
    "put": put,
    "find": lambda store: store.find("a/1.mp4"),
    "read": lambda store: list(store.read("a/1.mp4", 0, 10)),
    "delete": lambda store: store.delete("a/1.mp4"),
    "list": lambda store: list(store.list()),
}


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest) -> Callable[[S3], object]:
    """One of the things that a store is asked."""
    return CALLS[request.param]


def answering(status: int, body: bytes = b"", **headers: str) -> Callable[[Handler], bool]:
    """A server that says this to everything."""

    def trick(handler: Handler) -> bool:
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        handler.reply(status, body, **headers)
        return True

    return trick


# — signatures —


def test_the_signatures_are_amazon_s() -> None:
    """The examples of its reference, "Authenticating Requests", with their keys."""
    signer = Signer("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
    now = datetime(2013, 5, 24, tzinfo=UTC)
    host, empty = (
        "examplebucket.s3.amazonaws.com",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    )
    get = signer.headers("GET", "/test.txt", {}, {"Host": host, "Range": "bytes=0-9"}, empty, now)
    assert get["Authorization"].endswith(
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )
    listed = signer.headers("GET", "/", {"max-keys": "2", "prefix": "J"}, {"Host": host}, empty, now)
    assert listed["Authorization"].endswith("=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
    address = signer.address("/test.txt", host, 86400, now)
    assert address.endswith("=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")


@pytest.mark.parametrize("prefix", ["", "cold/", "é 1+/"])
def test_any_name_goes_there_and_back(server: Server, prefix: str) -> None:
    """The server works the signature out from what it got; a list names what was put."""
    server.bucket.page = 3
    with contextlib.closing(bucket(server, prefix=prefix)) as store:
        for name in NAMES:
            put(store, name, name.encode())
        assert server.bucket.objects == {prefix + name: name.encode() for name in NAMES}
        for encodes in (True, False):
            server.bucket.encodes = encodes
            assert [entry.key for entry in store.list()] == sorted(NAMES, key=str.encode)
        for name in NAMES:
            assert b"".join(store.read(name, 1, 3)) == name.encode()[1:4]
            store.delete(name)
    assert server.bucket.objects == {}


def test_a_signed_address_plays(server: Server, store: S3) -> None:
    """Any range of it, to whoever has it, and as long as it says; it is for GET alone."""
    put(store, "a b/🎥+%.mp4")
    address = server.endpoint + store.sign("a b/🎥+%.mp4", 60)
    assert requests.get(address, timeout=10).content == FILM
    answer = requests.get(address, headers={"Range": "bytes=10-19"}, timeout=10)
    assert (answer.status_code, answer.content) == (206, FILM[10:20])
    assert requests.head(address, timeout=10).status_code == 403
    assert requests.get(address.replace("Expires=60", "Expires=600"), timeout=10).status_code == 403
    server.bucket.now = lambda: time.time() + 61
    assert requests.get(address, timeout=10).status_code == 403
    server.bucket.now = time.time
    assert store.by_address("a b/🎥+%.mp4") == FILM[:1]
    assert SECRET not in address


# — putting —


def test_a_file_goes_with_its_sums(server: Server, store: S3) -> None:
    """The SHA-256 stays beside it, and it is served as a film."""
    put(store)
    assert server.bucket.headers["a/1.mp4"] == {
        "Content-Type": "video/mp4",
        "x-amz-meta-sha256": hashlib.sha256(FILM).hexdigest(),
    }


@pytest.mark.parametrize("size", [2500, 9000])
def test_a_byte_that_changes_on_the_way_is_refused(
    server: Server, store: S3, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """In one piece and in parts; nothing is there then, nor any part."""
    monkeypatch.setattr(s3_put, "PART_LEAST", 4000)

    class Changing(io.BytesIO):
        """Another byte when the last part is read the second time, to be sent."""

        reads = 0

        def read(self, count: int | None = -1) -> bytes:
            data = super().read(count)
            self.reads += self.tell() == size
            sent = self.reads == (2 if size < 4000 else 3) and self.tell() == size
            return data[:-1] + bytes([data[-1] ^ 1]) if sent else data

    with pytest.raises(StoreAwayError, match="got other bytes than were sent"):
        store.put("a/1.mp4", Changing(FILM[:size]), size)
    assert (server.bucket.objects, server.bucket.uploads) == ({}, {})


@pytest.mark.parametrize("conditions", ["known", "ignored", "refused"])
@pytest.mark.parametrize("size", [2500, 9000])
def test_nothing_is_written_over(
    server: Server, store: S3, monkeypatch: pytest.MonkeyPatch, size: int, conditions: str
) -> None:
    """Whether the store knows If-None-Match or not, in one piece and in parts."""
    monkeypatch.setattr(s3_put, "PART_LEAST", 4000)
    server.bucket.conditions = conditions
    put(store, "a/1.mp4", FILM[:size])
    with pytest.raises(TakenError, match=r"the store cold has something called a/1\.mp4"):
        put(store, "a/1.mp4", FILM[:size])
    assert server.bucket.objects == {"a/1.mp4": FILM[:size]}
    assert server.bucket.uploads == {}
    assert store.refuses_to_overwrite("a/1.mp4", FILM[:size]) == (conditions == "known")


@pytest.mark.parametrize("size", [2500, 9000])
def test_who_is_first_stays(server: Server, store: S3, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Also where somebody else puts the key after it was asked about, and before it is there."""
    monkeypatch.setattr(s3_put, "PART_LEAST", 4000)

    def trick(handler: Handler) -> bool:
        if handler.command == "PUT":
            server.bucket.objects["a/1.mp4"] = b"theirs"
            server.bucket.headers["a/1.mp4"] = {}
        return False

    server.bucket.trick = trick
    with pytest.raises(TakenError):
        put(store, "a/1.mp4", FILM[:size])
    assert (server.bucket.objects, server.bucket.uploads) == ({"a/1.mp4": b"theirs"}, {})


def test_parts_that_a_kill_left_go(server: Server, store: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the next put of that key; another key's may be somebody's who still sends."""
    monkeypatch.setattr(s3_put, "PART_LEAST", 4000)
    server.bucket.uploads = {"old": ("a/1.mp4", {1: b"x"}), "other": ("a/1.mp4.2", {1: b"x"})}
    put(store)
    assert server.bucket.objects == {"a/1.mp4": FILM}
    assert list(server.bucket.uploads) == ["other"]


def test_what_goes_wrong_in_a_part_leaves_nothing(
    server: Server, store: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file's own trouble is told as such."""
    monkeypatch.setattr(s3_put, "PART_LEAST", 4000)

    class Failing(io.BytesIO):
        passed = 0

        def read(self, count: int | None = -1) -> bytes:
            self.passed += 1
            if self.passed == 7:
                raise OSError(5, "Input/output error")
            return super().read(count)

    with pytest.raises(OSError, match="Input/output error"):
        store.put("a/1.mp4", Failing(FILM), len(FILM))
    assert (server.bucket.objects, server.bucket.uploads) == ({}, {})


def test_an_error_that_comes_with_200_is_one(server: Server, store: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Amazon's answers when parts cannot be joined."""
    monkeypatch.setattr(s3_put, "PART_LEAST", 4000)

    def trick(handler: Handler) -> bool:
        joins = handler.command == "POST" and "uploadId" in handler.path
        return joins and answering(200, b"<Error><Code>InternalError</Code></Error>")(handler)

    server.bucket.trick = trick
    with pytest.raises(StoreAwayError, match="the store cold has an error of its own"):
        put(store)
    assert (server.bucket.objects, server.bucket.uploads) == ({}, {})


# — refusals —

REFUSALS = {
    (403, "InvalidAccessKeyId"): "does not know the access key",
    (403, "SignatureDoesNotMatch"): "refuses the signature",
    (403, "AccessDenied"): "does not allow this key to ",
    (404, "NoSuchBucket"): "has no such bucket",
    (403, "QuotaExceeded"): "is full",
    (507, "XMinioStorageFull"): "is full",
    (507, ""): "is full",
    (503, "SlowDown"): "asks to be asked less often",
    (429, ""): "asks to be asked less often",
    (500, "InternalError"): "has an error of its own",
    (502, ""): "cannot answer now",
    (418, "Teapot<script>"): "refuses: 418 Teapotscript",
    (404, ""): "answers 404, and not as S3 does",
    (200, "Surprise"): "",
    (302, ""): "answers 302, and not as S3 does",
    (307, "TemporaryRedirect"): "lies in another region or at another address, not in us-east-1",
    (403, "RequestTimeTooSkewed"): "has another time",
    (301, ""): "lies in another region or at another address, not in us-east-1",
}


@pytest.mark.parametrize("refusal", [refusal for refusal in REFUSALS if refusal[0] != 200], ids=str)
def test_a_refusal_is_a_sentence(
    server: Server, store: S3, call: Callable[[S3], object], refusal: tuple[int, str]
) -> None:
    """Which names the store, and says nothing of the secret; also where the store echoes it."""
    status, code = refusal
    body = f"<Error><Code>{code.replace('<', '&lt;')}</Code><Message>{SECRET}</Message></Error>" if code else SECRET
    server.bucket.trick = answering(status, body.encode(), Location="http://192.0.2.1/")
    with pytest.raises(StoreAwayError) as raised:
        call(store)
    assert "store cold" in str(raised.value)
    assert REFUSALS[refusal] in str(raised.value)
    assert SECRET not in str(raised.value)
    assert KEY not in str(raised.value)


def test_whose_key_is_wrong(server: Server, call: Callable[[S3], object]) -> None:
    """The secret, the bucket, the region: each by its name; nothing of it in the store's representation either."""
    wrong = {
        "refuses the signature": bucket(server, secret="wrong"),
        "has no such bucket": bucket(server, name="other"),
        "lies in the region us-east-1, not in eu-west-1": bucket(server, region="eu-west-1"),
    }
    for sentence, store in wrong.items():
        with contextlib.closing(store), pytest.raises(StoreAwayError, match=sentence):
            call(store)
        assert "wrong" not in repr(store) + str(vars(store))


def test_whose_clock_is_wrong(server: Server, store: S3, call: Callable[[S3], object]) -> None:
    """It is told by how much."""
    server.bucket.now = lambda: time.time() + 3600
    date = datetime.fromtimestamp(time.time() + 3600, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    Handler.date_time_string, before = lambda *_: date, Handler.date_time_string  # type: ignore[method-assign, assignment]
    try:
        with pytest.raises(StoreAwayError, match=r"its clock and this machine's are 3,(5\d\d|600) seconds apart"):
            call(store)
    finally:
        Handler.date_time_string = before  # type: ignore[method-assign]


def test_keys_are_read_again_after_a_refusal(server: Server, tmp_path: Path) -> None:
    """So new ones hold without a new start; a file that is not there is a sentence."""
    table = StoreTable(
        name="cold", kind="s3", endpoint=server.endpoint, bucket="clips",
        access_key_file=str(tmp_path / "key"), secret_key_file=str(tmp_path / "secret"),
    )  # fmt: skip
    with contextlib.closing(S3.of(table)) as store:
        with pytest.raises(
            StoreAwayError, match=r"the store cold: access_key_file .* cannot be read: No such file"
        ):
            store.find("a")
        (tmp_path / "key").write_text(KEY + "\n")
        (tmp_path / "secret").write_text("old\n")
        with pytest.raises(StoreAwayError, match="refuses the signature"):
            store.find("a")
        (tmp_path / "secret").write_text(SECRET + "\n")
        assert store.find("a") is None


# — bad answers —

LIST = b"<ListBucketResult><IsTruncated>%s</IsTruncated>%s</ListBucketResult>"
LAUGHS = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><ListBucketResult>&b;</ListBucketResult>'
ENTRY = b"<Contents><Key>%s</Key><Size>%s</Size></Contents>"
GARBAGE = {
    "nothing": b"",
    "a page of some web server": b"<html><body>Welcome<br></body></html>",
    "half a document": b"<ListBucketResult><Contents>",
    "entities": LAUGHS,
    "entities, in another encoding": LAUGHS.decode().encode("utf-16"),
    "a document type from elsewhere": b'<!DOCTYPE l SYSTEM "file:///etc/passwd"><ListBucketResult/>',
    "an encoding that is none": b'<?xml version="1.0" encoding="nonsense"?><ListBucketResult/>',
    "something else": b"<ListAllMyBucketsResult/>",
    "deep": b"<a>" * 100_000,
    "many": LIST % (b"false", b"<a/>" * 100_000),
    "more than was asked for": b" " * (9 << 20),
    "no next page": LIST % (b"true", ENTRY % (b"a", b"1")),
    "the same page again": LIST
    % (b"true", b"<NextContinuationToken>x</NextContinuationToken>" + ENTRY % (b"a", b"1")),
    "another order": LIST % (b"false", ENTRY % (b"b", b"1") + ENTRY % (b"a", b"1")),
    "the same twice": LIST % (b"false", ENTRY % (b"a", b"1") * 2),
    "no size": LIST % (b"false", ENTRY % (b"a", b"-1")),
    "a size of many digits": LIST % (b"false", ENTRY % (b"a", b"9" * 5000)),
}


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_list_that_makes_no_sense(server: Server, store: S3, garbage: str) -> None:
    """Is not believed: what it does not name would be taken for gone."""
    server.bucket.trick = answering(200, GARBAGE[garbage])
    with pytest.raises(StoreAwayError, match="the store cold"):
        list(store.list())


def test_a_list_of_what_is_not_below_the_prefix(server: Server) -> None:
    """Is not believed either. The marker of a folder, and what is hidden, is no clip's."""
    with contextlib.closing(bucket(server, prefix="cold/")) as store:
        server.bucket.trick = answering(200, LIST % (b"false", ENTRY % (b"warm/1", b"1")))
        with pytest.raises(StoreAwayError, match="lists what was not asked for"):
            list(store.list())
        keys = [b"cold/", b"cold/.hidden/a", b"cold/a/", b"cold/a//b", b"cold/b"]
        server.bucket.trick = answering(200, LIST % (b"false", b"".join(ENTRY % (key, b"1") for key in keys)))
        assert [entry.key for entry in store.list()] == ["b"]


def test_a_name_that_is_no_text_costs_no_other(server: Server, store: S3) -> None:
    """Other programs may have put it there, in stores that take any bytes; the others are listed in order."""
    keys = ["🎥/1.mp4", "%FE.mp4", "%FF.mp4"]
    listed = b"<EncodingType>url</EncodingType>" + b"".join(ENTRY % (key.encode(), b"1") for key in keys)
    server.bucket.trick = answering(200, LIST % (b"false", listed))
    assert [entry.key for entry in store.list()] == ["🎥/1.mp4"]


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, FILM, {}),
        (206, FILM[:10], {}),
        (206, FILM[:10], {"Content_Range": "bytes 1-10/9000"}),
        (206, FILM[:9], {"Content_Range": "bytes 0-8/9000"}),
        (206, FILM[:9], {"Content_Range": "bytes 0-9/9000"}),
        (206, FILM[:10], {"Content_Range": "bytes 0-9/*"}),
        (206, FILM[:10], {"Content_Range": "bytes 0-9/9000", "Content_Encoding": "gzip"}),
    ],
)
def test_other_bytes_than_were_asked_for(
    server: Server, store: S3, status: int, body: bytes, headers: dict[str, str]
) -> None:
    """Are never taken for those."""
    server.bucket.trick = answering(status, body, **headers)
    with pytest.raises(StoreAwayError, match="the store cold"):
        list(store.read("a/1.mp4", 0, 10))


# — no answer —


def away(endpoint: str) -> S3:
    return S3("cold", endpoint, "clips", keys=lambda: (KEY, SECRET))


@contextlib.contextmanager
def serving(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does this with each connection until the block ends; its address."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)

        def loop() -> None:
            held = []
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    peer, _ = listening.accept()
                    held.append(peer)
                    thread = threading.Thread(target=lambda peer=peer: _quietly(behave, peer))
                    thread.start()
                    threads.append(thread)
            for peer in held:
                with contextlib.suppress(OSError):
                    peer.shutdown(socket.SHUT_RDWR)
                peer.close()

        threads = [threading.Thread(target=loop)]
        threads[0].start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            over.set()
            for thread in threads:
                thread.join()


def _quietly(behave: Callable[[socket.socket], None], peer: socket.socket) -> None:
    with contextlib.suppress(OSError):
        behave(peer)


def trickle(begin: bytes) -> Callable[[socket.socket], None]:
    """Sends a byte now and then, so that no single one is waited for too long."""

    def behave(peer: socket.socket) -> None:
        peer.sendall(begin)
        while True:
            peer.sendall(b"x")
            time.sleep(0.05)

    return behave


def hang_up(peer: socket.socket) -> None:
    peer.shutdown(socket.SHUT_RDWR)


def say(words: bytes) -> Callable[[socket.socket], None]:
    return lambda peer: peer.sendall(words)


NO_ANSWER: dict[str, tuple[Callable[[socket.socket], None], str]] = {
    "hangs up": (hang_up, "broke the connection off"),
    "speaks something else": (say(b"SSH-2.0-OpenSSH_9.2\r\n"), "answers no HTTP"),
    "has long lines": (say(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000 + b"\r\n"), "answers no HTTP"),
    "has many lines": (say(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200), "answers no HTTP"),
}
SLOW = {
    "a status": b"HTTP/1.1 200 O",
    "a header": b"HTTP/1.1 200 OK\r\nETag: ",
    "a small body": b"HTTP/1.1 403 No\r\nContent-Length: 10000\r\n\r\n",
    "a film": b"HTTP/1.1 206 OK\r\nContent-Length: 10\r\nContent-Range: bytes 0-9/10\r\n\r\n",
}


@pytest.mark.parametrize("how", NO_ANSWER)
def test_a_store_that_answers_something_else(call: Callable[[S3], object], how: str) -> None:
    """Is a sentence too."""
    behave, sentence = NO_ANSWER[how]
    with serving(behave) as endpoint, pytest.raises(StoreAwayError, match=sentence):
        call(away(endpoint))


def test_a_store_that_is_frozen(call: Callable[[S3], object], quick: None) -> None:
    """Nobody waits for it for longer than told."""
    with serving(lambda _peer: None) as endpoint, pytest.raises(StoreAwayError, match="is frozen or too slow"):
        call(away(endpoint))


@pytest.mark.parametrize("what", SLOW)
def test_a_store_that_trickles(what: str, quick: None) -> None:
    """No single byte is waited for too long, but all of them are."""
    with serving(trickle(SLOW[what])) as endpoint, pytest.raises(StoreAwayError, match="is frozen or too slow"):
        CALLS["read"](away(endpoint))


def test_a_store_that_takes_no_more_bytes(quick: None) -> None:
    """In the middle of a body."""
    with serving(lambda _peer: None) as endpoint, contextlib.closing(away(endpoint)) as store:
        file = io.BytesIO(bytes(32 << 20))
        with pytest.raises(StoreAwayError, match="is frozen or too slow"):
            store._writer._put_whole("a", file, 32 << 20, Sums("", ""), {})  # what has looked for the key already
        assert 0 < file.tell() < 32 << 20


def test_a_success_that_comes_before_the_body_is_sent(quick: None) -> None:
    """Is none: what has not been sent is not there."""
    behave = say(b'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: 0\r\n\r\n')
    refused = pytest.raises(StoreAwayError, match=r"says that it has what was not sent|is frozen")  # if it is late
    with serving(behave) as endpoint, contextlib.closing(away(endpoint)) as store, refused:
        store._writer._put_whole("a", io.BytesIO(bytes(32 << 20)), 32 << 20, Sums("", ""), {})


def test_a_refusal_that_comes_before_the_body_is_sent(server: Server, store: S3) -> None:
    """Is the reason that is told, and not that the connection broke."""

    def trick(handler: Handler) -> bool:
        if handler.command != "PUT":
            return False
        handler.close_connection = True
        handler.reply(507, b"<Error><Code>InsufficientStorage</Code></Error>", Connection="close")
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RD)
        wait_for(lambda: handler.server.bucket.page, what="it")
        return True

    server.bucket.trick = trick
    with pytest.raises(StoreAwayError, match=r"is full|broke the connection off"):
        put(store, data=bytes(8 << 20))


def test_a_store_that_is_not_there(call: Callable[[S3], object]) -> None:
    """No name, no listener; a proxy of the environment is not asked."""
    for endpoint, sentence in (
        (f"http://127.0.0.1:{free_port()}", "nothing listens at 127.0.0.1"),
        ("http://store.invalid", "the name store.invalid is not known"),
    ):
        with pytest.raises(StoreAwayError, match=sentence):
            call(away(endpoint))


def test_whose_certificate_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is not spoken to; one that is known is, and one that speaks no TLS is told as such."""
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    with s3_server() as server:
        plain = server.endpoint.replace("http", "https")
        with pytest.raises(StoreAwayError, match="speaks no TLS"):
            away(plain).find("a")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        with pytest.raises(StoreAwayError, match=r"the certificate of 127.0.0.1:\d+ is refused"):
            away(plain).find("a")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with contextlib.closing(away(plain)) as store:
            put(store)
            assert store.find("a/1.mp4") is not None
            assert b"".join(store.read("a/1.mp4", 0, 100)) == FILM[:100]
            server.bucket.trick = closing
            for _ in range(5):
                assert store.find("a/1.mp4") is not None


def closing(handler: Handler) -> bool:
    """Answers, and closes the connection without a word of it."""
    handler.close_connection = True
    return False


def test_a_process_with_many_files(store: S3) -> None:
    """As one that watches many folders: numbers of sockets beyond 1,024 are such as any others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2048:
        pytest.skip(f"a process may open only {hard} files here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2048, hard))
    try:
        with contextlib.ExitStack() as stack:
            for _ in range(1024):
                stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
            put(store)
            for _ in range(2):
                assert store.find("a/1.mp4") is not None
            store.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_connection_is_used_again(server: Server, store: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that the server closed meanwhile is not."""
    opened = []
    real = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda *a: opened.append(a) or real(*a))
    put(store)
    for _ in range(5):
        assert store.find("a/1.mp4") is not None
        assert len(list(store.list())) == 1
    assert len(opened) == 2  # one for the body

    server.bucket.trick = closing
    for _ in range(5):
        assert store.find("a/1.mp4") is not None


def test_documents_are_bounded() -> None:
    """By their elements and by how deep they lie."""
    assert parse(b"<a xmlns='x'><b>1&amp;2</b><b/></a>").get("b") == "1&2"
    for document in (b"<a>" * 20 + b"</a>" * 20, b"<a>" + b"<b/>" * 60_000 + b"</a>"):
        with pytest.raises(XmlError, match="too many elements"):
            parse(document)
