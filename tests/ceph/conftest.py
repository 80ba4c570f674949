"""One cluster for all of its tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.radosgw import Radosgw, missing, radosgw


@pytest.fixture(scope="session")
def cluster() -> Iterator[Radosgw]:
    """A real S3 server; skips where its programs are not installed."""
    if absent := missing():
        pytest.skip(f"{', '.join(absent)} not installed (Debian: radosgw ceph-mon ceph-osd ceph-common)")
    # Not pytest's own folder: its sockets have names of at most 107 bytes.
    folder = TemporaryDirectory(prefix="watcher-ceph.", ignore_cleanup_errors=True)
    with folder as name, radosgw(Path(name)) as started:
        yield started
