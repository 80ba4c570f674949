"""Which helpers the ingester has."""

from __future__ import annotations

from watcher.catalog_health import CatalogHealth
from watcher.daily import Daily
from watcher.exports import Exports
from watcher.filling import Filling
from watcher.finishing import Finishing
from watcher.helper import Helper
from watcher.leftovers import Leftovers
from watcher.proxies import Proxies
from watcher.silence import Watchman
from watcher.sunrise import Sunrise
from watcher.wiring import Services


def helpers(services: Services) -> list[Helper]:
    """Those that there is something to do for."""
    found: list[Helper] = [CatalogHealth(services), Finishing(services), Proxies(services), Exports(services)]
    found += [Daily(services), Watchman(services), Sunrise(services), Filling(services)]
    found.append(Leftovers(services))
    if services.settings.webhooks.hooks:
        from watcher.webhooks import Webhook  # noqa: PLC0415 - only where somebody wants to be told

        found += [Webhook(services, hook) for hook in services.settings.webhooks.hooks]
    if services.rules().limits.any or services.settings.retention.bin_days or services.retention().binned():
        from watcher.sweeper import Sweeper  # noqa: PLC0415 - only where something is to go

        found.append(Sweeper(services))
    return found
