"""How a file becomes an object of a bucket: in one piece, or in parts."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import os
from collections.abc import Iterator, Mapping
from typing import BinaryIO, NamedTuple
from urllib.parse import unquote_plus

from watcher.model.errors import StoreAwayError
from watcher.stores.exchange import BLOCK, SENT, Patience
from watcher.stores.s3_client import Answer, Body, Client, Request
from watcher.stores.s3_errors import code_of

PART_LEAST = 64 << 20  # bytes; a smaller file goes in one piece, and S3 wants parts of 5 MiB at least
PARTS_MOST = 10_000
# Headers that stay beside an object: its SHA-256, the time of its file as rclone has it, and who put it.
SHA256, MTIME, OWNER = "x-amz-meta-sha256", "x-amz-meta-mtime", "x-amz-meta-catalog"
# After a body: what was sent may still lie in buffers, some MB, and is written before the answer.
STORING = Patience(60.0, 90.0)
JOINING = Patience(60.0, 600.0)  # while parts become one object; Amazon's sends spaces until it is done


class Sums(NamedTuple):
    """Of some bytes: the SHA-256 in hex, and the MD5 as the header Content-MD5 has it."""

    sha256: str
    md5: str


class Writer:
    """Creates objects, and overwrites none."""

    def __init__(self, client: Client, owner: str = "") -> None:
        self._client, self._owner = client, owner
        self._conditional = True  # until the store says that it does not know If-None-Match

    def put(self, key: str, kind: str, file: BinaryIO, size: int) -> str | None:
        """The ETag of the new object, of this media type; None if something has the key.

        Raises StoreAwayError, and OSError for the file.
        """
        if self._client.find(key) is not None:
            return None
        sums = self._sums(file, 0, size)
        headers = {"Content-Type": kind, SHA256: sums.sha256}
        with contextlib.suppress(OSError, AttributeError):  # what has no time of its own
            headers[MTIME] = "{}.{:09}".format(*divmod(os.fstat(file.fileno()).st_mtime_ns, 10**9))
        if self._owner:
            headers[OWNER] = self._owner
        if size > PART_LEAST:
            return self._put_parts(key, file, size, headers)
        return self._put_whole(key, file, size, sums, headers)

    def _put_whole(self, key: str, file: BinaryIO, size: int, sums: Sums, headers: Mapping[str, str]) -> str | None:
        sent = {**headers, "Content-MD5": sums.md5}
        while True:
            if self._conditional:
                sent["If-None-Match"] = "*"
            body = Body(self._blocks(file, 0, size), size, sums.sha256)
            answer = self._client.answer(Request("PUT", key, None, sent, body, STORING))
            if answer.status == 200:
                return self._etag(key, answer.headers.get("etag", ""))
            if not self._unknown_condition(answer):
                if answer.status == 412:
                    return None
                raise self._client.refused(answer)
            del sent["If-None-Match"]

    def _put_parts(self, key: str, file: BinaryIO, size: int, headers: Mapping[str, str]) -> str | None:
        """Send parts, and make one object of them.

        1. what a killed put left of this key goes, 2. an upload begins, 3. its parts are sent, 4. nothing has the
        key still, 5. the store makes the object. A crash before 5 leaves parts, which are no object, until the next
        put of the key or the bucket's own rule (AbortIncompleteMultipartUpload) removes them.
        """
        self._forget(key)
        begun = self._client.answer(Request("POST", key, {"uploads": ""}, headers))
        upload = {"uploadId": self._client.tree(begun, "InitiateMultipartUploadResult").get("UploadId")}
        joined = False
        try:
            each = max(PART_LEAST, -(-size // PARTS_MOST))
            parts = []
            for number, first in enumerate(range(0, size, each), 1):
                length = min(each, size - first)
                sums = self._sums(file, first, length)
                query = {**upload, "partNumber": str(number)}
                body = Body(self._blocks(file, first, length), length, sums.sha256)
                answer = self._client.answer(Request("PUT", key, query, {"Content-MD5": sums.md5}, body, STORING))
                if answer.status != 200 or "etag" not in answer.headers:
                    raise self._client.refused(answer)
                part = html.escape(answer.headers["etag"])
                parts.append(f"<Part><PartNumber>{number}</PartNumber><ETag>{part}</ETag></Part>")
            if self._client.find(key) is None:
                etag = self._join(key, upload, "".join(parts))
                joined = etag is not None
                return etag
            return None
        finally:
            if not joined:
                with contextlib.suppress(StoreAwayError):
                    self._client.answer(Request("DELETE", key, upload))

    def _join(self, key: str, upload: Mapping[str, str], parts: str) -> str | None:
        """Make an object of its parts; refusals may come with 200, as that is sent before it is done."""
        data = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        while True:
            sent = {"Content-Type": "application/xml"} | ({"If-None-Match": "*"} if self._conditional else {})
            body = Body((data,), len(data), hashlib.sha256(data).hexdigest())
            answer = self._client.answer(Request("POST", key, upload, sent, body, JOINING))
            if self._conditional and self._unknown_condition(answer):
                continue
            if answer.status == 412 or code_of(answer.body) == "PreconditionFailed":
                return None
            return self._etag(key, self._client.tree(answer, "CompleteMultipartUploadResult").get("ETag"))

    def _forget(self, key: str) -> None:
        """End the uploads of a key that were begun and not finished, if this key may know of them."""
        query = {"uploads": "", "prefix": key, "encoding-type": "url"}
        try:
            page = self._client.tree(self._client.answer(Request("GET", query=query)), "ListMultipartUploadsResult")
        except StoreAwayError:
            return
        encoded = page.get("EncodingType") == "url"
        for entry in page.all("Upload"):
            if (unquote_plus(entry.get("Key")) if encoded else entry.get("Key")) == key:
                self._client.answer(Request("DELETE", key, {"uploadId": entry.get("UploadId")}))

    def _unknown_condition(self, answer: Answer) -> bool:
        """Whether the store knows no If-None-Match; then it is sent none from now on."""
        if not self._conditional or answer.status != 501:
            return False
        self._conditional = False
        return True

    def _sums(self, file: BinaryIO, first: int, size: int) -> Sums:
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        for block in self._blocks(file, first, size, BLOCK):
            sha256.update(block)
            md5.update(block)
        return Sums(sha256.hexdigest(), base64.b64encode(md5.digest()).decode())

    def _blocks(self, file: BinaryIO, first: int, size: int, length: int = SENT) -> Iterator[bytes]:
        file.seek(first)
        while size:
            block = file.read(min(length, size))
            if not block:
                raise self._client.error("was not given all: the file is shorter than it was")
            size -= len(block)
            yield block

    def _etag(self, key: str, sent: str) -> str:
        """The ETag that an answer tells of a new object; radosgw 16 tells an empty one of joined parts."""
        if not sent and (existing := self._client.find(key)) is not None:
            sent = existing.etag
        return sent.strip('"')
