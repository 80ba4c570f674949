"""The store of one's own in Compose (profile `s3`): waits until it answers, and makes the bucket in it."""

from __future__ import annotations

import contextlib
import time
from typing import TextIO
from urllib.parse import urlsplit

from watcher.model.errors import StartError, StoreAwayError
from watcher.settings.schema import Settings
from watcher.stores.s3 import S3

HOST = "store"  # as compose.yaml calls it
SECONDS = 180.0  # that it may take to answer for the first time


def make_buckets(settings: Settings, *, out: TextIO) -> None:
    """Make the buckets that the settings name there. Raises StartError where it does not answer, or refuses."""
    tables = [table for table in settings.stores if urlsplit(table.endpoint).hostname == HOST]
    if not tables:
        print(f"no table [[stores]] has an endpoint at http://{HOST}: guide/docker.md shows one", file=out)
    until = time.monotonic() + SECONDS
    for table in tables:
        with contextlib.closing(S3.of(table)) as store:
            while True:
                try:
                    store.make()
                    break
                except StoreAwayError as reason:
                    if time.monotonic() > until:
                        raise StartError(str(reason)) from reason
                time.sleep(1)
