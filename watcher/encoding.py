"""What the processes that write films have in common: their beginning, and tracks that are encoded anew.

PyAV lives in the workers, which hand it in.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from watcher.tether import die_with_parent

MEMORY_LIMIT = 3 << 30  # bytes of address space; 4K H.265 in and 720p out need about 1 GiB of it

TOLD_SECONDS = 1.0  # between two words of progress
SOUND_RATES = {16000, 22050, 24000, 32000, 44100, 48000}  # Hz, that every browser's AAC decoder takes
SOUND_FRAME = 1024  # samples that AAC takes at a time
SOUND_BITS = 64000  # a second, each channel


def begin_job() -> tuple[dict[str, Any], Callable[..., None]]:
    """Become a worker that may do little harm: its job from standard input, and what it tells with.

    It ends with its parent, has the lowest priority, and may write files of `most_bytes` of the job at most.
    """
    die_with_parent(signal.SIGKILL)
    os.nice(19)
    job = json.loads(sys.stdin.readline())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_FSIZE, (job["most_bytes"], job["most_bytes"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # too large a file is an error like others
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a codec prints must not look like an answer

    def tell(**told: Any) -> None:
        print(json.dumps(told), file=answers, flush=True)

    return job, tell


class Progress:
    """Tells which share of a job is done, at most once a second."""

    def __init__(self, whole: float, tell: Callable[..., None]) -> None:
        self._whole = whole
        self._before = 0.0
        self._tell = tell
        self._told = time.monotonic()

    def at(self, position: float) -> None:
        """So much of the present part is done."""
        if time.monotonic() - self._told > TOLD_SECONDS:
            self._told = time.monotonic()
            share = (self._before + position) / self._whole if self._whole else 0.0
            self._tell(done=min(max(share, 0.0), 1.0))

    def next(self, size: float) -> None:
        """A part of this size is done."""
        self._before += size


class Encoded:
    """A track that is decoded and encoded anew."""

    def __init__(self, av: Any, stream: Any, begins: Fraction) -> None:
        self.av = av
        self.begins = begins
        self._last = -1  # tick of the piece before
        self.encoder: Any = None
        self.source = stream
        self.count = 0

    def take(self, packet: Any) -> Iterator[Any]:
        """What the encoder has ready after a packet; a damaged one is passed over."""
        try:
            frames = packet.decode()
        except self.av.InvalidDataError:
            return
        for frame in frames:
            yield from self.encode(frame)

    def end(self) -> Iterator[Any]:
        """What the encoder has held back."""
        if self.encoder is not None:
            yield from self.encoder.encode(None)

    def encode(self, frame: Any) -> Iterator[Any]:
        """What the encoder has ready after a frame."""
        raise NotImplementedError

    def at(self, frame: Any, tick: Fraction) -> int | None:
        """When a frame is due, in ticks from the beginning of the clip; None where it carries no time."""
        return None if frame.pts is None else round((frame.pts * frame.time_base - self.begins) / tick)

    def on(self, at: int | None, step: int) -> int:
        """When a piece is due, in the encoder's ticks: over gaps, jumps back and missing times, time runs on."""
        self._last = at if at is not None and at > self._last else self._last + step
        return self._last


class Sound(Encoded):
    """The sound as AAC."""

    def __init__(self, av: Any, stream: Any, out: Any, begins: Fraction) -> None:
        super().__init__(av, stream, begins)
        rate = stream.rate if stream.rate in SOUND_RATES else 16000 if (stream.rate or 0) < 16000 else 48000
        layout = "mono" if stream.channels == 1 else "stereo"
        self.encoder = out.add_stream("aac", rate=rate)
        self.encoder.layout = layout
        self.encoder.bit_rate = SOUND_BITS * (1 if layout == "mono" else 2)
        self._sample = Fraction(1, rate)
        self._resample = av.AudioResampler(format="fltp", layout=layout, rate=rate, frame_size=SOUND_FRAME)

    def encode(self, frame: Any) -> Iterator[Any]:
        """What the encoder has ready after some sound."""
        # Counted in samples, whatever the container counts in: the resampler keeps what it is given.
        sample = Fraction(1, frame.sample_rate)
        frame.pts = self.at(frame, sample)
        frame.time_base = sample
        yield from self._frames(frame)

    def end(self) -> Iterator[Any]:
        """What the resampler and the encoder have held back."""
        yield from self._frames(None)
        yield from super().end()

    def _frames(self, frame: Any) -> Iterator[Any]:
        for piece in self._resample.resample(frame):
            at = None if piece.pts is None else round(piece.pts * piece.time_base / self._sample)
            piece.pts, piece.time_base = self.on(at, SOUND_FRAME), self._sample
            self.count += 1
            yield from self.encoder.encode(piece)
