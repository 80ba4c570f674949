"""A small S3 server that is strict: what it is not sent as Amazon's rules say, it refuses.

It knows what a store of clips needs: objects, ranges, If-None-Match, lists in pages, uploads in parts, and signatures,
which it works out by itself from the request as it came. A test may take a request over (`trick`) and answer badly.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.server
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, unquote
from xml.sax.saxutils import escape

from watcher.stores.s3 import S3

KEY, SECRET, REGION, BUCKET = "TESTKEY", "test/secret+", "us-east-1", "clips"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([\w-]+)/s3/aws4_request, SignedHeaders=([\w;-]+), Signature=(\w{64})"
)


class RefusalError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, more: str = "", **headers: str) -> None:
        super().__init__(code)
        self.status, self.code, self.more, self.headers = status, code, more, headers


@dataclass
class Bucket:
    """What has been stored, and how the server behaves; a test sets that."""

    objects: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    uploads: dict[str, tuple[str, dict[int, bytes]]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)  # method and target of each request
    page: int = 1000  # keys of a page
    part_least: int = 1000  # bytes of each part but the last
    conditions: str = "known"  # If-None-Match: "known", "ignored" or "refused"
    encodes: bool = True  # knows encoding-type
    made: bool = True  # the bucket is there
    now: Callable[[], float] = time.time
    trick: Callable[[Handler], bool] | None = None  # True where it has answered


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, bucket: Bucket) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bucket = bucket
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        self.tls: ssl.SSLContext | None = (
            None  # by which the next connections are taken; `https://localhost` is it then
        )

    def get_request(self) -> tuple[socket.socket, Any]:
        """A connection; of TLS its handshake is made in its own thread, by the first read."""
        connection, client = super().get_request()
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, client

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that breaks off is no fault of ours."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        bucket = self.server.bucket
        bucket.requests.append((self.command, self.path))
        try:
            if bucket.trick is not None and bucket.trick(self):
                return
            self.data = self._body()
            path, _, self.raw_query = self.path.partition("?")
            self.query = dict(
                parse_qsl(self.raw_query, keep_blank_values=True, strict_parsing=bool(self.raw_query))
            )
            self._check_signature(path)
            _, name, *rest = unquote(path, errors="strict").split("/", 2)
            if name != BUCKET or not (bucket.made or (self.command == "PUT" and not rest)):
                raise RefusalError(404, "NoSuchBucket")
            getattr(self, f"_{self.command.lower()}_{'object' if rest and rest[0] else 'bucket'}")(*rest)
        except RefusalError as refusal:
            self.close_connection = True
            text = f"<Error><Code>{refusal.code}</Code><Message>no</Message>{refusal.more}</Error>"
            self.reply(refusal.status, text.encode(), **refusal.headers)

    do_PUT = do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815 - names of http.server

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    # — objects —

    def _get_object(self, key: str) -> None:
        bucket = self.server.bucket
        if key not in bucket.objects:
            raise RefusalError(404, "NoSuchKey")
        data, match = bucket.objects[key], re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if match is None or not any(match.groups()) or (all(match.groups()) and int(match[1]) > int(match[2])):
            self.reply(200, data, ETag=_etag(data), **bucket.headers[key])
            return
        if not match[1]:
            match = re.fullmatch(r"(\d+)-()", f"{max(0, len(data) - int(match[2]))}-")
            assert match is not None
        first = int(match[1])
        if first >= len(data):
            raise RefusalError(416, "InvalidRange", Content_Range=f"bytes */{len(data)}")
        part = data[first : int(match[2] or len(data)) + 1]
        where = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
        self.reply(206, part, ETag=_etag(data), Content_Range=where, **bucket.headers[key])

    def _put_object(self, key: str) -> None:
        bucket = self.server.bucket
        digest = base64.b64encode(hashlib.md5(self.data).digest()).decode()
        if self.headers.get("Content-MD5", digest) != digest:
            raise RefusalError(400, "BadDigest")
        if "uploadId" in self.query:
            _, parts = self._upload(key)
            parts[int(self.query["partNumber"])] = self.data
        else:
            self._create_only(key)
            bucket.objects[key], bucket.headers[key] = self.data, self._kept()
        self.reply(200, ETag=_etag(self.data))

    def _delete_object(self, key: str) -> None:
        bucket = self.server.bucket
        if "uploadId" in self.query:
            self._upload(key)
            del bucket.uploads[self.query["uploadId"]]
        else:
            bucket.objects.pop(key, None)
        self.reply(204)

    def _post_object(self, key: str) -> None:
        bucket = self.server.bucket
        if "uploads" in self.query:
            upload = f"upload+/={len(bucket.requests)}"
            bucket.uploads[upload] = (key, {})
            bucket.headers[key] = self._kept()
            self._xml("InitiateMultipartUploadResult", f"<UploadId>{upload}</UploadId>")
            return
        _, parts = self._upload(key)
        claims = re.findall(rb"<PartNumber>(\d+)</PartNumber><ETag>&quot;(\w+)&quot;</ETag>", self.data)
        if [(int(number), f'"{etag.decode()}"') for number, etag in claims] != [
            (number, _etag(data)) for number, data in sorted(parts.items())
        ]:
            raise RefusalError(400, "InvalidPart")
        pieces = [data for _, data in sorted(parts.items())]
        if any(len(piece) < bucket.part_least for piece in pieces[:-1]):
            raise RefusalError(400, "EntityTooSmall")
        self._create_only(key)
        bucket.objects[key] = b"".join(pieces)
        del bucket.uploads[self.query["uploadId"]]
        self._xml("CompleteMultipartUploadResult", f"<ETag>{escape(_etag(bucket.objects[key]))}</ETag>")

    # — the bucket —

    def _put_bucket(self) -> None:
        if self.server.bucket.made:
            raise RefusalError(409, "BucketAlreadyOwnedByYou")
        self.server.bucket.made = True
        self.reply(200)

    def _get_bucket(self, *_: str) -> None:
        bucket, prefix = self.server.bucket, self.query.get("prefix", "")
        if "uploads" in self.query:
            uploads = [(upload, key) for upload, (key, _) in bucket.uploads.items() if key.startswith(prefix)]
            entries = (f"<Upload><Key>{self._text(k)}</Key><UploadId>{u}</UploadId></Upload>" for u, k in uploads)
            self._xml("ListMultipartUploadsResult", self._encoding() + "".join(entries))
            return
        if self.query.get("list-type") != "2":
            raise RefusalError(400, "InvalidRequest")
        token = self.query.get("continuation-token")
        after = base64.b64decode(token).decode() if token else self.query.get("start-after", "")
        behind = (key for key in bucket.objects if key.startswith(prefix) and key.encode() > after.encode())
        keys = sorted(behind, key=str.encode)
        shown = keys[: min(bucket.page, int(self.query.get("max-keys", "1000")))]
        entries = (
            f"<Contents><Key>{self._text(key)}</Key><ETag>{escape(_etag(bucket.objects[key]))}</ETag>"
            f"<Size>{len(bucket.objects[key])}</Size></Contents>"
            for key in shown
        )
        more = len(shown) < len(keys)
        rest = f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        if more:
            rest += (
                f"<NextContinuationToken>{base64.b64encode(shown[-1].encode()).decode()}</NextContinuationToken>"
            )
        self._xml("ListBucketResult", self._encoding() + "".join(entries) + rest)

    # — inside —

    def _body(self) -> bytes:
        if self.command in {"PUT", "POST"} and "Content-Length" not in self.headers:
            raise RefusalError(411, "MissingContentLength")
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        digest = self.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
        if digest not in {"UNSIGNED-PAYLOAD", hashlib.sha256(data).hexdigest()}:
            raise RefusalError(400, "XAmzContentSHA256Mismatch")
        return data

    def _check_signature(self, path: str) -> None:
        """By the request as it came: nothing is encoded anew."""
        pairs = [pair.partition("=") for pair in self.raw_query.split("&")] if self.raw_query else []
        if "X-Amz-Signature" in self.query:
            credential, signed = self.query["X-Amz-Credential"], self.query["X-Amz-SignedHeaders"]
            key, day, region, *_ = credential.split("/")
            time, theirs, body = self.query["X-Amz-Date"], self.query["X-Amz-Signature"], "UNSIGNED-PAYLOAD"
            pairs = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
        else:
            match = _AUTHORIZATION.fullmatch(self.headers.get("Authorization", ""))
            if match is None:
                raise RefusalError(403, "AccessDenied")
            key, day, region, signed, theirs = match.groups()
            time, body = self.headers["x-amz-date"], self.headers["x-amz-content-sha256"]
            must = {name.lower() for name in self.headers if name.lower().startswith("x-amz-")} | {"host"}
            if not must <= set(signed.split(";")):
                raise RefusalError(403, "AccessDenied", "<Message>a header is not signed</Message>")
        if key != KEY:
            raise RefusalError(403, "InvalidAccessKeyId")
        if region != REGION:
            raise RefusalError(400, "AuthorizationHeaderMalformed", f"<Region>{REGION}</Region>")
        sent_at = datetime.strptime(time, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        apart, most = self.server.bucket.now() - sent_at, int(self.query.get("X-Amz-Expires", 900))
        if apart > most or apart < -900:
            raise RefusalError(403, "AccessDenied" if "X-Amz-Expires" in self.query else "RequestTimeTooSkewed")
        canonical = (
            "".join(f"{name}:{' '.join(self.headers[name].split())}\n" for name in signed.split(";")),
            signed,
            body,
        )
        query = "&".join(f"{name}={value}" for name, _, value in sorted(pairs))
        request = "\n".join((self.command, path, query, *canonical))
        scope = f"{day}/{region}/s3/aws4_request"
        text = "\n".join(("AWS4-HMAC-SHA256", time, scope, hashlib.sha256(request.encode()).hexdigest()))
        secret = ("AWS4" + SECRET).encode()
        for part in (day, region, "s3", "aws4_request", text):
            secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(secret.hex(), theirs):
            raise RefusalError(403, "SignatureDoesNotMatch")

    def _create_only(self, key: str) -> None:
        condition = self.headers.get("If-None-Match")
        if condition and self.server.bucket.conditions == "refused":
            raise RefusalError(501, "NotImplemented")
        if condition == "*" and self.server.bucket.conditions == "known" and key in self.server.bucket.objects:
            raise RefusalError(412, "PreconditionFailed")

    def _upload(self, key: str) -> tuple[str, dict[int, bytes]]:
        upload = self.server.bucket.uploads.get(self.query["uploadId"])
        if upload is None or upload[0] != key:
            raise RefusalError(404, "NoSuchUpload")
        return upload

    def _kept(self) -> dict[str, str]:
        names = [name for name in self.headers if name.lower().startswith("x-amz-meta-") or name == "Content-Type"]
        return {name: self.headers[name] for name in names}

    def _encoding(self) -> str:
        encodes = self.server.bucket.encodes and self.query.get("encoding-type") == "url"
        return "<EncodingType>url</EncodingType>" if encodes else ""

    def _text(self, key: str) -> str:
        return quote(key, safe="/").replace("%20", "+") if self._encoding() else escape(key)

    def _xml(self, name: str, inside: str) -> None:
        text = f'<?xml version="1.0"?><{name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{inside}</{name}>'
        self.reply(200, text.encode(), Content_Type="application/xml")


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'


def bucket(
    server: Server, *, secret: str = SECRET, name: str = BUCKET, region: str = REGION, prefix: str = ""
) -> S3:
    """Its bucket as a store."""
    return S3("cold", server.endpoint, name, keys=lambda: (KEY, secret), region=region, prefix=prefix)


@contextlib.contextmanager
def s3_server() -> Iterator[Server]:
    """A server for the time of a block."""
    server = Server(Bucket())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
