"""From an open file to what the catalog says of it: media, duration, playable, or the reason why not."""

from __future__ import annotations

import os
from collections.abc import Generator
from datetime import datetime

import msgspec
from msgspec import UNSET

from watcher.media.boxes import Movie, reading
from watcher.media.entries import RATE_LIMIT
from watcher.media.signatures import begins_like_a_movie
from watcher.media.walk import finished
from watcher.model.clip import AudioTrack, MediaInfo, Playable, VideoTrack
from watcher.model.errors import BrokenClipError, NotIsoMediaError

FPS_LIMIT = 1000.0  # pictures a second that are believed; slow motion of phones has 960
# Containers that PyAV is asked about, in a worker: the boxes reader knows only ISO-BMFF.
_OTHER_CONTAINERS = frozenset({"matroska", "avi", "mpegts", "flv"})
_MP4_SUFFIXES = frozenset({"mp4", "m4v", "mov", "3gp"})
_DEEP = {"6e", "7a", "f4"}  # H.264 in High 10, 4:2:2, 4:4:4: its profile in the string of the codec
_SILENT_AUDIO = {  # picture plays, sound may not
    "ac3": "AC-3",
    "eac3": "E-AC-3",
    "pcm_alaw": "G.711 A-law",
    "pcm_mulaw": "G.711 µ-law",
    "amr_nb": "AMR",
    "amr_wb": "AMR",
    "pcm": "PCM",
    "pcm_s16le": "PCM",
    "pcm_s16be": "PCM",
    "pcm_s24be": "PCM",
}
_HEARD_AUDIO = frozenset({"aac", "mp3", "opus", "flac", "vorbis"})
_NAMES = {  # of sounds that few browsers decode, or none
    "truehd": "Dolby TrueHD",
    "alac": "Apple Lossless",
    "ac4": "AC-4",
    "dts": "DTS",
    "mpegh": "MPEG-H",
    "usac": "xHE-AAC",
    "aac_ld": "AAC-LD",
    "aac_eld": "AAC-ELD",
}


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What one look into a file told; with `error` the clip is broken."""

    whole: bool  # nothing is missing and nothing is expected: an unfinished file is not
    error: str | None = None
    media: MediaInfo | None = None
    duration_seconds: float | None = None
    created_at: datetime | None = None
    needs_decoder: bool = False  # not ISO-BMFF, but something that PyAV may know
    recognised: bool = True  # its first bytes are those of a film, whole or not


def probe(fd: int, size: int, suffix: str) -> Probe:
    """Read an open file's header. Never raises for what the bytes are; OSError passes through."""
    return finished(probing(fd, size, suffix))


def probing(fd: int, size: int, suffix: str) -> Generator[None, None, Probe]:
    """Probe in slices of some milliseconds: whoever reads a long index lets other clips go in between."""
    try:
        movie = yield from reading(fd, size)
    except NotIsoMediaError as reason:
        if reason.container in _OTHER_CONTAINERS and suffix.lower() not in _MP4_SUFFIXES:
            return Probe(whole=True, needs_decoder=True)
        if reason.container == "mpeg":
            return Probe(whole=True, error=str(reason))
        return Probe(whole=False, error=f"not an MP4: {reason}", recognised=reason.container is not None)
    except BrokenClipError as reason:
        return Probe(whole=False, error=str(reason), recognised=begins_like_a_movie(os.pread(fd, 8, 0)))
    return Probe(
        # What ends in something that is no box may still be growing: a recorder reserves space in advance.
        whole=not movie.trailing_bytes,
        media=media_info(movie),
        duration_seconds=movie.duration_seconds,
        created_at=movie.created_at,
    )


def media_info(movie: Movie) -> MediaInfo:
    """What the boxes of a movie say, in the catalog's words."""
    video, audio = movie.track("vide"), movie.track("soun")
    picture = sound = None
    if video is not None and video.entry is not None:
        seconds = movie.length.media_seconds
        fps = round(video.samples / seconds, 3) if seconds else 0.0
        picture = VideoTrack(
            video.entry.codec,
            *video.dimensions(),
            fps if fps <= FPS_LIMIT else 0.0,
            video.rotation,
            mirrored=video.mirrored or UNSET,
            pixel_aspect=video.entry.pixel_aspect or UNSET,
            skips_seconds=movie.length.skips or UNSET,
            waits_seconds=movie.length.waits or UNSET,
        )
    if audio is not None and audio.entry is not None:
        # A rate that the entry cannot hold is the track's own count of ticks (12.2.3.2).
        rate = audio.entry.sample_rate or audio.timing.timescale
        sound = AudioTrack(audio.entry.codec, audio.entry.channels, rate if rate <= RATE_LIMIT else 0)
    return MediaInfo(
        container="mov" if movie.brand == "qt" else "mp4",
        codecs=",".join([track.entry.codec_string for track in (video, audio) if track and track.entry]),
        fragmented=movie.fragmented,
        faststart=movie.faststart,
        video=picture,
        audio=sound,
        trailing_bytes=movie.trailing_bytes or UNSET,
        edited=movie.length.edited or UNSET,
        remarks=movie.length.remarks or UNSET,
    )


def plain(media: MediaInfo) -> tuple[bool, bool]:
    """Whether every browser plays the picture, and the sound, as they are, in an MP4."""
    picture = media.video is None or (media.video.codec == "h264" and not _deep(media))
    return picture, media.audio is None or media.audio.codec in {"aac", "mp3"}


def playable(media: MediaInfo) -> tuple[Playable, str | None]:
    """Whether browsers show this, and what is to be said about it (`guide/playing.md` has the sources)."""
    if media.container not in {"mp4", "mov"}:
        return Playable.NO, f"browsers do not play {media.container} files"
    verdict, reason = _picture(media)
    sound_codec = media.audio.codec if media.audio else "aac"
    if sound_codec in _HEARD_AUDIO or verdict is Playable.NO:
        return verdict, reason
    if sound_codec in _SILENT_AUDIO:
        silent = f"sound ({_SILENT_AUDIO[sound_codec]}) is not played by every browser"
        return (Playable.MAYBE, silent) if media.video is None else (verdict, reason or silent)
    name = _NAMES.get(sound_codec, sound_codec)
    if media.video is None:
        return Playable.NO, f"few browsers decode its sound ({name}), or none"
    silent = f"sound ({name}) is played by few browsers, or none; the picture plays without it"
    return Playable.MAYBE, f"{reason}; {silent}" if reason else silent


def _deep(media: MediaInfo) -> bool:
    """Whether H.264 has more than 8 bits or full colour."""
    return media.codecs[:3] == "avc" and media.codecs[5:7] in _DEEP


def _picture(media: MediaInfo) -> tuple[Playable, str | None]:
    """What is to be said of the picture alone."""
    video = media.video
    if video is None:
        return Playable.YES, "sound only"
    if media.codecs.startswith("dv"):
        return Playable.MAYBE, "Dolby Vision: only where the browser or its hardware decodes it"
    match video.codec:
        case "h264":
            if _deep(media):
                return Playable.MAYBE, "H.264 with more than 8 bits or full colour"
            if media.edited is True:
                return Playable.MAYBE, "its edit list joins several parts, which not every browser follows"
            return Playable.YES, None
        case "hevc":
            return Playable.MAYBE, "H.265: only where the browser or its hardware decodes it"
        case "av1":
            return Playable.MAYBE, "AV1: not in older Safari"
        case "vp9" | "vp8":
            return Playable.MAYBE, f"{video.codec.upper()} in MP4: not in every browser"
    return Playable.NO, f"no browser decodes {video.codec}"
