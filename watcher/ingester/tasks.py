"""Which helpers the ingester has."""

from __future__ import annotations

from watcher.ingester.catalog_health import CatalogHealth
from watcher.ingester.day_sums import Daily
from watcher.ingester.daylight import Sunrise
from watcher.ingester.disk_space import Filling
from watcher.ingester.finishing import Finishing
from watcher.ingester.periodic import Helper
from watcher.ingester.silence import Watchman
from watcher.renditions.exports import Exports
from watcher.renditions.leftovers import Leftovers
from watcher.renditions.proxies import Proxies
from watcher.services import Services


def helpers(services: Services) -> list[Helper]:
    """Those that there is something to do for."""
    found: list[Helper] = [CatalogHealth(services), Finishing(services), Proxies(services), Exports(services)]
    found += [Daily(services), Watchman(services), Sunrise(services), Filling(services)]
    found.append(Leftovers(services))
    if services.settings.webhooks.hooks:
        from watcher.ingester.webhooks import Webhook  # noqa: PLC0415 - only where somebody wants to be told

        found += [Webhook(services, hook) for hook in services.settings.webhooks.hooks]
    if services.rules().limits.any or services.settings.retention.bin_days or services.retention().binned():
        from watcher.retention.sweep import Sweeper  # noqa: PLC0415 - only where something is to go

        found.append(Sweeper(services))
    return found
