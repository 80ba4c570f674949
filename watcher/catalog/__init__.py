"""What is known of clips: tables and engine (`schema`), a part for each noun (`catalog`), migrations."""

from watcher.catalog.catalog import Catalog
from watcher.catalog.engine import check_schema, migrate, open_engine
from watcher.catalog.faults import trouble
from watcher.catalog.rows import Probed

__all__ = ["Catalog", "Probed", "check_schema", "migrate", "open_engine", "trouble"]
