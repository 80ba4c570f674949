"""What a model is to look at: every ready clip once, whatever ends in between; a person's word stands above it."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.builders import START, probed
from watcher.catalog import Catalog, inspections, migrate
from watcher.catalog.inspections import AWAY_MS, ModelLabel, Uninspected
from watcher.catalog.rendition_names import TELLING, poster_name, sight_name, sprite_name
from watcher.catalog.rows import Rendered
from watcher.model.clip import ClipFilter, Fingerprint, Sight, Sprite
from watcher.model.sight import Seen

MODEL, OWNER = "tiny 1", "me"
SIGHT = Sight(1.5, ((1.5, 4.0),), (0.1, 0.2, 0.3, 0.4), MODEL)
CAR = Seen("car", 0.9, 0.1, 0.1, 0.2, 0.2)


def person(confidence: float = 0.8) -> ModelLabel:
    return ModelLabel("person", confidence, SIGHT)


def put(catalog: Catalog, *numbers: int, camera: str = "porch") -> dict[int, int]:
    """Clips that have their poster, by number."""
    catalog.writes.put([probed(f"{camera}/{n}.mp4", n) for n in numbers], now=START)
    ids = {n: catalog.clips.by_key(f"{camera}/{n}.mp4").id for n in numbers}  # type: ignore[union-attr]
    with catalog.database.write() as connection:
        connection.execute(sa.text("UPDATE clips SET render_due = 0"))
    return ids


def wait(catalog: Catalog, *, old: bool = True, now: datetime = START, model: str = MODEL) -> list[Uninspected]:
    """What is handed out, as an ingester asks; all of it."""
    catalog.inspections.fill(model, 100, old=old, now=now)
    return catalog.inspections.claim(OWNER, 100, until=now + timedelta(minutes=2), now=now)


def labels(catalog: Catalog, clip_id: int) -> dict[str, str]:
    return {label.name: label.author for label in catalog.clips.get(clip_id).labels or ()}


def done(catalog: Catalog, jobs: list[Uninspected], *labels: ModelLabel, model: str = MODEL) -> None:
    for job in jobs:
        assert catalog.inspections.set_done(job, model, labels, [], [], now=START)
    catalog.claims.release(OWNER)


def test_every_clip_waits_once_live_ones_first(catalog: Catalog) -> None:
    """Those from before the model newest first, after those that come; without `old` they do not wait at all."""
    put(catalog, 1, 2, 3)
    assert wait(catalog, old=False) == []
    fresh = put(catalog, 4)
    jobs = wait(catalog)
    assert [job.key for job in jobs] == [f"porch/{n}.mp4" for n in (4, 3, 2, 1)]
    assert jobs[0].id == fresh[4]
    done(catalog, jobs, person())
    assert wait(catalog) == []
    assert {labels(catalog, job.id)["person"] for job in jobs} == {"model:tiny 1"}


def test_a_crowd_waits_in_turns_and_none_is_left_out(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than some rows are written ahead; each clip is handed out once, to one of several."""
    monkeypatch.setattr(inspections, "WAITING_MOST", 40)
    put(catalog, *range(150))
    taken: list[int] = []
    lock, begin = threading.Lock(), threading.Barrier(3)

    def work(owner: str) -> None:
        begin.wait()
        while True:
            catalog.inspections.fill(MODEL, 15, old=True, now=START)
            jobs = catalog.inspections.claim(owner, 7, until=START + timedelta(minutes=2), now=START)
            if not jobs:
                return
            for job in jobs:
                catalog.inspections.set_done(job, MODEL, [person()], [], [], now=START)
            catalog.claims.release(owner)
            with lock:
                taken.extend(job.id for job in jobs)

    threads = [threading.Thread(target=work, args=(f"node{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 150
    assert catalog.labels.counts() == [("person", 150)]
    assert catalog.inspections.left() == (0, 0)


def test_what_a_dead_one_held_comes_back(catalog: Catalog) -> None:
    """When its claim runs out; what it had noted is not looked at again."""
    put(catalog, 1, 2)
    jobs = wait(catalog)
    catalog.inspections.set_done(jobs[0], MODEL, [person()], [], [], now=START)  # and then it is killed
    assert wait(catalog, now=START + timedelta(seconds=60)) == []
    assert [job.id for job in wait(catalog, now=START + timedelta(seconds=121))] == [jobs[1].id]


def test_the_same_verdict_twice_changes_nothing(catalog: Catalog) -> None:
    """Neither the sums nor the clip's revision: whoever was killed after it was noted may say it again."""
    ids = put(catalog, 1)
    jobs = wait(catalog)
    done(catalog, jobs, person())
    before = catalog.clips.get(ids[1])
    done(catalog, jobs, person())
    assert catalog.clips.get(ids[1]) == before
    assert catalog.labels.counts() == [("person", 1)]
    done(catalog, jobs)
    assert catalog.clips.get(ids[1]).labels is None
    assert catalog.labels.counts() == []
    assert catalog.labels.label_cameras() == []


def test_a_person_s_word_stands(catalog: Catalog) -> None:
    """What was put on or confirmed keeps its author, what was refused does not come back, also with another model."""
    ids = put(catalog, 1)
    catalog.labels.put(ids[1], "fox", author="key:anna", confidence=None, now=START)
    done(catalog, wait(catalog), person(), ModelLabel("fox", 0.9, SIGHT), ModelLabel("car", 0.7, SIGHT))
    assert labels(catalog, ids[1]) == {"car": "model:tiny 1", "fox": "key:anna", "person": "model:tiny 1"}
    catalog.labels.put(ids[1], "person", author="key:anna", confidence=None, now=START)
    confirmed = next(label for label in catalog.clips.get(ids[1]).labels or () if label.name == "person")
    assert (confirmed.author, confirmed.sight) == ("key:anna", SIGHT)  # since when it is seen stays known
    catalog.labels.remove(ids[1], "car", author="key:anna", now=START)
    jobs = wait(catalog, model="other 2")
    assert [job.id for job in jobs] == [ids[1]]  # another model looks at everything again
    done(catalog, jobs, person(), ModelLabel("car", 0.9, SIGHT), ModelLabel("dog", 0.6, SIGHT), model="other 2")
    assert labels(catalog, ids[1]) == {"dog": "model:other 2", "fox": "key:anna", "person": "key:anna"}
    catalog.labels.put(ids[1], "car", author="key:anna", confidence=None, now=START)  # a person may think again
    catalog.labels.remove(ids[1], "fox", author="key:anna", now=START)
    assert labels(catalog, ids[1]).keys() == {"car", "dog", "person"}


def test_labels_of_a_model_are_no_change_that_a_person_meets(catalog: Catalog) -> None:
    """Who edits a clip that they read before, is not told that somebody else changed it; the feed tells of it."""
    ids = put(catalog, 1)
    before = catalog.clips.get(ids[1]).revision
    done(catalog, wait(catalog), person())
    assert catalog.clips.get(ids[1]).revision > before
    catalog.writes.correct(ids[1], note="the fox", revision=before)


def test_another_content_is_looked_at_again(catalog: Catalog) -> None:
    """A verdict about the older one is not noted, and its labels go with the newer verdict."""
    ids = put(catalog, 1)
    jobs = wait(catalog)
    done(catalog, jobs, person())
    catalog.writes.put([probed("porch/1.mp4", 7, digest="other", fingerprint=Fingerprint(2000, 2))], now=START)
    assert not catalog.inspections.set_done(jobs[0], MODEL, [person()], [], [], now=START)
    assert wait(catalog) == []  # it has no poster yet
    clip = catalog.clips.get(ids[1])
    catalog.renditions.set_posters([Rendered(clip.id, jobs_digest(catalog, clip.id), "0/1.webp", due=0)])
    again = wait(catalog)
    assert [job.id for job in again] == [ids[1]]
    done(catalog, again)
    assert labels(catalog, ids[1]) == {}


def jobs_digest(catalog: Catalog, clip_id: int) -> str:
    with catalog.database.engine.connect() as connection:
        return str(connection.execute(sa.text(f"SELECT digest FROM clips WHERE id = {clip_id}")).scalar())


def test_clips_that_are_away_wait_and_hold_up_nobody(catalog: Catalog) -> None:
    """A missing one is looked at when it is back; one that was given up is not."""
    ids = put(catalog, 1, 2, 3)
    catalog.inspections.fill(MODEL, 100, old=True, now=START)
    catalog.writes.mark_missing(["porch/3.mp4"], now=START)
    catalog.retired.retire(ids[2], now=START)
    jobs = wait(catalog)
    assert [job.id for job in jobs] == [ids[1]]
    done(catalog, jobs)
    catalog.writes.put([probed("porch/3.mp4", 3)], now=START)
    with catalog.database.write() as connection:
        connection.execute(sa.text("UPDATE clips SET render_due = 0"))
    later = START + timedelta(milliseconds=AWAY_MS)
    assert [job.id for job in wait(catalog, now=later)] == [ids[3]]


def test_what_fails_is_put_off_or_given_up(catalog: Catalog) -> None:
    """With its reason, and how often it was tried."""
    put(catalog, 1, 2)
    first, second = wait(catalog)
    catalog.inspections.retry(first, "no", tries=1, due=START + timedelta(hours=1))
    catalog.inspections.set_error(second, "never", now=START)
    catalog.claims.release(OWNER)
    assert wait(catalog) == []
    (again,) = wait(catalog, now=START + timedelta(hours=1))
    assert (again.id, again.tries) == (first.id, 1)


def test_what_stands_still_is_known_to_the_clips_beside(catalog: Catalog) -> None:
    """Of the same camera, within a day, before and after."""
    put(catalog, 1, 2, 3)
    put(catalog, 101, camera="yard")
    jobs = {job.key: job for job in wait(catalog)}
    catalog.inspections.set_done(jobs["porch/3.mp4"], MODEL, [], [CAR], [CAR], now=START)
    assert catalog.inspections.still_near(jobs["porch/2.mp4"]) == [CAR]
    assert catalog.inspections.still_near(jobs["yard/101.mp4"]) == []
    catalog.inspections.set_done(jobs["porch/1.mp4"], MODEL, [], [CAR], [CAR], now=START)
    assert catalog.inspections.still_near(jobs["porch/2.mp4"]) == [CAR, CAR]


def test_sums_by_label_and_camera_follow_every_road(catalog: Catalog) -> None:
    """A clip that is another camera's now, that goes, and that is had back."""
    ids = put(catalog, 1, 2) | put(catalog, 103, camera="yard")
    done(catalog, wait(catalog), person())
    assert catalog.labels.label_cameras() == [("person", "porch", 2), ("person", "yard", 1)]
    assert catalog.labels.counts(["yard"]) == [("person", 1)]
    catalog.writes.correct(ids[1], camera="yard")
    assert catalog.labels.label_cameras() == [("person", "porch", 1), ("person", "yard", 2)]
    catalog.writes.put([probed("gate/2.mp4", 2, moved_from=ids[2])], now=START)
    assert catalog.labels.label_cameras(["gate", "porch"]) == [("person", "gate", 1)]
    catalog.retired.retire(ids[2], now=START)
    assert catalog.labels.label_cameras() == [("person", "yard", 2)]
    catalog.retired.revive(ids[2], now=START)
    assert catalog.labels.label_cameras() == [("person", "gate", 1), ("person", "yard", 2)]
    assert catalog.labels.counts() == [("person", 3)]


def test_asking_when_nothing_waits_writes_nothing(catalog: Catalog) -> None:
    """It is asked each second, for ever."""
    put(catalog, 1)
    done(catalog, wait(catalog))
    assert wait(catalog) == []
    statements: list[str] = []
    sa.event.listen(catalog.database.engine, "before_cursor_execute", lambda *event: statements.append(event[2]))
    assert wait(catalog) == []
    assert statements
    assert all(text.lstrip().startswith("SELECT") or text == "BEGIN" for text in statements), statements


@pytest.mark.parametrize("number", range(3))
def test_a_crash_before_the_commit_leaves_it_waiting(catalog: Catalog, number: int) -> None:
    """Of filling, claiming and noting: each is one transaction."""
    put(catalog, 1)
    job = wait(catalog)[0] if number == 2 else None
    if number == 1:
        catalog.inspections.fill(MODEL, 100, old=True, now=START)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    sa.event.listen(catalog.database.engine, "commit", crash)
    with pytest.raises(KeyboardInterrupt):
        _ = (
            wait(catalog)
            if job is None
            else catalog.inspections.set_done(job, MODEL, [person()], [], [], now=START)
        )
    sa.event.remove(catalog.database.engine, "commit", crash)
    later = START + timedelta(minutes=3)
    jobs = wait(catalog, now=later)
    assert len(jobs) == 1
    assert catalog.labels.counts() == []


def test_lists_by_who_says_it_and_how_sure(catalog: Catalog) -> None:
    """Of a label or of any, together with cameras, and without some labels."""
    ids = put(catalog, *range(8))
    jobs = {job.id: job for job in wait(catalog)}
    for n in range(6):
        catalog.inspections.set_done(jobs[ids[n]], MODEL, [person(0.5 + n / 20)], [], [], now=START)
    catalog.inspections.set_done(jobs[ids[6]], MODEL, [ModelLabel("car", 0.9, SIGHT)], [], [], now=START)
    catalog.labels.put(ids[0], "person", author="key:anna", confidence=None, now=START)
    catalog.labels.put(ids[5], "fox", author="key:anna", confidence=None, now=START)

    def ids_of(**parameters: object) -> list[int]:
        page = catalog.clips.find(ClipFilter(**parameters), limit=100, newest_first=False)  # type: ignore[arg-type]
        return [list(ids.values()).index(clip.id) for clip in page.clips]

    assert ids_of(labels=("person",), min_confidence=0.65) == [0, 3, 4, 5]
    assert ids_of(labels=("person",), author="people") == [0]
    assert ids_of(labels=("person",), author="models", min_confidence=0.7) == [4, 5]
    assert ids_of(labels=("person", "car"), author="model:tiny 1", min_confidence=0.75) == [5, 6]
    assert ids_of(min_confidence=0.75) == [0, 5, 6]
    assert ids_of(author="key:anna") == [0, 5]
    assert ids_of(author="models", cameras=("porch", "yard")) == [1, 2, 3, 4, 5, 6]
    assert ids_of(author="people", words=("fox",)) == [5]
    assert ids_of(not_labels=("person",)) == [6, 7]
    assert ids_of(labels=("person",), not_labels=("fox", "car")) == [0, 1, 2, 3, 4]
    assert ids_of(author="key:nobody") == []


@pytest.mark.parametrize("whose", ["people", "anybody"])
def test_retention_asks_whose_word_counts(engine: sa.Engine, whose: str) -> None:
    """A model's labels keep a clip for longer only where that is asked for."""
    migrate(engine)
    catalog = Catalog(engine, labels_of=whose)
    ids = put(catalog, 1, 2, 3)
    jobs = {job.id: job for job in wait(catalog)}
    catalog.inspections.set_done(jobs[ids[1]], MODEL, [person()], [], [], now=START)
    catalog.labels.put(ids[2], "fox", author="key:anna", confidence=None, now=START)
    remaining = {1, 2} if whose == "anybody" else {2}
    assert {n for n in ids if catalog.retired.whose([ids[n]])[ids[n]][1]} == remaining
    catalog.labels.put(ids[1], "person", author="key:anna", confidence=None, now=START)
    assert catalog.retired.whose([ids[1]])[ids[1]][1]
    catalog.labels.remove(ids[2], "fox", author="key:anna", now=START)
    assert not catalog.retired.whose([ids[2]])[ids[2]][1]


def test_all_are_looked_at_anew_where_that_is_asked_for(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was said of them stays until they are."""
    monkeypatch.setattr(inspections, "WAITING_MOST", 2)
    ids = put(catalog, 1, 2, 3, 4, 5)
    while jobs := wait(catalog):
        done(catalog, jobs, person())
    catalog.inspections.forget()
    assert catalog.labels.counts() == [("person", 5)]
    again = []
    while jobs := wait(catalog):
        done(catalog, jobs)
        again += [job.id for job in jobs]
    assert again == [ids[n] for n in (5, 4, 3, 2, 1)]
    assert catalog.labels.counts() == []


def sprite_of(digest: str) -> Sprite:
    return Sprite(sprite_name(1, digest), 4, 4, 240, 136, 500)


def test_the_best_sight_becomes_the_poster(catalog: Catalog) -> None:
    """In place of a frame of the clip, whichever comes first; `significant` is when it was; twice changes nothing."""
    ids = put(catalog, 1)
    clip = catalog.clips.get(ids[1])
    digest = wait(catalog)[0].digest
    plain, telling = poster_name(clip.id, digest), poster_name(clip.id, digest, TELLING)
    catalog.renditions.set_posters([Rendered(clip.id, digest, plain)])
    first, second = (sight_name(clip.id, digest, seconds) for seconds in (3.4, 1.25))
    assert catalog.renditions.set_sight(clip.id, digest, first) == []  # pages may show the plain one
    after = catalog.clips.get(clip.id)
    assert (after.poster, after.significant_ms) == (first, 3400)
    assert catalog.renditions.set_sight(clip.id, digest, first) == []
    assert catalog.clips.get(clip.id) == after
    assert catalog.renditions.set_sprite(clip.id, digest, sprite_of(digest), poster=telling) == [telling]
    assert (catalog.clips.get(clip.id).poster, catalog.clips.get(clip.id).significant_ms) == (first, 3400)
    assert catalog.renditions.set_sight(clip.id, digest, second) == [first]
    retired = catalog.retired.retire(clip.id, now=START)
    assert retired is not None
    assert {second, telling, plain} <= set(retired.renditions)


def test_the_best_sight_gives_way_to_a_camera_s_own_picture(catalog: Catalog) -> None:
    """And to other content; a clip that is gone has none."""
    ids = put(catalog, 1, 2, 3)
    digests = {job.id: job.digest for job in wait(catalog)}
    catalog.renditions.set_picture(ids[1], "porch/1.jpg")
    own = poster_name(ids[1], digests[ids[1]], "5eedb123")
    for _ in range(2):  # before its poster is made of that, and after
        sight = sight_name(ids[1], digests[ids[1]], 2)
        assert catalog.renditions.set_sight(ids[1], digests[ids[1]], sight) == [sight]
        catalog.renditions.set_posters([Rendered(ids[1], digests[ids[1]], own, "porch/1.jpg")])
    assert (catalog.clips.get(ids[1]).poster, catalog.clips.get(ids[1]).significant_ms) == (own, None)
    assert catalog.renditions.set_sight(ids[2], "another", "0/2-another.b00000001.webp") != []
    catalog.retired.retire(ids[3], now=START)
    assert catalog.renditions.set_sight(ids[3], digests[ids[3]], "0/3.b00000001.webp") != []


def test_what_comes_back_from_the_bin_is_looked_at_again(catalog: Catalog) -> None:
    """Once, with its labels meanwhile, by whichever model; what no model has labelled is not."""
    ids = put(catalog, 1, 2)
    jobs = {job.id: job for job in wait(catalog)}
    done(catalog, [jobs[ids[1]]], person())
    done(catalog, [jobs[ids[2]]])
    catalog.labels.put(ids[2], "fox", author="key:anna", confidence=None, now=START)
    for clip_id in ids.values():
        catalog.retired.retire(clip_id, now=START)
        catalog.retired.swept(clip_id)
        catalog.retired.revive(clip_id, now=START)
    assert catalog.labels.counts() == [("fox", 1), ("person", 1)]
    assert wait(catalog) == []  # its file is not there yet
    catalog.writes.put([probed(f"porch/{n}.mp4", n) for n in ids], now=START)
    with catalog.database.write() as connection:
        connection.execute(sa.text("UPDATE clips SET render_due = 0"))
    later = START + timedelta(milliseconds=AWAY_MS)
    again = wait(catalog, now=later)
    assert [job.id for job in again] == [ids[1]]
    done(catalog, again, person())
    assert wait(catalog, now=later) == []
    assert catalog.labels.counts() == [("fox", 1), ("person", 1)]
