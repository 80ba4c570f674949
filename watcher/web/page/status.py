"""Status: how the cameras, the disk and the service are."""

from __future__ import annotations

import shutil
from datetime import datetime, time, timedelta

from flask import Response
from werkzeug.datastructures import MultiDict

from watcher.model import buckets
from watcher.model.access import Role
from watcher.model.buckets import Bucket
from watcher.model.clip import ClipFilter, ClipState
from watcher.retention.rules import Rules
from watcher.storage import status
from watcher.web.api import exports as films
from watcher.web.api import health
from watcher.web.http.auth import principal, scoped
from watcher.web.http.routes import route
from watcher.web.http.state import catalog, state
from watcher.web.page.layout import html, page_blueprint, watch_url, zone

bp = page_blueprint("overview")

_QUIET = timedelta(days=1)  # after which a camera counts as silent, whatever its rhythm
SHOWN = 20  # broken and missing clips


@route(bp, "/status", role=Role.VIEW, page=True)
def overview() -> Response:
    """Each camera's last clip, what is wrong with which clips, and the disk."""
    places, now = state().services.places, state().services.clock.now()
    midnight = datetime.combine(now.astimezone(zone()).date(), time(), zone())
    first, end = buckets.whole(midnight, now + timedelta(days=1), Bucket.DAY, zone())
    today = {
        one.camera: one.clips
        for one in catalog().timeline(buckets.spans(first, end, zone()), Bucket.DAY, ())
        if buckets.bounds(one.place, Bucket.DAY, zone())[0] <= now
    }
    wrong = []
    for kind in (ClipState.BROKEN, ClipState.MISSING):
        page = catalog().find(scoped(ClipFilter(states=(kind,))), limit=SHOWN)
        wrong.append((kind.value, [(clip, watch_url(clip, MultiDict())) for clip in page.clips], page.more_after))
    ingester = status.read(places.status)
    try:
        disk = shutil.disk_usage(places.video)
    except OSError:
        disk = None
    checks = health.checks()
    cameras = [one for one in catalog().camera_summaries() if principal().sees(one.camera)]
    return html(
        "status.html",
        cameras=cameras,
        silent=len(
            [one for one in cameras if one.silent or (one.silent_since and now - one.silent_since > _QUIET)]
        ),
        today=today,
        now=now,
        here=zone(),
        wrong=wrong,
        arriving=ingester[0].settling if ingester else 0,
        scanned_at=ingester[0].last_scan_at if ingester else None,
        copies=catalog().proxy_sums(),
        films=[films.shown(one) for one in films.seen()],
        refused=state().refusals.recent() if principal().may(Role.ADMIN) else [],
        moment=lambda at: datetime.fromtimestamp(at, zone()),
        disk=disk,
        share=round(100 * (disk.total - disk.free) / disk.total) if disk else 0,
        full_on=health.full_at(),
        kept=Rules.of(state().services).limits.any,
        aside=_aside(ingester[0].aside if ingester else []),
        problems=[(name, said) for name, said in checks.items() if said != "ok"]
        + [(name, said) for name, said in health.warnings().items() if name != "disk"],
    )


def _aside(keys: list[str]) -> list[tuple[str, str]]:
    """The files that are set aside, and why, as far as whoever asks sees their cameras."""
    found = []
    for key in keys[:SHOWN]:
        clip = catalog().by_key(key)
        camera = clip.camera if clip is not None else key.partition("/")[0]
        if principal().sees(camera):
            found.append((key, (clip.error if clip is not None else None) or "it cannot be catalogued"))
    return found
