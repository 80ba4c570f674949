"""Several ingesters share the work: each clip is in one's hands, and those of the dead come back."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from tests.builders import START, probed
from tests.contract.test_clocks import FakeClock
from watcher.catalog import Catalog
from watcher.catalog.rendition_names import Renditions
from watcher.renditions.backlog import CLAIM, SHARED_LOOK_SECONDS, Backlog
from watcher.services import open_services
from watcher.settings.schema import CatalogTable, Ingest, Settings

SOON = START + timedelta(minutes=2)


def ids(catalog: Catalog, owner: str, limit: int = 100, *, now: timedelta = timedelta()) -> list[int]:
    jobs = catalog.claims.claim(owner, limit, until=SOON + now, now=START + now, exclude=(), what=Renditions.ALL)
    return [job.id for job in jobs]


def test_no_clip_is_in_two_hands(catalog: Catalog) -> None:
    """Four at once, three clips at a time, until there are none: each clip came once."""
    catalog.writes.put([probed(f"a/{n}.mp4", n) for n in range(60)], now=START)
    taken: dict[str, list[int]] = {f"node{n}": [] for n in range(4)}
    begin = threading.Barrier(4)

    def work(owner: str) -> None:
        begin.wait()
        while some := ids(catalog, owner, 3):
            taken[owner] += some

    threads = [threading.Thread(target=work, args=(owner,)) for owner in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [clip_id for some in taken.values() for clip_id in some]
    assert len(everything) == len(set(everything)) == 60


def test_what_was_claimed_comes_back(catalog: Catalog) -> None:
    """When it is given back, and when its owner is not heard of any more."""
    catalog.writes.put([probed(f"a/{n}.mp4", n) for n in range(4)], now=START)
    mine = ids(catalog, "mine")
    assert ids(catalog, "other") == []
    catalog.claims.release("other")
    catalog.claims.release("mine", mine[:1])
    assert ids(catalog, "other") == mine[:1]
    catalog.claims.renew("mine", until=SOON + timedelta(minutes=1))
    assert ids(catalog, "third", now=timedelta(minutes=2)) == mine[:1]
    assert ids(catalog, "fourth", now=timedelta(minutes=3)) == mine[1:]
    catalog.claims.release("fourth")
    catalog.claims.release("third")
    assert ids(catalog, "mine", now=timedelta(minutes=3)) == mine


def test_what_the_dead_had_in_hand_is_taken_soon(catalog: Catalog, engine: sa.Engine, tmp_path: Path) -> None:
    """Nobody wakes the one that is left: it looks again by itself, as soon as the other's claims ran out."""
    clock, url = FakeClock(), engine.url.render_as_string(hide_password=False)
    settings = Settings(ingest=Ingest(shared=True), catalog=CatalogTable(url=url))
    services = replace(open_services(settings, tmp_path), clock=clock)
    services.places.make()
    catalog.writes.put([probed("a/1.mp4", 1)], now=clock.now())
    dead, left = Backlog(services), Backlog(services)
    assert dead.take() is not None
    assert left.take() is None
    clock.passed = CLAIM + timedelta(seconds=SHARED_LOOK_SECONDS)
    left.wait(0.01)
    assert left.take() is not None
    services.catalog.database.engine.dispose()
