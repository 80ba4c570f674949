"""`watcher scan` and `watcher check`: the catalog against the disk, by hand."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import NoReturn, TextIO

from tqdm import tqdm

from watcher.catalog import Probed
from watcher.ingest.bind import bind_root
from watcher.ingest.comparison import Comparison, Reading
from watcher.ingest.ingest import Ingest, NotClip, Outcome, Waiting
from watcher.ingest.pictures import Pictures
from watcher.ingest.progress import Progress
from watcher.ingest.scan import Difference, Finding, newest_first, reconcile, too_many_missing
from watcher.ingest.set_aside import Aside
from watcher.model.clip import ClipFilter, ClipState
from watcher.model.errors import StoreAwayError
from watcher.naming.ignore import PICTURE, printable
from watcher.retention.retire import Retention
from watcher.services import Services

TROUBLES = 20  # clips that are broken, or without a picture: the newest, that are told
TOLD_MOST = 50  # differences of one kind that are named
BATCH = 500  # clips a transaction: nobody waits for the single one here


def scan(
    services: Services,
    *,
    accept_missing: bool,
    accept_root: bool,
    out: TextIO,
    again: bool = False,
    store: str | None = None,
) -> int:
    """Compare once and repair; 1 if something needs a person's decision. `store`: that one, and not the disk.

    `again` reads unchanged files too, for what the settings say of names and zones may have changed since.

    Runs beside the ingester: the same file ingested twice is the same as once. Ended half-way it goes on where it
    was, since what it has catalogued by then is known. What goes wrong with one file is told in a sentence.
    """
    if store is not None:
        from watcher.ops.store_scan import scan_store  # noqa: PLC0415 - what is off costs nothing

        return scan_store(services, store, accept=accept_root, out=out)
    with closing(Aside(services.places.run, "scan")) as aside:
        aside.open()
        ingest = Ingest.of(services)
        ingest.guard = aside
        return _scan(services, ingest, accept_missing=accept_missing, accept_root=accept_root, out=out, again=again)


def _scan(
    services: Services, ingest: Ingest, *, accept_missing: bool, accept_root: bool, out: TextIO, again: bool
) -> int:
    catalog, root = services.catalog, services.root
    catalog_id = bind_root(services)
    if accept_root:
        root.write_marker(catalog_id)
    problem = root.marker_problem(catalog_id)
    batch: list[Probed] = []
    refused: set[str] = set()
    others = settling = catalogued = 0  # others: files that are no clips
    pictures = Pictures.of(services, ingest)

    def put() -> int:
        done = ingest.put(batch)
        batch.clear()
        refused.update(done.refused)
        for key, why in done.aside.items():
            print(f"{printable(key)} {why}", file=out)
        return done.changed

    def passed_over(key: str, why: str) -> None:
        if why == PICTURE:
            pictures.add(key)

    def begin(finding: Finding) -> Reading:
        return Reading(finding.key, ingest.examining(finding.key, again=again))

    def take(_key: str, outcome: Outcome) -> bool:
        nonlocal others, settling
        if isinstance(outcome, Probed):
            batch.append(outcome)
        settling += isinstance(outcome, Waiting)
        others += isinstance(outcome, NotClip)
        return len(batch) >= BATCH

    findings = newest_first(reconcile(root, catalog, passed_over), ingest.moment, services.places.run, again=again)
    comparison = Comparison(findings, Progress(services.clock.monotonic()))
    # disable=None: on no terminal there is no bar
    with tqdm(file=out, unit=" files", unit_scale=True, dynamic_ncols=True, leave=False, disable=None) as bar:
        while not comparison.go_on(services.clock, begin, take):
            if len(batch) >= BATCH:
                catalogued += put()
            _show(comparison.progress, bar, out, services.clock.monotonic())
    catalogued += put()
    while pictures.next_at() == 0:  # what may still be written is left to the ingester
        pictures.turn()
    missing = 0
    if problem is None:
        missing, problem = _mark_missing(services, comparison.gone, accept=accept_missing)
    Retention.of(services, ingest).sweep()
    files = comparison.progress.files - others
    print(f"{files:,} files: {catalogued:,} catalogued, {settling:,} still settling, {missing:,} missing", file=out)
    if problem:
        print(problem, file=out)
    if refused:
        print(f"{len(refused):,} files cannot be catalogued; they stay where they are", file=out)
    return 1 if problem or refused else 0


def _mark_missing(services: Services, gone: list[str], *, accept: bool) -> tuple[int, str | None]:
    """Note that files are gone, some at a time; how many clips had them, or what a person has to decide first."""
    catalog, clock = services.catalog, services.clock
    # A clip that moved was found under its new name by now; what is still under its old one is gone.
    keys = [row.key for row in catalog.files.known_keys(gone).values()] if gone else []
    if not accept:
        share = services.settings.scan.max_missing_share
        stores = [table.name for table in services.settings.stores]
        problem = too_many_missing(catalog, len(keys), share=share, now=clock.now(), stores=stores)
        if problem is not None:
            return 0, problem
    batches = (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))
    return sum(catalog.writes.mark_missing(batch, now=clock.now()) for batch in batches), None


def _show(progress: Progress, bar: tqdm[NoReturn], out: TextIO, now: float) -> None:
    """A progress bar on a terminal, a line now and then elsewhere."""
    if bar.disable:
        if line := progress.line(now):
            print(line, file=out, flush=True)
        return
    if progress.done and bar.total is None:
        bar.reset(total=progress.todo)
    bar.set_description("reading, newest first" if progress.done else "looking", refresh=False)
    bar.update((progress.done or progress.files) - bar.n)


def check(services: Services, *, list_ignored: bool, out: TextIO) -> int:
    """Tell whether the invariants of `design/storage.md` hold; 0 if they all do. Changes nothing."""
    with closing(Aside(services.places.run, "check")) as aside:
        aside.open()
        ingest = Ingest.of(services)
        ingest.guard = aside
        return _check(services, ingest, list_ignored=list_ignored, out=out)


def _check(services: Services, ingest: Ingest, *, list_ignored: bool, out: TextIO) -> int:
    catalog, root = services.catalog, services.root
    ignored: list[tuple[str, str]] = []
    differences: Counter[Difference] = Counter()
    files = 0
    wrong = 0
    for finding in reconcile(root, catalog, lambda key, why: ignored.append((key, why))):
        if finding.difference is not Difference.GONE:
            files += 1
        if finding.difference is None:
            continue
        new = finding.difference in {Difference.NEW, Difference.CHANGED}
        outcome = ingest.examine(finding.key) if new else None
        if isinstance(outcome, NotClip):
            files -= 1
            ignored.append((finding.key, outcome.why))
            continue
        settling = isinstance(outcome, Waiting)
        what = "still being written" if settling else finding.difference.value
        wrong += not settling
        differences[finding.difference] += 1
        if differences[finding.difference] <= TOLD_MOST:
            print(f"{what}: {printable(finding.key)}", file=out)
    _tell_ignored(ignored, out, each=list_ignored)
    problem = root.marker_problem(catalog.database.catalog_id() or "")
    if problem:
        wrong += 1
        print(problem, file=out)
    lost, unnamed = _compare_stores(services, out), _tell_unnamed(services, out)
    _tell_broken(services, out)
    _tell_pictures(services, out)
    states = catalog.clips.state_counts()
    clips = ", ".join(f"{states[state]:,} {state}" for state in ClipState if state in states) or "no clips"
    print(f"{files:,} files below {root.folder}; the catalog holds {clips}", file=out)
    if wrong:
        print(f"{wrong:,} differences; `watcher scan` repairs them", file=out)
    elif not (lost or unnamed):
        print("all invariants hold", file=out)
    if lost:
        print(f"{lost:,} clips are not in their store as they were put there: have them from a backup", file=out)
    return 1 if wrong or lost or unnamed else 0


def _compare_stores(services: Services, out: TextIO) -> int:
    """Tell how the stores differ from the catalog; how many clips they have lost. One that is away loses none."""
    from watcher.tiering import check as stored  # noqa: PLC0415 - what is off costs nothing

    lost = 0
    sums = services.catalog.stored.sums()
    for table in services.settings.stores:
        count, size = sums.get(table.name, (0, 0))
        print(f"{count:,} clips of {size:,} bytes lie in the store {table.name}", file=out)
        bound, unknown = services.catalog.stored.is_bound(table.name), 0
        try:
            for number, (key, difference) in enumerate(stored.compare(services, table.name)):
                lost += difference is not stored.Difference.UNKNOWN
                unknown += difference is stored.Difference.UNKNOWN
                if number < TOLD_MOST:
                    print(f"{difference.value} {table.name}: {printable(key)}", file=out)
        except StoreAwayError as reason:
            if bound:  # else nothing of ours is to be there
                print(str(reason), file=out)
        if unknown:
            way = f"`watcher scan --store {table.name}` brings clips back and takes new ones in"
            print(f"{unknown:,} objects of the store {table.name} are no clip's: {way}", file=out)
    return lost


def _tell_unnamed(services: Services, out: TextIO) -> int:
    """How many clips lie in stores that the settings do not name any more."""
    sums = services.catalog.stored.sums()
    unnamed = sums.keys() - {table.name for table in services.settings.stores}
    for name in sorted(unnamed):
        clips = sums[name][0]
        print(f"{clips:,} clips lie in the store {name}, which the settings do not name any more", file=out)
    return sum(sums[name][0] for name in unnamed)


def _tell_ignored(ignored: list[tuple[str, str]], out: TextIO, *, each: bool) -> None:
    """How many files are passed over and why, with their names where they are asked for or may be a mistake."""
    for key, why in ignored:
        if each or "watcher" in why:
            print(f"ignored, {why}: {printable(key)}", file=out)
    for why, count in sorted(Counter(why for _, why in ignored).items()):
        print(f"{count:,} ignored: {why}", file=out)


def _tell_broken(services: Services, out: TextIO) -> None:
    """Which files are no clips that could be played, and why; in full they are listed by their state."""
    broken = services.catalog.clips.find(ClipFilter(states=(ClipState.BROKEN,)), limit=TROUBLES)
    for clip in broken.clips:
        print(f"broken: {printable(clip.key)}: {clip.error}", file=out)
    if broken.more_after:
        print("… and more that are broken", file=out)


def _tell_pictures(services: Services, out: TextIO) -> None:
    """Which clips have no picture."""
    troubles = services.catalog.retries.troubles(TROUBLES)
    if troubles.number or troubles.waiting:
        print(f"{troubles.number:,} clips without a picture, {troubles.waiting:,} tried again later", file=out)
    for trouble in troubles.newest:
        print(f"no picture: {printable(trouble.key)}: {trouble.error}", file=out)
    for trouble in troubles.later:
        print(f"no picture yet: {printable(trouble.key)}: {trouble.error}; it is tried again", file=out)
