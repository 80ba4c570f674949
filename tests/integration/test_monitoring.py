"""Metrics that add up over all processes; alerts and a dashboard that ask only for what is told."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import promql_parser
import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests import clips
from tests.running import RunningUnit, wait_for
from watcher.ops import nginx

ETC = Path(__file__).parents[2] / "etc"


def figures(unit: RunningUnit) -> dict[str, list]:
    """By name, as Prometheus reads them."""
    text = unit.get("/watcher/metrics").text
    return {
        sample.name: [figure for figure in family.samples if figure.name == sample.name]
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def answered(unit: RunningUnit, route: str, status: str = "2xx") -> float:
    labels = {"node": socket.gethostname(), "route": route, "method": "GET", "status": status}
    return sum(
        sample.value for sample in figures(unit).get("watcher_requests_total", []) if sample.labels == labels
    )


def test_requests_are_counted_over_all_processes(unit: RunningUnit) -> None:
    """Also those that are answered before Flask, and refusals; what no route is for is not."""
    before = answered(unit, "/watcher/clips"), answered(unit, "/watcher/clips", "4xx")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: requests.get(unit.url("/watcher/clips"), timeout=60), range(60)))
        list(pool.map(lambda _: requests.get(unit.url("/watcher/clips?limit=x"), timeout=60), range(20)))
        list(pool.map(lambda _: requests.get(unit.url("/watcher/no/route"), timeout=60), range(20)))
    assert answered(unit, "/watcher/clips") - before[0] == 60
    assert answered(unit, "/watcher/clips", "4xx") - before[1] == 20
    samples = figures(unit)
    assert not any("no/route" in sample.labels["route"] for sample in samples["watcher_requests_total"])
    seconds = {sample.labels["route"]: sample.value for sample in samples["watcher_request_seconds_total"]}
    assert 0 < seconds["/watcher/clips"] < 60
    assert len(samples["watcher_worker_busy"]) == 2
    assert sum(sample.value for sample in samples["watcher_worker_busy"]) >= 1, "the one that answers this"


@pytest.mark.parametrize("program", ["", "packaged"])
def test_connections_of_nginx(program: str, start_unit: Callable[..., RunningUnit]) -> None:
    """How many it has had; and, where it was built to know, how many it has now, one of them ours."""
    unit = start_unit(settings={"WATCHER_NGINX": program} if program else {})
    with requests.Session() as session:
        session.get(unit.url("/watcher/livez"), timeout=60)
        first = figures(unit)
        second = figures(unit)
        had = [figures_["watcher_nginx_connections_total"][0].value for figures_ in (first, second)]
        assert 0 < had[0] < had[1]
        now = {sample.labels["state"]: sample.value for sample in second.get("watcher_nginx_connections", [])}
    # Debian's is built so, the one of PyPI is not.
    knows = nginx.figures(nginx.find_nginx()) and not program
    assert bool(now) == bool(knows)
    if knows:
        assert now["active"] >= 2
        assert now["writing"] >= 1
    assert unit.get("/watcher/metrics", headers={"Watcher-Figures": "9"}).status_code == 200


def value(unit: RunningUnit, name: str, **labels: str) -> float:
    return sum(sample.value for sample in figures(unit).get(name, []) if sample.labels == labels)


def test_what_came_is_counted(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """A file that was left, with the time until it was listed; bytes that were sent; events that were lost."""
    unit = start_unit()
    wait_for(
        lambda: "watcher_last_scan_timestamp_seconds" in figures(unit), what="the first scan, which counts none"
    )
    assert value(unit, "watcher_ingested_files_total") == value(unit, "watcher_uploaded_bytes_total") == 0
    data = (samples / "plain.mp4").read_bytes()
    began = time.monotonic()
    for number in range(3):
        (unit.video / f"{number}.mp4").write_bytes(clips.stamp(data, number))
    wait_for(lambda: value(unit, "watcher_ingested_files_total") == 3, what="three files")
    assert 0 < value(unit, "watcher_ingest_seconds_total") < 3 * (time.monotonic() - began)
    for number in (4, 5):
        body = clips.stamp(data, number)
        assert requests.put(unit.url(f"/watcher/uploads/gate/{number}.mp4"), data=body, timeout=60).ok
    assert value(unit, "watcher_uploaded_bytes_total", camera="gate") == 2 * len(body)
    assert figures(unit)["watcher_lost_events_total"][0].value == 0


def questions() -> Iterator[tuple[str, str]]:
    """Every PromQL expression that is shipped."""
    for group in yaml.safe_load((ETC / "prometheus/watcher.rules.yml").read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in {"warning", "critical"}
            assert rule["annotations"]["summary"]
            yield rule["alert"], rule["expr"]
    for panel in json.loads((ETC / "grafana/watcher.json").read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


@pytest.mark.parametrize(("name", "expression"), list(questions()))
def test_what_is_shipped_asks_for_what_is_told(unit: RunningUnit, name: str, expression: str) -> None:
    """A parser accepts it, and each of our metrics in it is one."""
    promql_parser.parse(expression)
    names = set(re.findall(r"# TYPE (watcher_\w+)", unit.get("/watcher/metrics").text))
    names_ = set(re.findall(r"watcher_\w+", expression))
    assert names_ or "up" in expression
    assert names_ <= names | {"watcher_scan_seconds", "watcher_store_up"}, name  # once there was a scan, or a store
