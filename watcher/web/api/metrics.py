"""What Prometheus scrapes: taken from the kept sums and the ingester's status, so any worker can answer."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Callable, Iterable, Mapping

from flask import Blueprint, Response, current_app, request

from watcher.model.access import Role
from watcher.model.clip import ClipState
from watcher.model.version import VERSION
from watcher.storage import status
from watcher.storage.permission import space
from watcher.web.http.auth import principal
from watcher.web.http.counters import Answered, workers
from watcher.web.http.routes import route
from watcher.web.http.state import catalog, state

bp = Blueprint("metrics", __name__)

STATES_SECONDS = 60.0

Sample = tuple[dict[str, str], float]


@route(bp, "/metrics", role=Role.VIEW, media_type="text/plain; version=0.0.4")
def metrics() -> Response:
    """Clips by camera, disk, ingester, in the text format of Prometheus."""
    lines: list[str] = []

    def tell(name: str, text: str, samples: Iterable[Sample], kind: str = "gauge") -> None:
        lines.extend((f"# HELP watcher_{name} {text}", f"# TYPE watcher_{name} {kind}"))
        lines.extend(f"watcher_{name}{_labels(labels)} {value!r}" for labels, value in samples)

    def tell_value(name: str, text: str, value: float, kind: str = "gauge") -> None:
        tell(name, text, [({}, value)], kind)

    tell("build_info", "The version that runs.", [({"version": VERSION}, 1)])
    cameras = [summary for summary in catalog().clips.camera_summaries() if principal().sees(summary.camera)]
    of = [(camera, {"camera": camera.camera}) for camera in cameras]
    tell("clips", "Clips that lists show.", [(labels, camera.clips) for camera, labels in of])
    tell("clips_bytes", "Their size.", [(labels, camera.size_bytes) for camera, labels in of])
    tell("clips_seconds", "Their length.", [(labels, camera.duration_seconds) for camera, labels in of])
    last = [(labels, camera.silent_since.timestamp()) for camera, labels in of if camera.silent_since]
    tell("last_clip_timestamp_seconds", "When the camera's last clip ended.", last)
    silent = [(labels, int(camera.silent)) for camera, labels in of]
    tell("camera_silent", "Whether it should have left another clip since.", silent)
    sent = [({"camera": camera}, n) for camera, n in catalog().sent.last().items() if principal().sees(camera)]
    tell("uploaded_bytes_total", "Clips that were sent over HTTP, anew each day.", sent, "counter")
    if principal().cameras is None:  # figures of the whole service would tell of what others do
        _whole(tell, tell_value)
    response = Response("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response


def _whole(tell: Callable[..., None], tell_value: Callable[..., None]) -> None:
    """Of the whole service."""
    tell_value("changes_total", "Changes of the catalog so far.", catalog().clips.head(), "counter")
    try:
        disk = shutil.disk_usage(state().services.places.video)
        tell_value("disk_size_bytes", "Size of the disk with the clips.", disk.total)
        tell_value("disk_free_bytes", "What is free on it.", disk.free)
        if (inodes := space(state().services.places.video)).inodes is not None:
            tell_value("disk_inodes", "How many files it has room for.", inodes.inodes_total)
            tell_value("disk_free_inodes", "How many of these are free.", inodes.inodes)
    except OSError:
        pass  # readyz tells; a figure would be a lie
    state_file = status.read(state().services.places.status)
    alive = state_file is not None and state_file[1] <= status.STALE_SECONDS
    tell_value("ingester_up", "Whether the ingester was heard of lately.", int(alive))
    if state_file is not None:
        ingester = state_file[0]
        tell_value("settling_files", "Files that are still being written.", ingester.settling)
        tell_value("scanning", "Whether a scan is under way.", int(ingester.scanning))
        tell_value("ingested_files_total", "Files that events led to.", ingester.ingested, "counter")
        text = "Time that these lay finished before they were listed, all together."
        tell_value("ingest_seconds_total", text, ingester.ingest_seconds, "counter")
        tell_value(
            "lost_events_total",
            "How often the kernel dropped events; a scan follows.",
            ingester.lost_events,
            "counter",
        )
        if ingester.last_scan_at is not None:
            tell_value(
                "last_scan_timestamp_seconds", "When the last scan ended.", ingester.last_scan_at.timestamp()
            )
        tell("problems", "What readyz says is wrong.", [({"check": code}, 1) for code in ingester.problems])
        if ingester.scan_seconds is not None:
            tell_value("scan_seconds", "How long the last scan took.", ingester.scan_seconds)
    proxies = catalog().proxies.sums()
    tell_value("proxies_waiting", "Proxies that are wanted and not made yet.", proxies.waiting)
    tell_value("proxies_bytes", "Size of those that are made.", proxies.size_bytes)
    states, stores = _counted()
    states_of = [({"state": name}, states.get(name, 0)) for name in ClipState]
    tell("clips_by_state", "Clips, also those that lists do not show.", states_of, "gauge")
    if state().services.settings.stores:
        away = {} if state_file is None else state_file[0].away
        of = [({"store": table.name}, stores.get(table.name, (0, 0))) for table in state().services.settings.stores]
        tell("store_clips", "Clips that lie in a store.", [(labels, clips) for labels, (clips, _) in of])
        tell("store_bytes", "Their size.", [(labels, size) for labels, (_, size) in of])
        there = [(labels, int(labels["store"] not in away)) for labels, _ in of]
        tell("store_up", "Whether the store could be asked when the ingester looked last.", there)
        if state_file is not None:
            copies = state_file[0].copies_bytes
            tell_value("copies_bytes", "Size of the copies of clips in buckets on the local disk.", copies)
            _costs(tell, state_file[0].costs)
    _requests(tell)
    _connections(tell)


def _costs(tell: Callable[..., None], costs: Mapping[str, status.StoreCost]) -> None:
    """What the ingester has asked of stores since its start; what nginx fetches for players is not in it."""
    counts = [
        ({"store": store, "method": method}, count)
        for store, cost in costs.items()
        for method, count in cost.requests.items()
    ]
    tell("store_requests_total", "Requests of the ingester to the store, none of a disk.", counts, "counter")
    sent = [({"store": store}, cost.sent_bytes) for store, cost in costs.items()]
    tell("store_sent_bytes_total", "Bytes that it sent there.", sent, "counter")
    received = [({"store": store}, cost.received_bytes) for store, cost in costs.items()]
    tell("store_received_bytes_total", "Bytes that it had from there.", received, "counter")


def _counted() -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
    """Clips of each state, and of each store with their bytes.

    Counted at most once a minute, since that reads an index over all clips.
    """
    now, counted = state().services.clock.monotonic(), state().counted
    if counted is None or now - counted[0] >= STATES_SECONDS:
        stores = catalog().stored.sums() if state().services.settings.stores else {}
        counted = state().counted = (now, catalog().clips.state_counts(), stores)
    return counted[1], counted[2]


def _requests(tell: Callable[..., None]) -> None:
    """What the application answered since it was started, and what uWSGI says of its processes.

    Of the one that was asked, by name: behind one nginx there may be several, and their figures must not look like
    one counter that goes up and down.
    """
    node = socket.gethostname()
    rules = list(current_app.url_map.iter_rules())
    counters = state().counters
    answered = [] if counters is None else list(counters.sums())

    def labels(count: Answered) -> dict[str, str]:
        rule = rules[count.route]
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        method = next(iter((rule.methods or set()) - {"HEAD", "OPTIONS"}), "OPTIONS")
        return {"node": node, "route": f"/watcher{path}", "method": method, "status": f"{count.status_class}xx"}

    requests = [(labels(count), count.requests) for count in answered]
    tell("requests_total", "Requests that the application has answered.", requests, "counter")
    seconds = [(labels(count), count.seconds) for count in answered]
    tell("request_seconds_total", "Time that it took for them.", seconds, "counter")
    pool = [({"node": node, "worker": str(worker["id"])}, worker) for worker in workers()]
    tell(
        "worker_busy",
        "Whether a worker of uWSGI is at work.",
        [(w, int(state["status"] != "idle")) for w, state in pool],
    )
    starts = [(worker, state["respawn_count"]) for worker, state in pool]
    tell("worker_starts_total", "How often it was started.", starts, "counter")
    faults = [(worker, state["exceptions"]) for worker, state in pool]
    tell("worker_exceptions_total", "Faults of the application in it.", faults, "counter")


def _connections(tell: Callable[..., None]) -> None:
    """What nginx says of itself; by state only where it was built with `stub_status`."""
    number, figures = request.environ.get("WATCHER_CONNECTION", ""), request.environ.get("WATCHER_FIGURES", "")
    if number.isdigit():
        tell("nginx_connections_total", "Connections that nginx has had.", [({}, int(number))], "counter")
    states = zip(("active", "reading", "writing", "waiting"), figures.split(), strict=False)
    tell("nginx_connections", "Those that it has now.", [({"state": name}, int(value)) for name, value in states])


def _labels(labels: dict[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    r"""A label's value as the text format wants it.

    >>> print(_escaped('front "door"'))
    front \"door\"
    """
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
