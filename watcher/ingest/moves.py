"""Which files that nobody knows are clips that left their key: renamed, moved, restored elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from watcher.catalog import Catalog, Probed
from watcher.catalog.rows import Namesake, signed
from watcher.model.clip import ClipState
from watcher.storage.video_root import VideoRoot

CANDIDATES_MOST = 16  # clips of one content that are looked for on disk


def with_moves(batch: Sequence[Probed], root: VideoRoot, catalog: Catalog) -> tuple[list[Probed], list[str]]:
    """The batch with `moved_from` where a new key holds the content of a clip that left its own; the keys left.

    The same inode is the surest sign; then a missing clip of that content, the one of the same file name
    first. Asked before the transaction, since it looks at the disk; `put` checks again by key.
    """
    rows = catalog.files.known_keys([probed.key for probed in batch])
    fresh = [probed for probed in batch if probed.key not in rows]
    if not fresh:
        return list(batch), []
    by_content: dict[str, list[Namesake]] = {}
    for namesake in catalog.files.namesakes([(probed.digest, probed.inode) for probed in fresh]):
        by_content.setdefault(namesake.digest, []).append(namesake)
    taken: dict[int, str] = {}
    result = []
    for probed in batch:
        best = None
        if probed.key not in rows and probed.digest in by_content:
            best = _moved(
                probed, [namesake for namesake in by_content[probed.digest] if namesake.id not in taken], root
            )
        if best is None:
            result.append(probed)
        else:
            taken[best.id] = best.key
            result.append(msgspec.structs.replace(probed, moved_from=best.id))
    return result, list(taken.values())


def _moved(probed: Probed, candidates: list[Namesake], root: VideoRoot) -> Namesake | None:
    """The clip that a file was, if it is one that lies here no more."""
    name = probed.key.rpartition("/")[2]
    inode = signed(probed.inode)
    candidates.sort(key=lambda namesake: (namesake.inode != inode, namesake.key.rpartition("/")[2] != name))
    for namesake in candidates[:CANDIDATES_MOST]:
        if (namesake.inode != inode or not inode) and probed.state is ClipState.BROKEN:
            continue  # empty and zero-filled files are all alike: their content names nobody
        if namesake.state == "missing":
            return namesake
        try:
            there = root.look(namesake.key)
        except OSError:
            continue
        if there is None or (namesake.inode == inode and there.inode != probed.inode):
            return namesake
    return None
