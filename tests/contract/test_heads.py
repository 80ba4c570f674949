"""Who may see some cameras learns nothing of what happens at others, and misses nothing of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from tests.builders import client_of, holder, probed
from watcher.catalog import Catalog
from watcher.services import open_services
from watcher.settings.schema import Auth, CatalogTable, Settings

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_the_head_is_that_of_one_s_own_cameras(catalog: Catalog, engine: sa.Engine, tmp_path: Path) -> None:
    """It stands still while others change, and moves with each change of one's own; the feed goes on from it."""
    url = engine.url.render_as_string(hide_password=False)
    service = open_services(Settings(auth=Auth(mode="keys"), catalog=CatalogTable(url=url)), tmp_path)
    catalog.writes.put([probed(f"{camera}/{n}.mp4", n) for camera in ("gate", "porch") for n in range(3)], now=NOW)
    bound, whole = (
        client_of(service, holder(service, "bound", ["porch"])),
        client_of(service, holder(service, "whole")),
    )
    seen = bound.get("/changes/head").json["head"]
    assert whole.get("/changes/head").json["head"] == catalog.clips.head()
    for round_ in range(3):
        before = bound.get("/changes/head")
        assert before.json["head"] == seen == bound.get(f"/changes?since={seen}").json["head"]
        gate = whole.get("/clips/by-key/gate/1.mp4").json
        catalog.labels.put(gate["id"], f"fox{round_}", author="a", confidence=None, now=NOW)
        after = bound.get("/changes/head", headers={"If-None-Match": before.headers["ETag"]})
        assert after.status_code == 304
        assert whole.get("/changes/head").json["head"] == catalog.clips.head() > seen
        porch = bound.get("/clips/by-key/porch/1.mp4").json
        catalog.labels.put(porch["id"], f"fox{round_}", author="a", confidence=None, now=NOW)
        feed = bound.get(f"/changes?since={seen}").json
        assert [change["clip"]["key"] for change in feed["changes"]] == ["porch/1.mp4"]
        assert feed["head"] == bound.get("/changes/head").json["head"] == feed["changes"][-1]["seq"] > seen
        seen = feed["head"]
    another = client_of(service, {"HTTP_AUTHORIZATION": bound.environ_base["HTTP_AUTHORIZATION"]})
    assert another.get("/changes/head").json["head"] == seen, "another process knows the same"
    page = bound.get("/changes?since=0&limit=2").json
    assert bound.get(page["next"]).json["changes"]
    service.catalog.database.engine.dispose()


def test_figures_of_the_whole_service_are_for_who_sees_it_whole(
    catalog: Catalog, engine: sa.Engine, tmp_path: Path
) -> None:
    """A bound viewer gets those of the own cameras; a change elsewhere changes none of them."""
    url = engine.url.render_as_string(hide_password=False)
    service = open_services(Settings(auth=Auth(mode="keys"), catalog=CatalogTable(url=url)), tmp_path)
    service.places.make()
    catalog.writes.put([probed(f"{camera}/1.mp4", 1) for camera in ("gate", "porch")], now=NOW)
    bound, whole = (
        client_of(service, holder(service, "bound", ["porch"])),
        client_of(service, holder(service, "whole")),
    )
    before = bound.get("/metrics").text
    assert 'watcher_clips{camera="porch"} 1' in before
    catalog.writes.put([probed(f"gate/{n}.mp4", n) for n in range(2, 9)], now=NOW)
    whole.get("/clips")
    assert bound.get("/metrics").text == before
    assert "watcher_requests_total" in whole.get("/metrics").text
    service.catalog.database.engine.dispose()
