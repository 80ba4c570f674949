"""Stores: where clips lie that are not on the local disk. Imports model, naming, settings and storage.

A store knows keys and bytes, and nothing of the catalog. What is off costs nothing: a member is imported when a
setting names its kind.
"""

from __future__ import annotations

from watcher.model.errors import ConfigError
from watcher.settings.stores import StoreTable
from watcher.stores.store import Store


def open_store(table: StoreTable, catalog_id: str | None = None) -> Store:
    """The store that a table of the settings describes; opens no file and no connection.

    `catalog_id` tells whose it has to be; None while that is open. Raises ConfigError.
    """
    if table.kind == "disk":
        from watcher.stores.disk import Disk  # noqa: PLC0415 - what is off costs nothing

        return Disk(table.name, table.path, catalog_id)
    from watcher.stores.s3 import S3  # noqa: PLC0415

    try:
        return S3.of(table, catalog_id)
    except ValueError as reason:  # a port that is none
        raise ConfigError(f"stores: the endpoint of {table.name} is no address: {reason}") from reason
