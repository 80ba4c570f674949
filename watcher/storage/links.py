"""What links that work without a key are signed with, and whether one is ours.

By HMAC-SHA-256 (RFC 2104) with one of several secrets, which a link names by its id (`kid`): new links take the
newest, and older secrets go on being good for the links that they have signed until those have expired.

    link-keys.json   the secrets, readable by us alone
    link.secret      what earlier versions signed with, by MD5; where it is, their links go on working
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import re
import time
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from watcher.model.access import new_secret
from watcher.model.errors import StartError
from watcher.storage.descent import Descent

KEYS, OLD = "link-keys.json", "link.secret"
LEFT_SECONDS = 60.0  # after which nobody writes a secret any more
LONGEST = timedelta(days=366)  # that any link works, of an export; of a clip it is 30 days
_SIGNED = re.compile(r"(\S*) (\S*) (\d{1,12}) (\S{1,100})", re.ASCII)
_FOR = "watcher link 1"  # what is signed is nothing else, whatever else these secrets are used for one day


class LinkKey(msgspec.Struct, frozen=True):
    """A secret and its id."""

    id: str
    secret: str
    until: datetime | None = None  # None: new links are signed with it


class Claims(NamedTuple):
    """What a link says in its question."""

    share: str  # the id of what is shared; "" where the path alone says it
    kid: str  # "" of a link by MD5
    expires: int  # seconds since 1970
    signature: str

    @classmethod
    def of(cls, text: str) -> Claims | None:
        """What nginx hands on: share, kid, expires and sig of the question, spaces between; None for others."""
        match = _SIGNED.fullmatch(text)
        return None if match is None else cls(match[1], match[2], int(match[3]), match[4])


class Links:
    """Signs links, and knows its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[int, int, int] | None = None  # how the file looked when it was read
        self._keys: tuple[LinkKey, ...] = ()

    def question(self, path: str, expires: int, *, share: str = "", content: str = "") -> str:
        """The question that lets anybody read a content at a path until a moment (seconds since 1970)."""
        key = next(key for key in self._current() if key.until is None)
        signature = _signature(key, path, share, expires, content)
        named = f"share={share}&" if share else ""
        return f"{named}expires={expires}&kid={key.id}&sig={signature}"

    def holds(self, claims: Claims, path: str, *, now: datetime, content: str = "") -> bool:
        """Whether a link is ours, is for this content at this path, and has not expired."""
        if claims.expires <= now.timestamp():
            return False
        if not claims.kid:
            return not claims.share and self._holds_by_md5(claims, path)
        for key in self._current():
            if key.id == claims.kid and (key.until is None or key.until > now):
                signature = _signature(key, path, claims.share, claims.expires, content)
                return hmac.compare_digest(signature.encode(), claims.signature.encode())
        return False

    def rotate(self, *, now: datetime, end: bool) -> int:
        """Sign new links with a new secret; how many older secrets go on.

        They do until what they have signed has expired; with `end` all links end now, those by MD5 too.
        """
        old = () if end else tuple(key for key in self._current() if key.until is None or key.until > now)
        ended = tuple(msgspec.structs.replace(key, until=key.until or now + LONGEST) for key in old)
        temporary = self._written((_new(), *ended))
        temporary.replace(self._folder / KEYS)
        if end:
            (self._folder / OLD).unlink(missing_ok=True)
        return len(ended)

    def make(self) -> None:
        """Make the first secret, unless there is one; what a kill left of an earlier one goes."""
        for left in self._folder.glob(".link.*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                    left.unlink()
        self._current()

    def _current(self) -> tuple[LinkKey, ...]:
        """The secrets, the newest first; read again when the file is another one. Raises StartError."""
        path = self._folder / KEYS
        try:
            status = path.stat()
        except FileNotFoundError:
            temporary = self._written((_new(),))
            with contextlib.suppress(FileExistsError), Descent(os.open(self._folder, os.O_RDONLY)) as folder:
                folder.give(temporary, KEYS)  # unless another process was first: its secret counts
            temporary.unlink(missing_ok=True)
            status = path.stat()
        seen = status.st_ino, status.st_mtime_ns, status.st_size
        if seen != self._seen:
            try:
                self._keys = msgspec.json.decode(path.read_bytes(), type=tuple[LinkKey, ...])
            except msgspec.MsgspecError as reason:
                raise StartError(
                    f"{path} cannot be read ({reason}): restore it, or remove it to end all links"
                ) from None
            self._seen = seen
        return self._keys

    def _written(self, keys: tuple[LinkKey, ...]) -> Path:
        """A file with these secrets beside ours, synced, which only has to get its name."""
        temporary = self._folder / f".link.{uuid.uuid4().hex}.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            if os.geteuid() == 0:  # a command of root's on somebody's data folder: it is they who sign
                owner = self._folder.stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            file.write(msgspec.json.format(msgspec.json.encode(keys)))
            file.flush()
            os.fsync(file.fileno())
        return temporary

    def _holds_by_md5(self, claims: Claims, path: str) -> bool:
        """The same of a link of an earlier version, which nginx checked, by MD5; it shows whatever lies there."""
        try:
            secret = (self._folder / OLD).read_text(encoding="ascii").strip()
        except (FileNotFoundError, UnicodeDecodeError):
            return False
        text = f"{claims.expires}{path} {secret}"
        digest = hashlib.md5(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).digest()
        return bool(secret) and hmac.compare_digest(_plain(digest).encode(), claims.signature.rstrip("=").encode())


def _new() -> LinkKey:
    return LinkKey(uuid.uuid4().hex[:8], new_secret())


def _signature(key: LinkKey, path: str, share: str, expires: int, content: str) -> str:
    text = "\n".join(
        (_FOR, key.id, share, str(expires), content, path)
    )  # only the path, the last, may have line ends
    return _plain(hmac.digest(key.secret.encode(), text.encode("utf-8", "surrogateescape"), "sha256"))


def _plain(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
