"""The words of the catalog as frozen values: Clip, MediaInfo, Fingerprint, ClipFilter, Page."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType

from watcher.model.camera import UNSAID, CameraSettings

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MODELS, PEOPLE = "models", "people"  # whoever asks for the authors of labels may mean all of these
SIGHT_DIGITS = 8  # of milliseconds at least, in the name of a poster that is a sight: a camera's picture has seven
MODEL = "model:"  # before the name and version of a model that is a label's author
EARLIEST = datetime(2005, 1, 1, tzinfo=UTC)  # before this a camera's clock was simply not set


class ClipState(StrEnum):
    """Where a clip is in its life."""

    NEW = "new"  # known, not yet probed
    READY = "ready"
    BROKEN = "broken"  # `error` says why; the file is kept, listed and served
    MISSING = "missing"  # gone from disk; everything known of it is kept
    RETIRED = "retired"


LISTED_STATES = (ClipState.READY, ClipState.BROKEN)  # what a list shows unless it is asked for others


class TimeSource(StrEnum):
    """Where a clip's start time was read."""

    NAME = "name"
    CONTAINER = "container"
    MTIME = "mtime"
    UPLOAD = "upload"
    CORRECTED = "corrected"  # a person said so


class TimeQuality(StrEnum):
    """How sure a clip's start is."""

    SURE = "sure"  # what was read has one meaning
    RESOLVED = "resolved"  # it had two, at a change of summer time, and the file's own time chose
    GUESSED = "guessed"  # nothing chose between the two, or the start was not in the name at all


class Playable(StrEnum):
    """Whether browsers can show a clip."""

    YES = "yes"
    MAYBE = "maybe"
    NO = "no"


class Light(StrEnum):
    """Whether it was day: by the sun at the site, or by the picture."""

    DAY = "day"
    TWILIGHT = "twilight"
    NIGHT = "night"


class Fingerprint(msgspec.Struct, frozen=True):
    """How a file looks without being opened; another fingerprint under the same key is another content."""

    size_bytes: int
    mtime_ns: int  # nanoseconds since 1970, as the file system tells


class VideoTrack(msgspec.Struct, frozen=True, omit_defaults=False):
    """The first picture track."""

    codec: str
    width: int  # pixels, as coded; 0 where the file does not say
    height: int
    fps: float  # samples ÷ duration: cameras vary their rate; 0 where that cannot be
    rotation: int = 0  # degrees clockwise: 0, 90, 180 or 270
    mirrored: bool | UnsetType = UNSET  # true: left and right are exchanged before it is turned
    pixel_aspect: tuple[int, int] | UnsetType = UNSET  # width and height of a pixel where it is no square
    skips_seconds: float | UnsetType = UNSET  # of its pictures, that are not shown at the beginning (edit list)
    waits_seconds: float | UnsetType = UNSET  # before its first picture (edit list)


class AudioTrack(msgspec.Struct, frozen=True):
    """The first sound track."""

    codec: str
    channels: int  # 0 where the file does not say
    sample_rate: int  # Hz; 0 where the file does not say


class MediaInfo(msgspec.Struct, frozen=True):
    """What the probe read from the file."""

    container: str
    codecs: str  # RFC 6381, picture first, without spaces
    fragmented: bool
    faststart: bool
    video: VideoTrack | None = None
    audio: AudioTrack | None = None
    trailing_bytes: int | UnsetType = UNSET  # behind the film, such as reserved zeros or a maker's own data
    edited: bool | UnsetType = UNSET  # true: its edit list is more than a beginning
    remarks: list[str] | UnsetType = UNSET  # what it says that cannot be


class Sprite(msgspec.Struct, frozen=True, array_like=True):
    """Some frames of a clip, evenly over its length, row by row in one picture."""

    name: str  # path below the renditions folder
    frames: int
    columns: int
    tile_width: int  # pixels
    tile_height: int
    significant_ms: int | None = None  # from the clip's beginning, of the frame that tells most
    light: Light | None = None  # by the look of it


def sight_ms(poster: str | None) -> int | None:
    """How far into its clip the best sight is that a poster shows, by its name; None where it shows another frame.

    >>> sight_ms("0/1-0123.b00003400.webp"), sight_ms("0/1-0123.b1234567.webp"), sight_ms(None)
    (3400, None, None)
    """
    at = "" if poster is None else poster.removesuffix(".webp").rpartition(".b")[2]
    return int(at) if len(at) >= SIGHT_DIGITS and at.isdecimal() else None


class Sight(msgspec.Struct, frozen=True, array_like=True):
    """When and where a model sees what a label names."""

    at_seconds: float  # first, from the clip's beginning
    spans: tuple[tuple[float, float], ...]  # from when to when, in seconds
    box: tuple[float, float, float, float]  # of the best sight: x, y, width, height in shares of the picture
    model: str  # name and version
    # Where it is on each picture that was looked at: seconds, and as `box`; none of an earlier version.
    boxes: tuple[tuple[float, float, float, float, float], ...] = ()


class Label(msgspec.Struct, frozen=True, array_like=True):
    """What somebody says that a clip shows."""

    name: str
    author: str
    confidence: float | None  # 0 to 1, of a model
    at_ms: int  # when it was said, milliseconds since 1970
    sight: Sight | None = None

    @property
    def by_model(self) -> bool:
        """Whether it is a model's word, which gives way to a person's."""
        return self.author.startswith(MODEL)


class Clip(msgspec.Struct, frozen=True, kw_only=True):
    """One video file that a camera left under the video root."""

    id: int
    key: str  # path below the video root, with forward slashes
    camera: str
    state: ClipState
    started_ms: int  # milliseconds since 1970, as all that ends in _ms
    ended_ms: int
    offset_seconds: int | None  # of the camera's clock, east of UTC; None for what older versions catalogued
    time_source: TimeSource
    time_quality: TimeQuality
    duration_seconds: float | None
    size_bytes: int
    media: msgspec.Raw | None  # a MediaInfo as JSON: lists pass it on without reading it
    playable: Playable | None
    playable_reason: str | None
    error: str | None
    poster: str | None  # path below the renditions folder
    sprite: Sprite | None
    proxy: str | None  # path below the renditions folder
    light: Light | None  # by the sun where the site is known, else by the picture
    revision: int
    ingested_ms: int
    missing_ms: int | None  # since when the file is gone
    held: bool  # it is never retired
    note: str | None  # a person's words
    labels: tuple[Label, ...] | None
    store: str | None = None  # where it lies; None: in the video root

    @property
    def started_at(self) -> datetime:
        """When it begins, in UTC."""
        return moment(self.started_ms)

    @property
    def ended_at(self) -> datetime:
        """When it ends, in UTC."""
        return moment(self.ended_ms)

    @property
    def missing_since(self) -> datetime | None:
        """Since when the file is gone."""
        return None if self.missing_ms is None else moment(self.missing_ms)

    @property
    def significant_ms(self) -> int | None:
        """How far into it the frame is that tells most: a model's best sight, else as its sprite has it."""
        at = sight_ms(self.poster)
        return at if at is not None or self.sprite is None else self.sprite.significant_ms

    @property
    def media_info(self) -> MediaInfo | None:
        """The probe's result, decoded."""
        return None if self.media is None else msgspec.json.decode(self.media, type=MediaInfo)


class ClipFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which clips a question is about; empty tuples and None mean no restriction."""

    cameras: tuple[str, ...] = ()
    states: tuple[ClipState, ...] = LISTED_STATES
    from_at: datetime | None = None  # clips that end after this …
    to_at: datetime | None = None  # … and start before that: half-open [from, to)
    labels: tuple[str, ...] = ()  # any of these
    not_labels: tuple[str, ...] = ()  # none of these
    min_confidence: float | None = None  # that a model has; a person's label counts, whatever is asked
    author: str | None = None  # of one of the labels: its name, or MODELS, or PEOPLE
    labeled: bool | None = None
    held: bool | None = None
    playable: tuple[Playable, ...] = ()
    light: tuple[Light, ...] = ()
    min_seconds: float | None = None
    max_seconds: float | None = None
    seen: bool | None = None  # by `person`
    person: str = ""
    words: tuple[str, ...] = ()  # all of these, as `catalog.words` divides and folds them


class Position(msgspec.Struct, frozen=True):
    """A place in the order of clips: just beside the clip with this start and id."""

    started_ms: int  # milliseconds since 1970
    id: int


class Page(msgspec.Struct, frozen=True):
    """A run of clips in order; the flags say whether there are more on either side."""

    clips: list[Clip]
    more_after: bool
    more_before: bool


class CameraSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalog holds of one camera."""

    camera: str
    clips: int
    size_bytes: int
    duration_seconds: float
    first_started_at: datetime | None
    last_started_at: datetime | None
    silent_since: datetime | None  # when its last clip ended
    silent: bool  # it should have left another one since
    expected_by: datetime | None  # when it should; None where that is not known
    last_broken: bool  # nobody can play its last clip
    settings: CameraSettings = UNSAID


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware moment, rounded down.

    >>> milliseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000
    """
    delta = moment - EPOCH
    return (delta.days * 86400 + delta.seconds) * 1000 + delta.microseconds // 1000


def moment(milliseconds_since_1970: int) -> datetime:
    """The aware UTC moment of a number of milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds_since_1970 / 1000, UTC)
