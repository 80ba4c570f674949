"""A client of the API for Python programs; needs requests and msgspec.

from watcher.client import Client

with Client("http://127.0.0.1:8080", key="wk_…") as watcher:
for clip in watcher.clips(camera="porch", from_at=datetime(2026, 11, 21, tzinfo=UTC)):
print(clip.key, clip.started_at)
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urljoin

import msgspec
import requests

from watcher.model.schemas import (
    BucketShape,
    CameraShape,
    CamerasShape,
    ChangeShape,
    ChangesShape,
    ClipShape,
    HeadShape,
    LabelCount,
    LabelsShape,
    NeighboursShape,
    PageShape,
    ProblemShape,
    ReviewShape,
    ShareShape,
    TimelineShape,
)

__all__ = ["Client", "ClipShape", "Problem", "StartOver"]

Answer = TypeVar("Answer")
TIMEOUT = 60.0  # seconds without a byte
PAGE = 200  # clips asked for at a time
CHUNK = 1 << 20


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """What the service answered instead: `status`, a stable `code`, `detail`, and the `parameter` that is wrong."""

    def __init__(self, status: int, code: str, detail: str, parameter: str | None = None) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.parameter = parameter


class StartOver(Problem):
    """The changes cannot be followed from there: begin with 0."""


class Client:
    """A watcher."""

    def __init__(self, url: str, *, key: str | None = None, timeout: float = TIMEOUT) -> None:
        self._root = url.rstrip("/").removesuffix("/watcher") + "/"
        self._timeout = timeout
        self._session = requests.Session()
        if key:
            self._session.headers["Authorization"] = f"Bearer {key}"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    # — clips —

    def clips(
        self,
        *,
        camera: str | Sequence[str] = (),
        state: str | Sequence[str] = (),
        label: str | Sequence[str] = (),
        not_label: str | Sequence[str] = (),
        author: str | None = None,
        min_confidence: float | None = None,
        playable: str | Sequence[str] = (),
        light: str | Sequence[str] = (),
        from_at: datetime | None = None,
        to_at: datetime | None = None,
        q: str | None = None,
        unlabeled: bool | None = None,
        held: bool | None = None,
        min_seconds: float | None = None,
        max_seconds: float | None = None,
        newest_first: bool = True,
    ) -> Iterator[ClipShape]:
        """Every clip under a filter, a page at a time as they are taken; right while clips come and go."""
        values: dict[str, Any] = {
            "camera": _several(camera),
            "state": _several(state),
            "label": _several(label),
            "not_label": _several(not_label),
            "author": author,
            "min_confidence": min_confidence,
            "playable": _several(playable),
            "light": _several(light),
            "from": _time(from_at),
            "to": _time(to_at),
            "q": q,
            "unlabeled": _flag(unlabeled),
            "held": _flag(held),
            "min_duration": min_seconds,
            "max_duration": max_seconds,
            "sort": "-started_at" if newest_first else "started_at",
            "limit": PAGE,
        }
        address: str | None = "watcher/clips"
        while address is not None:
            page = self._get(address, PageShape, **values)
            yield from page.clips
            address, values = page.next, {}

    def clip(self, clip_id: int) -> ClipShape:
        """One clip. Raises Problem (404)."""
        return self._get(f"watcher/clips/{clip_id}", ClipShape)

    def by_key(self, key: str) -> ClipShape | None:
        """One clip by its path below the video root, or None."""
        try:
            return self._get(f"watcher/clips/by-key/{quote(key)}", ClipShape)
        except Problem as problem:
            if problem.status == 404:
                return None
            raise

    def neighbours(self, clip_id: int) -> NeighboursShape:
        """What was before and after a clip, and what the other cameras saw meanwhile."""
        return self._get(f"watcher/clips/{clip_id}/neighbours", NeighboursShape)

    def correct(self, clip: ClipShape, *, sure: bool = True, **changes: Any) -> ClipShape:
        """Say `held`, `note`, `camera` or `started_at` (aware) of a clip; None takes a correction back.

        With `sure` only if the clip is still the one that is meant: else Problem (412).
        """
        if isinstance(changes.get("started_at"), datetime):
            changes["started_at"] = _time(changes["started_at"])
        address = f"watcher/clips/{clip.id}"
        headers = {}
        if sure:
            there = self._ask("GET", address)
            if _meant(msgspec.json.decode(there.content, type=ClipShape)) != _meant(clip):
                raise Problem(412, "changed", "the clip changed since it was read")
            headers["If-Match"] = there.headers["ETag"]
        return self._decode(self._ask("PATCH", address, json=changes, headers=headers), ClipShape)

    def retire(self, clip_id: int) -> None:
        """Give a clip up; its file is removed. Raises Problem (409) while it is held."""
        self._ask("DELETE", f"watcher/clips/{clip_id}")

    def share(self, clip_id: int, seconds: int) -> ShareShape:
        """A link to one clip that works without a key for so long."""
        answer = self._ask("POST", f"watcher/clips/{clip_id}/share", json={"expires_in_seconds": seconds})
        return self._decode(answer, ShareShape)

    def upload(
        self, path: Path, *, camera: str, name: str | None = None, started_at: datetime | None = None
    ) -> ClipShape:
        """Send a clip, with its digest. For bad networks use `watcher push`, which goes on where it broke off."""
        with path.open("rb") as file:
            digest = base64.b64encode(hashlib.file_digest(file, "sha256").digest()).decode()
            file.seek(0)
            answer = self._ask(
                "PUT",
                f"watcher/uploads/{quote(camera)}/{quote(path.name if name is None else name)}",
                params={"started_at": _time(started_at)},
                headers={"Repr-Digest": f"sha-256=:{digest}:"},
                data=file,
            )
        return self._decode(answer, ClipShape)

    def download(self, clip: ClipShape, path: Path) -> None:
        """Save a clip's file."""
        with self._ask("GET", clip.url, stream=True) as answer, path.open("wb") as file:
            for data in answer.iter_content(CHUNK):
                file.write(data)

    def poster(self, clip: ClipShape) -> bytes | None:
        """A clip's picture (WebP); None while there is none, or when another one has just taken its place."""
        if clip.poster_url is None:
            return None
        try:
            return self._ask("GET", clip.poster_url).content
        except Problem as problem:
            if problem.status == 404:
                return None
            raise

    # — cameras, time, labels —

    def cameras(self) -> list[CameraShape]:
        """Every camera with what there is of it."""
        return self._get("watcher/cameras", CamerasShape).cameras

    def camera(self, camera: str) -> CameraShape:
        """One camera with what there is of it."""
        return self._get(f"watcher/cameras/{quote(camera)}", CameraShape)

    def set_camera(
        self,
        camera: str,
        *,
        name: str | None = None,
        colour: str | None = None,
        order: int | None = None,
        hidden: bool = False,
    ) -> CameraShape:
        """Say how pages show a camera, needs an admin's key; what is left out is taken back."""
        body = {"name": name, "colour": colour, "order": order, "hidden": hidden}
        return self._decode(self._ask("PUT", f"watcher/cameras/{quote(camera)}", json=body), CameraShape)

    def timeline(
        self,
        *,
        from_at: datetime | None = None,
        to_at: datetime | None = None,
        bucket: str = "day",
        camera: str | Sequence[str] = (),
        tz: str | None = None,
    ) -> list[BucketShape]:
        """Clips and their seconds by day, hour or quarter of an hour."""
        values = {
            "from": _time(from_at),
            "to": _time(to_at),
            "bucket": bucket,
            "camera": _several(camera),
            "tz": tz,
        }
        return self._get("watcher/timeline", TimelineShape, **values).buckets

    def labels(self) -> list[LabelCount]:
        """Every label in use."""
        return self._get("watcher/labels", LabelsShape).labels

    def label(
        self, clip_id: int, name: str, *, confidence: float | None = None, author: str | None = None
    ) -> ClipShape:
        """Say what a clip shows; `author` counts only where nobody needs a key."""
        body = {"confidence": confidence} | ({"author": author} if author else {})
        address = f"watcher/clips/{clip_id}/labels/{quote(name, safe='')}"
        return self._decode(self._ask("PUT", address, json=body), ClipShape)

    def unlabel(self, clip_id: int, name: str) -> ClipShape:
        """Take a label off."""
        answer = self._ask("DELETE", f"watcher/clips/{clip_id}/labels/{quote(name, safe='')}")
        return self._decode(answer, ClipShape)

    def review(self, *, limit: int = 10, lease_seconds: int = 600, cameras: Sequence[str] = ()) -> ReviewShape:
        """Unlabeled clips that nobody else gets for a while."""
        body = {"limit": limit, "lease_seconds": lease_seconds, "cameras": list(cameras)}
        return self._decode(self._ask("POST", "watcher/reviews", json=body), ReviewShape)

    def end_review(self, review: ReviewShape) -> None:
        """Give back what was not labelled."""
        self._ask("DELETE", review.links.self)

    # — changes —

    def head(self) -> HeadShape:
        """The number of the last change, and the catalog that it is of."""
        return self._get("watcher/changes/head", HeadShape)

    def changes(self, since: int = 0, *, follow: bool = False, pause_seconds: float = 1.0) -> Iterator[ChangeShape]:
        """Every change after one, in order; with `follow` for ever, waiting for the next. Raises StartOver."""
        address: str | None = f"watcher/changes?since={since}&limit={PAGE}"
        while True:
            while address is not None:
                page = self._get(address, ChangesShape)
                for change in page.changes:
                    yield change
                    since = change.seq
                address = page.next
                if address is None:  # what this key may not see counts as read
                    since = max(since, page.head)
            if not follow:
                return
            while self.head().head <= since:
                time.sleep(pause_seconds)
            address = f"watcher/changes?since={since}&limit={PAGE}"

    # — inside —

    def _get(self, address: str, kind: type[Answer], **values: Any) -> Answer:
        return self._decode(self._ask("GET", address, params=values), kind)

    def _ask(self, method: str, address: str, **more: Any) -> requests.Response:
        answer = self._session.request(method, urljoin(self._root, address), timeout=self._timeout, **more)
        if answer.status_code < 400:
            return answer
        try:
            problem = msgspec.json.decode(answer.content, type=ProblemShape)
        except msgspec.MsgspecError:
            raise Problem(answer.status_code, "http", answer.reason or "") from None
        parameter = None if problem.parameter is msgspec.UNSET else problem.parameter
        detail = problem.title if problem.detail is msgspec.UNSET else problem.detail
        kind = StartOver if problem.code == "start_over" else Problem
        raise kind(answer.status_code, problem.code, detail, parameter)

    @staticmethod
    def _decode(answer: requests.Response, kind: type[Answer]) -> Answer:
        return msgspec.json.decode(answer.content, type=kind)


def _several(values: str | Sequence[str]) -> list[str]:
    return [values] if isinstance(values, str) else list(values)


def _time(moment: datetime | None) -> str | None:
    """RFC 3339. Raises ValueError for a naive moment, of which nobody knows when it is."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no zone: say datetime(…, tzinfo=UTC), or another one")
    return moment.isoformat()


def _flag(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()


def _meant(clip: ClipShape) -> ClipShape:
    """A clip without what comes to it by itself: that a poster, a sprite or a proxy was made is no change."""
    bare = dict.fromkeys(("poster_url", "sprite", "significant_at", "light", "proxy_url"))
    return msgspec.structs.replace(clip, revision=0, **bare)
