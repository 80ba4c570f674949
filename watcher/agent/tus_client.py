"""One clip to a watcher, by tus 1.0, as far as the network allows; what is there already is not sent again."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin

import requests

PIECE = 4 << 20  # bytes of one request: what a broken connection costs
BLOCK = 32 << 10  # bytes that are sent before the clock is looked at
TIMEOUT = (10.0, 120.0)  # seconds to connect, and without an answer
BACKOFF_MOST = 300.0  # seconds between two attempts
_REFUSED = {400, 409, 413, 415, 422}  # of a whole clip: sending it again would not help
_CHECKSUM = 460


class RefusedError(Exception):
    """The server does not want this clip; sending it again would not help."""


class AwayError(Exception):
    """The server cannot be reached, or cannot take it now; try again later."""


class LaterError(AwayError):
    """The server answers, and cannot take this clip now: the disk is full, the camera has sent enough for today."""


class DeniedError(AwayError):
    """The key is missing, wrong, or not for this camera: somebody has to see to that."""


_KINDS = {401: DeniedError, 403: DeniedError, 411: LaterError, 423: LaterError, 429: LaterError, 507: LaterError}


class Limiter:
    """Lets so many bytes a second pass; 0 is without limit."""

    def __init__(self, bytes_a_second: float) -> None:
        self._rate = bytes_a_second
        self._free_at = 0.0

    def wait(self, count: int) -> None:
        """Return when so many bytes more may go."""
        if not self._rate:
            return
        now = time.monotonic()
        self._free_at = max(self._free_at, now) + count / self._rate
        time.sleep(max(0.0, self._free_at - now))


class Piece:
    """The next bytes of a file as the body of a request, read as slowly as the limit wants."""

    def __init__(self, file: BinaryIO, length: int, limiter: Limiter, tell: Callable[[int], None]) -> None:
        self._file = file
        self._left = length
        self._limiter = limiter
        self._tell = tell

    def __len__(self) -> int:
        return self._left

    def read(self, count: int = -1) -> bytes:
        """Some of what is left."""
        size = min(self._left, BLOCK if count < 0 else min(count, BLOCK))
        data = self._file.read(size)
        self._limiter.wait(len(data))
        self._left -= len(data)
        self._tell(len(data))
        return data


class Sender:
    """A watcher, and who we are to it."""

    def __init__(self, url: str, *, key: str | None, bytes_a_second: float = 0) -> None:
        self._tus = urljoin(url.rstrip("/") + "/", "watcher/tus")
        self._session = requests.Session()
        self._session.headers["Tus-Resumable"] = "1.0.0"
        self._session.headers["User-Agent"] = "watcher-push"
        if key:
            self._session.headers["Authorization"] = f"Bearer {key}"
        self._limiter = Limiter(bytes_a_second)

    def send(
        self,
        path: Path,
        camera: str,
        name: str,
        *,
        address: str | None,
        begun: Callable[[str], None],
        tell: Callable[[int], None] = lambda _count: None,
    ) -> None:
        """Send a file, going on with the upload at `address` if it is still there; `begun` is told a new one.

        1. what is not there is sent, 2. the server is asked anew for these bytes under this name, and compares its
        own. Only that answer counts: when this returns, the clip is there.
        Raises RefusedError, AwayError, and OSError for the file.
        """
        with path.open("rb") as file:
            length = os.fstat(file.fileno()).st_size
            offset = self._offset(address) if address else None
            digest = hashlib.file_digest(file, "sha256").digest()
            if offset is None or address is None:
                address, offset = self._begin(camera, name, length, digest)
                if offset == length:
                    return
                begun(address)
            tell(offset)
            while offset < length:
                offset = self._piece(file, address, offset, min(PIECE, length - offset), tell)
        address, offset = self._begin(camera, name, length, digest)
        if offset != length:
            begun(address)
            raise LaterError(f"{camera}/{name} was sent, and is not there; sending it again")

    def confirm(self, path: Path, camera: str, name: str) -> bool:
        """Whether the server has the clip of this name, with the bytes of this file. Raises what `send` does."""
        with path.open("rb") as file:
            length = os.fstat(file.fileno()).st_size
            address, offset = self._begin(camera, name, length, hashlib.file_digest(file, "sha256").digest())
        if offset == length:
            return True
        self._ask("DELETE", address, also={404, 410, 423})
        return False

    def _begin(self, camera: str, name: str, length: int, digest: bytes) -> tuple[str, int]:
        """Begin an upload; its address, and how much of it is there: all of it, where there is such a clip."""
        values = {"camera": camera.encode(), "filename": name.encode(), "sha256": digest.hex().encode()}
        metadata = ",".join(f"{key} {base64.b64encode(value).decode()}" for key, value in values.items())
        answer = self._ask("POST", self._tus, headers={"Upload-Length": str(length), "Upload-Metadata": metadata})
        if answer.status_code != 201 or "Location" not in answer.headers:
            raise AwayError(f"{self._tus} answers {answer.status_code}, and is no watcher")
        return urljoin(self._tus, answer.headers["Location"]), _offset_of(answer, 0)

    def _offset(self, address: str) -> int | None:
        """How much of an upload is there; None if it is done, or gone."""
        answer = self._ask("HEAD", address, also={404, 410})
        return _offset_of(answer) if answer.status_code == 200 else None

    def _piece(self, file: BinaryIO, address: str, offset: int, count: int, tell: Callable[[int], None]) -> int:
        file.seek(offset)
        checksum = base64.b64encode(hashlib.sha256(file.read(count)).digest()).decode()
        headers = {
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": str(offset),
            "Upload-Checksum": f"sha256 {checksum}",
        }
        file.seek(offset)
        body = Piece(file, count, self._limiter, tell)
        answer = self._ask("PATCH", address, headers=headers, data=body, also={404, 409, 410, _CHECKSUM})
        if answer.status_code == 204:
            there: int | None = _offset_of(answer)
            if there is None or there <= offset:
                raise AwayError("a piece was sent, and is not there")
            return there
        code = _problem(answer).get("code")
        if answer.status_code == _CHECKSUM:
            raise AwayError("a piece was damaged on the way")
        if answer.status_code == 409 and code != "offset_mismatch":
            raise RefusedError(_detail(answer))
        there = self._offset(address)
        if there is None:
            raise AwayError("the upload is gone; beginning anew")
        if there == offset:
            raise AwayError(_detail(answer))
        return there

    def _ask(self, method: str, address: str, *, also: set[int] | None = None, **more: Any) -> requests.Response:
        try:
            answer = self._session.request(method, address, timeout=TIMEOUT, allow_redirects=False, **more)
        except requests.RequestException as reason:
            raise AwayError(f"{address} cannot be reached: {type(reason).__name__}") from reason
        if answer.status_code < 300 or answer.status_code in (also or ()):
            return answer
        if answer.status_code in _REFUSED:
            raise RefusedError(_detail(answer))
        raise _KINDS.get(answer.status_code, AwayError)(_detail(answer))


def backoff(attempt: int) -> float:
    """Seconds to wait after so many failures: twice as long each time, and never the same for all cameras."""
    return min(BACKOFF_MOST, 2.0 ** min(attempt, 10)) * random.uniform(0.5, 1.0)  # nosec B311  # noqa: S311 - jitter


def _offset_of(answer: requests.Response, otherwise: int | None = None) -> int:
    """What an answer tells of how much is there. Raises AwayError for one that does not."""
    text = answer.headers.get("Upload-Offset", "" if otherwise is None else str(otherwise))
    if not (text.isascii() and text.isdigit()):
        raise AwayError("the answer tells no offset: that is no watcher")
    return int(text)


def _problem(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _detail(answer: requests.Response) -> str:
    problem = _problem(answer)
    return f"{answer.status_code} {problem.get('detail') or problem.get('title') or answer.reason}"
