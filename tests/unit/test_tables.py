"""The tables of samples: a small one is read at once, a long one in pieces, and both say the same."""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path

import pytest

from watcher.media import walk
from watcher.media.tables import placed
from watcher.media.walk import Walk, finished


def counted(runs: list[tuple[int, int]], number: int, begins: list[int], sizes: list[int]) -> tuple[int, int]:
    """How many samples are placed and where the furthest ends, counted sample by sample."""
    done = end = chunk = 0
    for count, each in runs:
        for begin in begins[chunk : chunk + count]:
            some = min(each, number - done)
            if some:
                end = max(end, begin + sum(sizes[done : done + some]))
            done += some
        chunk += count
    return done, end


@pytest.mark.parametrize("piece", [6, walk.PIECE])
@pytest.mark.parametrize("seed", range(60))
def test_samples_are_placed_alike_at_once_and_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, seed: int
) -> None:
    monkeypatch.setattr("watcher.media.walk.PIECE", piece)
    monkeypatch.setattr("watcher.media.tables.PIECE", piece)
    chance = random.Random(seed)
    runs = [(chance.randint(1, 5), chance.choice((0, 1, 1, 2, 3, 9))) for _ in range(chance.randint(1, 6))]
    chunks = sum(count for count, _ in runs)
    number = max(0, sum(count * each for count, each in runs) + chance.choice((-7, -1, 0, 0, 4)))
    uniform = chance.choice((0, 0, 11))
    sizes = [uniform or chance.randint(0, 5000) for _ in range(number)]
    begins = [chance.randint(8, 100_000) for _ in range(chunks)]
    firsts, at = [], 1
    for count, each in runs:
        firsts.append((at, each, 1))
        at += count
    tables = {
        b"stsz": struct.pack(">III", 0, uniform, number) + (b"" if uniform else struct.pack(f">{number}I", *sizes)),
        b"stsc": struct.pack(">II", 0, len(runs)) + b"".join(struct.pack(">III", *entry) for entry in firsts),
        b"stco": struct.pack(f">II{chunks}I", 0, chunks, *begins),
    }
    path, data, parts = tmp_path / "tables", b"", {}
    for kind, content in tables.items():
        parts[kind] = (len(data), len(data) + len(content))
        data += content
    path.write_bytes(data)
    with path.open("rb") as file:
        walked = Walk(file.fileno(), os.fstat(file.fileno()).st_size)
        assert finished(placed(walked, parts)) == counted(runs, number, begins, sizes)


@pytest.mark.parametrize("piece", [6, walk.PIECE])
def test_chunks_out_of_order_are_damage_also_behind_the_last_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr("watcher.media.walk.PIECE", piece)
    monkeypatch.setattr("watcher.media.tables.PIECE", piece)
    tables = {
        b"stsz": struct.pack(">III2I", 0, 0, 2, 5, 5),
        b"stsc": struct.pack(">II9I", 0, 3, 1, 2, 1, 3, 1, 1, 2, 1, 1),
        b"stco": struct.pack(">II8I", 0, 8, *range(100, 900, 100)),
    }
    path, data, parts = tmp_path / "tables", b"", {}
    for kind, content in tables.items():
        parts[kind] = (len(data), len(data) + len(content))
        data += content
    path.write_bytes(data)
    with path.open("rb") as file, pytest.raises(ValueError, match="out of order"):
        finished(placed(Walk(file.fileno(), len(data)), parts))
