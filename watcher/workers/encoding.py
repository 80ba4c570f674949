"""What the processes that write films have in common: their files, and tracks that are encoded anew.

PyAV lives in the workers, which hand it in.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import IO, Any

REPORT_SECONDS = 1.0  # between two words of progress
SOUND_RATES = {16000, 22050, 24000, 32000, 44100, 48000}  # Hz, that every browser's AAC decoder takes
SOUND_FRAME = 1024  # samples that AAC takes at a time
SOUND_BITS = 64000  # a second, each channel


class _Again:
    """A file that is being written, read beside that: an index that goes to the front needs it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._descriptor = file.fileno()
        self._at = 0

    def read(self, size: int) -> bytes:
        """The next bytes."""
        data = os.pread(self._descriptor, size, self._at)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go on from elsewhere."""
        end = os.fstat(self._descriptor).st_size if whence == os.SEEK_END else 0
        self._at = offset + (self._at if whence == os.SEEK_CUR else end)
        return self._at

    def tell(self) -> int:
        """Where the next bytes come from."""
        return self._at

    def close(self) -> None:
        """The file is closed by whoever writes it."""


def film(av: Any, file: IO[bytes], *, fast: bool) -> Any:
    """An MP4 to be written into an empty file; `fast`: with its index in front, for which it is written twice."""
    options = {"movflags": "+faststart"} if fast else {}
    return av.open(file, "w", format="mp4", options=options, buffer_size=1 << 20, io_open=lambda *_: _Again(file))


class Progress:
    """Tells which share of a job is done, at most once a second."""

    def __init__(self, whole: float, tell: Callable[..., None]) -> None:
        self._whole = whole
        self._before = 0.0
        self._tell = tell
        self._reported_at = time.monotonic()

    def at(self, position: float) -> None:
        """So much of the present part is done."""
        if time.monotonic() - self._reported_at > REPORT_SECONDS:
            self._reported_at = time.monotonic()
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
