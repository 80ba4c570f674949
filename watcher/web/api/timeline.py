"""How much there is when: sums by day, hour or quarter of an hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Blueprint

from watcher.catalog import Catalog
from watcher.model import buckets, serialize
from watcher.model.buckets import Bucket
from watcher.model.clip import EPOCH, ClipFilter
from watcher.model.errors import BadParameterError
from watcher.model.schemas import BucketShape, TimelineShape
from watcher.web.http import wire
from watcher.web.http.query import single, texts
from watcher.web.http.request import Answer, ApiRequest, Body
from watcher.web.http.routes import question

bp = Blueprint("timeline", __name__)

_USUAL = {Bucket.DAY: timedelta(days=31), Bucket.HOUR: timedelta(days=2), Bucket.QUARTER: timedelta(days=1)}
_MOST = 5000  # buckets
_LATEST = timedelta(days=365 * 200)  # from 1970: what a zone's rules can be asked for


@question(
    bp,
    "/timeline",
    takes=("from", "to", "bucket", "camera", "tz"),
    answers=TimelineShape,
)
def index(api_request: ApiRequest) -> Answer:
    """Clips and their seconds by bucket and camera; a clip counts where it starts, empty buckets are left out."""
    args, state = api_request.args, api_request.state
    bucket = _bucket(single(args, "bucket", "day"))
    zone = zone_of(single(args, "tz", state.zone_name))
    to_at = wire.moment(single(args, "to", ""), "to") if "to" in args else state.services.clock.now()
    from_at = wire.moment(single(args, "from", ""), "from") if "from" in args else to_at - _USUAL[bucket]
    if from_at >= to_at:
        raise BadParameterError("to", "to must be later than from")
    for name, at in (("from", from_at), ("to", to_at)):
        if not timedelta() <= at - EPOCH <= _LATEST:
            raise BadParameterError(name, f"{name} must be between the years 1970 and 2169")
    if (to_at - from_at) / (bucket * buckets.QUARTER) > _MOST:
        raise BadParameterError("bucket", f"that would be more than {_MOST:,} buckets: ask for longer ones")
    first, end = buckets.whole(from_at, to_at, bucket, zone)
    cameras = api_request.scoped(ClipFilter(cameras=texts(args, "camera"))).cameras
    head = api_request.catalog.clips.head()
    # By what is summed up, not by what was asked: without `to` that moves with the clock, and any moment of a day
    # or an hour asks for all of it.
    tag = api_request.tag(f"timeline {head} {bucket} {zone} {first} {end} {cameras}")
    return Answer(head, tag, lambda: _body(api_request.catalog, bucket, zone, first, end, cameras), by_tag=True)


def _body(catalog: Catalog, bucket: Bucket, zone: ZoneInfo, first: int, end: int, cameras: Sequence[str]) -> Body:
    sums = catalog.timeline.sums(buckets.spans(first, end, zone), bucket, cameras)
    body = TimelineShape(
        bucket=bucket.name.lower(),
        tz=str(zone),
        from_=serialize.utc(EPOCH + first * buckets.QUARTER),
        to=serialize.utc(EPOCH + end * buckets.QUARTER),
        buckets=[
            BucketShape(*_bounds(place, bucket, zone), camera, clips, duration / 1000)
            for place, camera, clips, duration in sums
        ],
    )
    return Body(body)


@lru_cache(maxsize=5000)  # years are asked for again and again
def _bounds(place: int, bucket: Bucket, zone: ZoneInfo) -> tuple[str, str]:
    start, end = buckets.bounds(place, bucket, zone)
    return serialize.utc(start), serialize.utc(end)


def _bucket(text: str) -> Bucket:
    try:
        return Bucket[text.upper()] if text.islower() else Bucket(0)
    except (KeyError, ValueError):
        raise BadParameterError("bucket", f"bucket={text!r} must be day, hour or quarter") from None


def zone_of(name: str) -> ZoneInfo:
    """A zone by its IANA name. Raises BadParameterError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadParameterError("tz", f"tz={name!r} is no IANA zone, such as Europe/Berlin") from None
