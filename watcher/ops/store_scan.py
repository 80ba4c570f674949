"""`watcher scan --store`: what a store has and the catalog does not know, or looks for elsewhere."""

from __future__ import annotations

from collections import Counter
from typing import TextIO

import msgspec
from tqdm import tqdm

from watcher.catalog import Probed, trouble
from watcher.ingest.bind import bind_root
from watcher.ingest.describe import described, set_aside
from watcher.ingest.ingest import FAILED
from watcher.media.probe import probe
from watcher.model.clip import TimeSource
from watcher.model.errors import ConfigError, StoreAwayError, WatcherError
from watcher.naming.ignore import Ignoring, printable
from watcher.naming.reader import Naming
from watcher.services import Services
from watcher.storage.look import Look
from watcher.tiering.adopting import Adopting, Describe, Outcome
from watcher.tiering.copying import OtherError, without_number

TOLD_MOST = 50  # objects of one kind that are named
_SUMS = {
    Outcome.BACK: "clips are back",
    Outcome.ADOPTED: "became new clips",
    Outcome.BROKEN: "became broken clips",
    Outcome.RENEWED: "are known again",
    Outcome.IGNORED: "are no clips",
    Outcome.HERE: "are of clips that lie elsewhere too",
    Outcome.COPY: "are copies of clips",
    Outcome.GIVEN_UP: "are of clips that were given up",
    Outcome.UNSETTLED: "are being written",
}
_NAMED = {  # with the reason, one by one
    Outcome.BROKEN,
    Outcome.REFUSED,
    Outcome.COPY,
    Outcome.GIVEN_UP,
    Outcome.OTHER,
    Outcome.DAMAGED,
    Outcome.FOREIGN,
}
_WRONG = {  # what a person has to look at
    Outcome.OTHER: "objects are not the clips of their names: they are left alone",
    Outcome.DAMAGED: "objects are not what was put there: they are left alone",
    Outcome.REFUSED: "objects cannot be catalogued: they stay where they are",
    Outcome.FOREIGN: "objects were put there by another catalog; if that is no more, and they are to be clips of "
    "this one: watcher scan --store {} --accept-root",
    Outcome.LOST: "clips are not in the store: have them from a backup",
}


def scan_store(services: Services, name: str, *, accept: bool, out: TextIO) -> int:
    """Compare a store with the catalog, and take what is the catalog's; 1 if something needs a person's decision.

    Runs beside the ingester. Ended half-way, the next one goes on.
    """
    names = [table.name for table in services.settings.stores]
    if name not in names:
        raise ConfigError(
            f"there is no store called {name!r} in the settings ({', '.join(names) or 'none at all'})"
        )
    bind_root(services)
    describe = describing(services.settings.name_reader(), services.root.ignoring)
    sums: Counter[Outcome] = Counter()
    problem: Exception | None = None
    with tqdm(file=out, unit=" objects", unit_scale=True, dynamic_ncols=True, leave=False, disable=None) as bar:
        try:
            for key, outcome, why in Adopting(services, name, describe, accept=accept).results():
                bar.update()
                sums[outcome] += 1
                if outcome in {Outcome.BACK, Outcome.ADOPTED}:
                    services.places.adopted.touch()
                if outcome in _NAMED and sums[outcome] <= TOLD_MOST:
                    print(f"{outcome.value}: {printable(key)}{f': {why}' if why else ''}", file=out, flush=True)
        except (WatcherError, OSError, OtherError) as reason:
            problem = reason
    _print_sums(name, sums, out)
    if problem is not None:
        print(f"{problem}. What is done is done: run it again" if sum(sums.values()) else str(problem), file=out)
        if isinstance(problem, StoreAwayError) and " of catalog " in str(problem):  # its marker says so
            print(f"If that catalog is no more: watcher scan --store {name} --accept-root", file=out)
    return 1 if problem is not None or any(sums[outcome] for outcome in _WRONG) else 0


def _print_sums(name: str, sums: Counter[Outcome], out: TextIO) -> None:
    """Tell how many objects came to what."""
    parts = [f"{sums[outcome]:,} {words}" for outcome, words in _SUMS.items() if sums[outcome]]
    print(f"{name}: {', '.join(parts) or 'nothing that was not known'}", file=out)
    for outcome, words in _WRONG.items():
        if sums[outcome]:
            print(f"{sums[outcome]:,} {words.format(name)}", file=out)


def describing(naming: Naming, ignoring: Ignoring) -> Describe:
    """How an object is read as a clip: its index, and what its name tells, also without a clip's number."""

    def describe(look: Look, fd: int, digest: str) -> Probed | None:
        try:
            probe_ = probe(fd, look.size_bytes, look.key.rpartition(".")[2])
            if not (probe_.recognised or ignoring.is_clip(look.key)):
                return None
            probed = described(look, digest, probe_, naming)
            if probed.time_source is not TimeSource.NAME and (plain := without_number(look.key)) != look.key:
                other = described(look._replace(key=plain), digest, probe_, naming)
                return other if other.time_source is TimeSource.NAME else probed
        except OSError:
            raise
        except Exception as reason:
            if trouble(reason) is not None:
                raise
            aside = set_aside(look.key, look.fingerprint, 0, f"{FAILED}: {type(reason).__name__}", naming)
            return msgspec.structs.replace(aside, digest=digest)
        return probed

    return describe
