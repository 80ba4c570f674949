"""Which packets of a clip are in a cut of it. Times are seconds, as fractions."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any


def streams_of(source: Any) -> list[Any]:
    """The picture and the sound of a clip, as far as it has them."""
    return [*source.streams.video[:1], *source.streams.audio[:1]]


def key_frame(source: Any, origin: Fraction, moment: Fraction) -> Fraction:
    """When the last picture at or before a moment is shown that needs no other one."""
    streams = streams_of(source)
    if streams[0].type != "video":
        return moment
    latest = Fraction(0)
    for packet in source.demux(streams[0]):
        if packet.is_keyframe and packet.pts is not None:
            at = packet.pts * packet.time_base - origin
            if at > moment:
                break
            latest = max(latest, at)
    source.seek(source.start_time or 0)
    return latest


def packets_between(
    source: Any, origin: Fraction, begin: Fraction, until: Fraction
) -> Iterator[tuple[Fraction, list[Any]]]:
    """The packets of a time, each with its moment and behind those that it needs although they are shown later.

    A clip from its very beginning has all that is shown before it, too.
    """
    late: list[Any] = []  # pictures after the end, which earlier ones that follow may need
    going = False
    for packet in source.demux(streams_of(source)):
        if packet.dts is None:
            continue
        if packet.pts is None:
            packet.pts = packet.dts
        at = packet.pts * packet.time_base - origin
        if packet.stream.type != "video":
            if begin <= at < until or begin == 0 > at:
                yield at, [packet]
            continue
        going = going or at >= begin
        if not going or (at < begin and begin > 0):
            continue
        if at < until:
            yield at, [*late, packet]
            late = []
        elif packet.dts * packet.time_base - origin < until:
            late.append(packet)
