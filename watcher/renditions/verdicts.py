"""What is concluded about a clip from what a worker says of it: what is in it, why it has no picture."""

from __future__ import annotations

import logging

import msgspec

from watcher.catalog.rows import Unrendered
from watcher.media.probe import playable
from watcher.model.clip import MediaInfo
from watcher.naming.ignore import printable
from watcher.renditions.backlog import Backlog
from watcher.services import Services
from watcher.tiering.footage import Footage
from watcher.workers.process import Answer

log = logging.getLogger("watcher.ingester")

TRIES = 2  # that a clip has which crashes or stops a decoder
AGAIN_SECONDS, LONGEST_SECONDS = 20.0, 86400.0  # before a clip is tried again: the first time, and at most
AGAIN_TIMES = 4  # so many times as long each time


class Verdicts:
    """Notes in the catalog what was concluded."""

    def __init__(self, services: Services, backlog: Backlog) -> None:
        self._services = services
        self._catalog = services.catalog
        self._backlog = backlog

    def probed(self, job: Unrendered, media: MediaInfo, duration_seconds: float | None) -> None:
        """Note what a decoder found in a clip that our reader does not know."""
        verdict, reason = playable(media)
        self._catalog.writes.set_probe(
            job.id,
            job.digest,
            media=msgspec.json.encode(media).decode(),
            duration_seconds=duration_seconds,
            playable=verdict,
            playable_reason=reason,
        )
        log.info("%s is ready", printable(job.key))
        self._backlog.wake()

    def failed(self, job: Unrendered, answer: Answer) -> None:
        """Note why a clip has no picture, or that it is to be tried again.

        What crashes or stops a decoder is tried TRIES times; what nobody can read at present, or was killed, as
        often as it takes, with longer and longer rests. A clip is broken only where nothing of it could be decoded,
        or where we know it by its decoder alone: else browsers may well play it.
        """
        error = answer.error or ""
        try:
            if Footage.of(self._services).look(job.key) is None:
                self._backlog.put_off(job.id)  # moved or gone while we looked
                return
        except OSError:
            pass  # it cannot be looked at, as it could not be opened
        tries = self._catalog.retries.tries(job.id, job.digest) + 1
        if answer.closed or answer.killed or (answer.fatal and tries < TRIES):
            seconds = min(LONGEST_SECONDS, AGAIN_SECONDS * AGAIN_TIMES ** min(tries - 1, 20))
            log.warning("%s: no picture yet: %s; trying again in %.0f s", printable(job.key), error, seconds)
            self._backlog.retry(job, error, tries=tries, seconds=seconds)
            return
        log.warning("%s: no picture: %s", printable(job.key), error)
        self._catalog.renditions.set_no_poster(job.id, job.digest, error)
        if job.state == "new" or answer.undecodable:
            self._catalog.writes.set_broken(job.id, job.digest, error)
