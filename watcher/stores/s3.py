"""A store that is a bucket of Amazon's S3, or of what speaks like it: Ceph, Garage, MinIO, SeaweedFS, B2, Wasabi.

A file goes in one piece, a large one in parts. Its SHA-256, its time and the catalog's id are kept beside it
(`x-amz-meta-…`). Every byte that is sent is covered by the signature (`x-amz-content-sha256`) and by Content-MD5,
so that one that is changed on the way is refused by the store.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_plus

from watcher.model.errors import MissingError, StoreAwayError, TakenError
from watcher.settings.stores import StoreTable
from watcher.stores.exchange import BLOCK
from watcher.stores.s3_client import NO_BUCKET, NO_KEY, ONE_BYTE, RANGE, Body, Client, Keys, Request, number
from watcher.stores.s3_errors import skew
from watcher.stores.s3_put import MTIME, OWNER, SHA256, Writer
from watcher.stores.signature import LONGEST_SECONDS
from watcher.stores.store import Stored, segments

REGION = "us-east-1"  # where none is set; stores that have no regions take it
PAGE = 1000  # keys of a page, which is the most
_ANY = "surrogateescape"  # some stores take names that are no text, and have them in the order of their bytes


class S3:
    """A bucket as a store."""

    def __init__(
        self,
        name: str,
        endpoint: str,
        bucket: str,
        *,
        keys: Keys,
        region: str = "",
        prefix: str = "",
        owner: str | None = None,
    ) -> None:
        """`keys` tells the access key and its secret when they are needed; nothing is asked before.

        `owner` is the id of the catalog that objects are put for.
        """
        self.name = name
        self.endpoint = endpoint.rstrip("/")
        self.bucket = bucket
        self._prefix = prefix
        self._client = Client(name, endpoint, bucket, region or REGION, keys)
        self._writer = Writer(self._client, owner or "")

    @classmethod
    def of(cls, table: StoreTable, owner: str | None = None) -> S3:
        """The store that a table of the settings describes, of this catalog."""

        def keys() -> tuple[str, str]:
            return _secret(table, "access_key_file"), _secret(table, "secret_key_file")

        more = {"region": table.region, "prefix": table.prefix}
        return cls(table.name, table.endpoint, table.bucket, keys=keys, owner=owner, **more)

    def put(self, key: str, file: BinaryIO, size: int) -> Stored:
        """Take a file that can be read twice: once for its sums, and once to send it; a large one three times.

        The store itself refuses to overwrite (`If-None-Match: *`). Not all do: whether something has the key is
        asked before too, so that in a store that does not know the header only two puts in the same moment can
        meet. Where the answer is lost the object may be there all the same: then the next put says that the key is
        taken, and whoever calls compares. Also raises OSError for the file.
        """
        segments(key)
        etag = self._writer.put(self._prefix + key, _type(key), file, size)
        if etag is None:
            raise TakenError(f"the store {self.name} has something called {key}")
        return Stored(key, size, etag)

    def find(self, key: str) -> Stored | None:
        """What has a key. A bucket that is not there is an error, and not a key that is not there."""
        segments(key)
        existing = self._client.find(self._prefix + key)
        if existing is None:
            return None
        headers = existing.headers
        return Stored(
            key,
            existing.size,
            existing.etag,
            time_of(headers),
            headers.get(SHA256, "").lower(),
            headers.get(OWNER, ""),
        )

    def read(self, key: str, first: int, length: int) -> Iterator[bytes]:
        """Bytes from a place on, a quarter of a mebibyte at a time."""
        segments(key)
        if length <= 0:
            return
        headers = {"Range": f"bytes={first}-{first + length - 1}"}
        with self._client.ask(Request("GET", self._prefix + key, headers=headers)) as reply:
            if reply.status == 416:  # it ends before
                return
            if reply.status == 404:
                reason = self._client.refused_reply(reply)
                if reason.store_code == NO_KEY:
                    raise MissingError(f"the store {self.name} has nothing called {key}")
                raise reason
            if reply.status != 206:
                if reply.status == 200:
                    raise self._client.error("sends a whole object where a part was asked for")
                raise self._client.refused_reply(reply)
            left = self._promised(reply.headers, first, length)
            while left:
                block = reply.read(min(BLOCK, left))
                if not block:
                    raise self._client.error(f"broke off in {key}")
                left -= len(block)
                yield block

    def delete(self, key: str) -> None:
        """Remove an object; in a bucket with versions it gets a mark, and its versions stay."""
        segments(key)
        answer = self._client.answer(Request("DELETE", self._prefix + key))
        if answer.status not in {200, 204}:
            reason = self._client.refused(answer)
            if reason.store_code != NO_KEY:
                raise reason

    def list(self, after: str = "") -> Iterator[Stored]:
        """Every object behind a key, a page at a time. Hidden ones are none, nor is what cannot be a key.

        Raises StoreAwayError also for a store that lists in another order.
        """
        query = {"list-type": "2", "encoding-type": "url", "max-keys": str(PAGE), "prefix": self._prefix}
        if after:
            query["start-after"] = self._prefix + after
        last = after.encode()
        while True:
            page = self._client.tree(self._client.answer(Request("GET", query=query)), "ListBucketResult")
            encoded = page.get("EncodingType") == "url"
            for entry in page.all("Contents"):
                key = unquote_plus(entry.get("Key"), errors=_ANY) if encoded else entry.get("Key")
                size = number(entry.get("Size"))
                if not key.startswith(self._prefix) or size is None:
                    raise self._client.error("lists what was not asked for")
                key = key.removeprefix(self._prefix)
                if key and key.encode(errors=_ANY) <= last:
                    raise self._client.error("lists objects in another order than that of their keys")
                last = key.encode(errors=_ANY)
                if _is_key(key):
                    yield Stored(key, size, entry.get("ETag").strip('"'))
            if page.get("IsTruncated") != "true":
                return
            token = page.get("NextContinuationToken")
            if not token or token == query.get("continuation-token"):
                raise self._client.error("does not say how its list goes on")
            query["continuation-token"] = token

    def bind(self, *, anew: bool = False) -> None:
        """Nothing: a bucket is not taken for another one, as a folder is whose disk is away."""

    def make(self) -> None:
        """Make the bucket, unless it is there."""
        try:
            self.find("-")
        except StoreAwayError as reason:
            if reason.store_code != NO_BUCKET:
                raise
            answer = self._client.answer(Request("PUT"))
            if answer.status != 200:
                raise self._client.refused(answer) from None

    def path(self, key: str) -> None:
        """None: what is in a bucket is read over the network."""

    def sign(self, key: str, seconds: int) -> str:
        """A path and query for nginx to GET, any range of it; HEAD is another request, and refused."""
        segments(key)
        return self._client.address(self._prefix + key, min(seconds, LONGEST_SECONDS))

    def close(self) -> None:
        """Close the connections that are kept."""
        self._client.close()

    # — what doctor asks —

    def clock(self) -> float | None:
        """Seconds by which the store's clock is ahead of ours; None where it tells none."""
        answer = self._client.answer(
            Request("GET", query={"list-type": "2", "max-keys": "1", "prefix": self._prefix})
        )
        self._client.tree(answer, "ListBucketResult")
        return skew(answer.headers)

    def refuses_to_overwrite(self, key: str, data: bytes) -> bool:
        """Whether the store itself keeps an object that is there; where it does not, the object has `data` then."""
        digest = hashlib.sha256(data).hexdigest()
        body, headers = Body((data,), len(data), digest), {"If-None-Match": "*"}
        answer = self._client.answer(Request("PUT", self._prefix + key, headers=headers, body=body))
        if answer.status not in {200, 412, 501}:
            raise self._client.refused(answer)
        return answer.status == 412

    def by_address(self, key: str) -> bytes:
        """The first byte of an object by its signed address, as nginx asks for it."""
        with self._client.fetch(self.sign(key, 60), ONE_BYTE) as reply:
            if reply.status != 206:
                raise self._client.refused_reply(reply)
            return reply.whole(1)

    # — inside —

    def _promised(self, headers: Mapping[str, str], first: int, length: int) -> int:
        """How many bytes come, if they are those that were asked for."""
        match = RANGE.fullmatch(headers.get("content-range", ""))
        if match is None or headers.get("content-encoding", "identity") != "identity":
            raise self._client.error("does not say which part of an object it sends")
        begin, end, size = map(int, match.groups())
        if (begin, end) != (first, min(first + length, size) - 1):
            raise self._client.error("sends another part of an object than was asked for")
        return end - begin + 1


def _is_key(key: str) -> bool:
    """Whether a clip could have it: text, no marker of a folder, nothing hidden, as in a folder."""
    text = not any(character == "\0" or "\udc80" <= character <= "\udcff" for character in key)
    return text and all(part and not part.startswith(".") for part in key.split("/"))


def time_of(headers: Mapping[str, str]) -> int:
    """The time of the file that was put, in ns since 1970, else that of its object; 0 where none is told.

    >>> time_of({"x-amz-meta-mtime": "1793489623.5"}), time_of({"last-modified": "Sat, 31 Oct 2026 21:33:43 GMT"})
    (1793489623500000000, 1793482423000000000)
    """
    if match := re.fullmatch(r"(-?[0-9]{1,9}|[0-9]{10})(?:\.([0-9]{1,9})[0-9]*)?", headers.get(MTIME, "").strip()):
        return int(match[1]) * 10**9 + int((match[2] or "0").ljust(9, "0"))
    try:
        return int(parsedate_to_datetime(headers.get("last-modified", "")).timestamp()) * 10**9
    except (ValueError, OverflowError):
        return 0


def _type(key: str) -> str:
    """What an object is served as, if somebody reads the bucket without us: a film, a picture, or bytes."""
    kind = mimetypes.guess_type(key)[0] or ""
    return kind if kind.startswith("video/") else "application/octet-stream"


def _secret(table: StoreTable, setting: str) -> str:
    """What a file of the settings holds. Raises StoreAwayError."""
    path = getattr(table, setting)
    if not path:
        raise StoreAwayError(f"the store {table.name} needs {setting}")
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as reason:
        why = reason.strerror if isinstance(reason, OSError) else "it is no text"
        raise StoreAwayError(f"the store {table.name}: {setting} {path} cannot be read: {why}") from None
    if not text or not text.isprintable():
        raise StoreAwayError(f"the store {table.name}: {setting} {path} holds no key")
    return text
