"""The tasks of the ingester beside its loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.ingest.ingest import Ingest
from watcher.ingester.catalog_health import CatalogHealth
from watcher.ingester.day_sums import DaySums
from watcher.ingester.daylight import DaylightSums
from watcher.ingester.disk_space import DiskSpace
from watcher.ingester.finishing import Finishing
from watcher.ingester.periodic import Task
from watcher.ingester.silence import SilenceWatch
from watcher.renditions.exports import Exports
from watcher.renditions.leftovers import Leftovers
from watcher.renditions.proxies import Proxies
from watcher.retention.retire import Retention
from watcher.retention.rules import Rules, limits_of
from watcher.services import Services

if TYPE_CHECKING:
    from watcher.labels.labeller import Labeller


def labeller(services: Services) -> Labeller | None:
    """The task that looks at clips with a model, where the settings ask for that."""
    if not services.settings.labels.enabled:
        return None
    from watcher.labels.labeller import Labeller  # noqa: PLC0415 - what is off costs nothing

    return Labeller(services)


def tasks(services: Services, ingest: Ingest) -> list[Task]:
    """The tasks that the settings give something to do; `ingest` is that of the ingester."""
    retention = Retention.of(services, ingest)
    tasks: list[Task] = [CatalogHealth(services), Finishing(services, ingest), Proxies(services), Exports(services)]
    tasks += [DaySums(services), SilenceWatch(services), DaylightSums(services), DiskSpace(services)]
    tasks.append(Leftovers(services))
    if services.settings.stores:
        from watcher.tiering.mover import Mover  # noqa: PLC0415 - what is off costs nothing

        tasks.append(Mover(services, limits_of(services.settings.retention).age))
        if services.settings.tiering.cache_bytes:
            from watcher.tiering.keeper import Keeper  # noqa: PLC0415 - the same

            tasks.append(Keeper(services))
    if services.settings.webhooks.hooks:
        from watcher.ingester.webhooks import Webhook  # noqa: PLC0415 - only where somebody wants to be told

        tasks += [Webhook(services, hook) for hook in services.settings.webhooks.hooks]
    if Rules.of(services).limits.any or services.settings.retention.bin_days or retention.binned():
        from watcher.retention.sweep import Sweeper  # noqa: PLC0415 - only where something is to go

        tasks.append(Sweeper(services, retention))
    return tasks
