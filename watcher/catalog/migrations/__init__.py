"""The catalog's history, applied by Alembic inside a transaction that the caller holds."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError

from watcher.model.errors import CatalogError

VERSIONS = Path(__file__).parent / "versions"


def upgrade(connection: sa.Connection, to: str = "head") -> None:
    """Run the migrations that are missing, up to one of them or all.

    Raises CatalogError if the catalog is of a newer watcher.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError as reason:
        raise CatalogError(f"the catalog was made by a newer watcher ({reason})") from reason
