"""Two nodes on one PostgreSQL and one bucket: one has the disk of the clips, the other one has none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests import postgres
from tests.integration.test_buckets import tiered
from tests.integration.test_stores import address, ingester, leave, store_of
from tests.running import RunningUnit, wait_for
from tests.s3_server import s3_server


@pytest.mark.slow
def test_a_node_without_the_disk(
    start_unit: Callable[..., RunningUnit], samples: Path, tmp_path: Path, postgresql: str
) -> None:
    """It lists all, plays what lies in the bucket, has it brought back to the other's disk, and takes and loses nothing."""
    catalog = {"WATCHER_CATALOG__URL": postgres.fresh(postgresql), "WATCHER_RENDER__SPRITES": "false"}
    first = start_unit("first", settings=catalog)
    cold, wanted, hot = leave(first, samples, 1), leave(first, samples, 2), leave(first, samples, 3, days=0)
    contents = {key: (first.video / key).read_bytes() for key in (cold, wanted, hot)}
    with s3_server() as server:
        tiered(first, tmp_path, server.endpoint)
        for key in (cold, wanted):
            wait_for(lambda key=key: store_of(first, key) == "archive", what="the move")
            wait_for(lambda key=key: not (first.video / key).exists(), what="its end here")
        (tmp_path / "second").mkdir()
        (tmp_path / "second" / "watcher.toml").write_text((first.folder / "watcher.toml").read_text())
        second = start_unit("second", settings={**catalog, "WATCHER_INGEST__HERE": "false"})
        assert not ingester(second)
        assert second.clips() == first.clips()
        for unit in (first, second):
            for key in (cold, wanted):
                part = requests.get(address(unit, key), headers={"Range": "bytes=100-199"}, timeout=60)
                assert (part.status_code, part.content) == (206, contents[key][100:200])
                assert requests.get(address(unit, key), timeout=60).content == contents[key]
        clip = second.clip(cold)
        assert clip is not None
        piece = f"/watcher/clips/{clip['id']}/segment.m4s"
        pieces = [unit.get(piece) for unit in (first, second)]
        assert [answer.status_code for answer in pieces] == [200, 200], [answer.text[:300] for answer in pieces]
        assert pieces[0].content == pieces[1].content
        # What only the disk has is not here, and nothing is lost or taken by who asks this node for it.
        assert requests.get(address(second, hot), timeout=60).status_code == 404
        clip = second.clip(hot)
        assert clip is not None
        assert requests.delete(second.url(f"/watcher/clips/{clip['id']}"), timeout=60).status_code == 503
        sent = requests.put(second.url("/watcher/uploads/gate/1.mp4"), data=contents[hot], timeout=60)
        assert sent.status_code == 503, sent.text
        assert requests.get(address(first, hot), timeout=60).content == contents[hot]
        assert not [*second.video.rglob("*")]
        # A clip that somebody here wants back comes to the disk of the other node.
        clip = second.clip(wanted)
        assert clip is not None
        assert requests.post(second.url(f"/watcher/clips/{clip['id']}/recall"), timeout=60).status_code == 202
        wait_for(lambda: store_of(second, wanted) == "local", seconds=90, what="its return")
        assert (first.video / wanted).read_bytes() == contents[wanted]
        assert first.run("check").returncode == 0
        # And where the node with the disk is away, this one goes on.
        first.stop()
        assert requests.get(address(second, cold), timeout=60).content == contents[cold]
        assert {clip["key"] for clip in second.clips()} == {*contents}
        assert second.problems() == {}
