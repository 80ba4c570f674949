"""Signed requests to one bucket, by path style (`https://endpoint/bucket/key`), and their answers."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from watcher.model.errors import StoreAwayError
from watcher.stores.exchange import Exchange, Patience, Reply
from watcher.stores.s3_errors import refusal
from watcher.stores.signature import EMPTY, Query, Signer, encoded, encoded_query
from watcher.stores.xml import Element, XmlError, parse

ANSWER_MOST = 8 << 20  # bytes; a page of a thousand keys of 1,024 bytes, each of them encoded, has some 3.5 MB
ERROR_MOST = 64 << 10
ONE_BYTE = {"Range": "bytes=0-0"}
RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19})")
NO_KEY, NO_BUCKET = "NoSuchKey", "NoSuchBucket"
_KEYS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied"}

Keys = Callable[[], tuple[str, str]]  # the access key and its secret; raises StoreAwayError


class Answer(NamedTuple):
    """An answer and all of its body."""

    right: str  # of the key, that was needed
    status: int
    headers: Mapping[str, str]
    body: bytes


class Existing(NamedTuple):
    """What an object is said to be."""

    size: int
    etag: str
    headers: Mapping[str, str]


class Body(NamedTuple):
    """What is sent: its bytes, how many they are, and their SHA-256 in hex."""

    blocks: Iterable[bytes] = ()
    size: int = 0
    sha256: str = EMPTY


NOTHING = Body()


class Request(NamedTuple):
    """What a bucket is asked: of a key, or of itself."""

    method: str
    key: str = ""
    query: Query | None = None
    headers: Mapping[str, str] | None = None
    body: Body = NOTHING
    patience: Patience | None = None

    @property
    def right(self) -> str:
        """The right that it needs, as policies of buckets call it."""
        if not self.key:
            return "ListBucket"
        return {"GET": "GetObject", "DELETE": "DeleteObject"}.get(self.method, "PutObject")


class Client:
    """Asks one bucket; says nothing of its secret in errors, logs or its representation."""

    def __init__(self, store: str, endpoint: str, bucket: str, region: str, keys: Keys) -> None:
        self._store = store
        self._bucket = bucket
        self._region = region
        self._keys = keys
        self._signer: Signer | None = None
        self._exchange = Exchange(store, endpoint)

    @contextlib.contextmanager
    def ask(self, request: Request) -> Iterator[Reply]:
        """Ask; the body of the answer is still to be read."""
        path, query, body = self._path(request.key), request.query or {}, request.body
        headers = {"Host": self._exchange.host, **(request.headers or {})}
        if request.method in {"PUT", "POST"}:
            headers["Content-Length"] = str(body.size)
        headers = self._signing().headers(request.method, path, query, headers, body.sha256, datetime.now(UTC))
        target = f"{path}?{encoded_query(query)}" if query else path
        with self._exchange.ask(request.method, target, headers, body.blocks, request.patience) as reply:
            yield reply

    def answer(self, request: Request) -> Answer:
        """Ask, and read the answer."""
        with self.ask(request) as reply:
            return Answer(request.right, reply.status, reply.headers, reply.whole(ANSWER_MOST))

    def find(self, key: str) -> Existing | None:
        """What is told of an object; None if there is none.

        One byte is asked for, rather than HEAD: only so does a refusal say whether key or bucket is not there.
        """
        return self._find(key, ONE_BYTE)

    def _find(self, key: str, headers: Mapping[str, str]) -> Existing | None:
        with self.ask(Request("GET", key, headers=headers)) as reply:
            if reply.status == 404:
                reason = self.refused_reply(reply)
                if reason.store_code == NO_KEY:
                    return None
                raise reason
            if reply.status == 416 and headers:  # it is empty
                return self._find(key, {})
            if reply.status == 206:
                reply.whole(1)
                match = RANGE.fullmatch(reply.headers.get("content-range", ""))
                size = number(match[3] if match else "")
            elif reply.status == 200:
                size = number(reply.headers.get("content-length", ""))
            else:
                raise self.refused_reply(reply)
        if size is None:
            raise self.error("does not say how large an object is")
        return Existing(size, reply.headers.get("etag", "").strip('"'), reply.headers)

    def address(self, key: str, seconds: int) -> str:
        """The path and query by which anybody may GET a key for some seconds."""
        return self._signing().address(self._path(key), self._exchange.host, seconds, datetime.now(UTC))

    @contextlib.contextmanager
    def fetch(self, target: str, headers: Mapping[str, str]) -> Iterator[Reply]:
        """GET an address that is signed already, as nginx does."""
        with self._exchange.ask("GET", target, {"Host": self._exchange.host, **headers}) as reply:
            yield reply

    def refused(self, answer: Answer) -> StoreAwayError:
        """The error of an answer that is not what was asked for."""
        reason = refusal(self._store, self._region, *answer)
        if reason.store_code in _KEYS:
            self._signer = None  # the files are read again: they may hold others by now
        return reason

    def refused_reply(self, reply: Reply) -> StoreAwayError:
        """The same, of an object's bytes that were asked for."""
        return self.refused(Answer("GetObject", reply.status, reply.headers, reply.whole(ERROR_MOST)))

    def tree(self, answer: Answer, name: str) -> Element:
        """The document of an answer. Raises StoreAwayError for an error, also for one that comes with 200."""
        if answer.status != 200:
            raise self.refused(answer)
        try:
            root = parse(answer.body)
        except XmlError as reason:
            raise self.error(f"answers what cannot be read: {reason}") from reason
        if root.name == "Error":
            raise self.refused(answer)
        if root.name != name:
            raise self.error("answers something else than was asked for")
        return root

    def error(self, what: str) -> StoreAwayError:
        """What the store did, as a sentence."""
        return self._exchange.trouble.error(what)

    def close(self) -> None:
        """Close the connections."""
        self._exchange.close()

    def _path(self, key: str) -> str:
        return f"/{self._bucket}/{encoded(key, safe='/')}" if key else f"/{self._bucket}"

    def _signing(self) -> Signer:
        signer = self._signer
        if signer is None:
            self._signer = signer = Signer(*self._keys(), self._region)
        return signer


def number(text: str) -> int | None:
    """A number of bytes as an answer tells it; None for what is none."""
    return int(text) if re.fullmatch(r"[0-9]{1,19}", text) else None
