"""What every store does, asked of a bucket on a real server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.contract.test_stores import (  # noqa: F401 - tests
    test_a_file_that_is_shorter_than_said_is_not_there,
    test_an_empty_file,
    test_keys_are_listed_in_the_order_of_their_bytes,
    test_nothing_is_written_over,
    test_what_is_no_key,
    test_what_is_not_there,
    test_what_is_told_of_an_object,
    test_what_was_put_is_there,
)
from tests.radosgw import Radosgw
from watcher.stores.s3 import S3

pytestmark = pytest.mark.ceph


@pytest.fixture
def store(cluster: Radosgw) -> Iterator[S3]:
    """An empty bucket, all of it in a folder whose name has to be encoded."""
    with contextlib.closing(cluster.bucket(prefix="cold/ä+1/")) as bucket:
        yield bucket
