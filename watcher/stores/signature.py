"""Signatures of requests to S3: AWS Signature Version 4, by the standard library.

The rules are those of "Authenticating Requests (AWS Signature Version 4)" in Amazon's S3 API reference; for S3 a
path is encoded once, and not normalized. One signature takes some 30 µs.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY = hashlib.sha256().hexdigest()  # of a request without a body
UNSIGNED = "UNSIGNED-PAYLOAD"
LONGEST_SECONDS = 7 * 86400  # that a signed address may be good for

Query = Mapping[str, str]


def encoded(text: str, *, safe: str = "") -> str:
    """As RFC 3986 has it, in UTF-8: what is not a letter, a digit or one of `-._~` is encoded, a space as `%20`."""
    return quote(text, safe=safe)


def encoded_query(query: Query) -> str:
    """A query in the order in which it is signed, with `=` also where there is no value."""
    return "&".join(sorted(f"{encoded(name)}={encoded(value)}" for name, value in query.items()))


class Signer:
    """Signs with one pair of keys, for one region."""

    def __init__(self, access_key: str, secret_key: str, region: str) -> None:
        self._access_key = access_key
        self._secret_key = secret_key
        self._region = region

    def headers(
        self, method: str, path: str, query: Query, headers: Mapping[str, str], body: str, now: datetime
    ) -> dict[str, str]:
        """These headers and those that sign them; `path` is encoded, `body` the SHA-256 of the body in hex.

        Every header is signed, so `headers` must hold `Host`.
        """
        time = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        signed_headers = {**headers, "x-amz-content-sha256": body, "x-amz-date": time}
        signed, canonical = _canonical(signed_headers)
        request = "\n".join((method, path, encoded_query(query), canonical, signed, body))
        scope, signature = self._sign(time, request)
        signed_headers["Authorization"] = (
            f"{ALGORITHM} Credential={self._access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"
        )
        return signed_headers

    def address(self, path: str, host: str, seconds: int, now: datetime) -> str:
        """A path and query by which anybody may GET something for so many seconds, any range of it, from `host`."""
        if not 1 <= seconds <= LONGEST_SECONDS:
            raise ValueError(f"a signature is good for 1 to {LONGEST_SECONDS} seconds, not for {seconds}")
        time = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        query = {
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"{self._access_key}/{self._scope(time)}",
            "X-Amz-Date": time,
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": "host",
        }
        text = encoded_query(query)
        _, signature = self._sign(time, f"GET\n{path}\n{text}\nhost:{host}\n\nhost\n{UNSIGNED}")
        return f"{path}?{text}&X-Amz-Signature={signature}"

    def _scope(self, time: str) -> str:
        return f"{time[:8]}/{self._region}/s3/aws4_request"

    def _sign(self, time: str, request: str) -> tuple[str, str]:
        scope = self._scope(time)
        text = f"{ALGORITHM}\n{time}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        return scope, _hmac(_key(self._secret_key, scope), text).hex()


def _canonical(headers: Mapping[str, str]) -> tuple[str, str]:
    """The names of headers as they are signed, and their lines."""
    lines = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    names = sorted(lines)
    return ";".join(names), "".join(f"{name}:{lines[name]}\n" for name in names)


@lru_cache(maxsize=8)
def _key(secret: str, scope: str) -> bytes:
    """The key of a day, a region and a service."""
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
