"""The JSON that goes over the wire, as types: views make them, and the OpenAPI document is derived from them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from watcher.model.camera import Colour
from watcher.model.clip import ClipState, Light, MediaInfo, Playable, TimeQuality, TimeSource

Time = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
Address = Annotated[str, msgspec.Meta(extra_json_schema={"format": "uri-reference"})]


class LabelShape(msgspec.Struct):
    """What somebody says that a clip shows."""

    name: str
    author: str
    confidence: float | None
    at: Time
    at_seconds: float | UnsetType = UNSET  # of the first sight; this and what follows where a model has seen it
    spans: tuple[tuple[float, float], ...] | UnsetType = UNSET  # from when to when it is seen, in seconds
    box: tuple[float, float, float, float] | UnsetType = UNSET  # of the best sight: x, y, width, height, in shares
    model: str | UnsetType = UNSET  # its name and version
    # Each sight of it: its second, and where as `box`.
    boxes: tuple[tuple[float, float, float, float, float], ...] | UnsetType = UNSET


class Links(msgspec.Struct):
    """Where to find it again."""

    self: Address


class SpriteShape(msgspec.Struct):
    """Frames of a clip in one picture, row by row, evenly over its length."""

    url: Address
    frames: int
    columns: int
    tile_width: int
    tile_height: int


class ClipShape(msgspec.Struct):
    """One video file that a camera left."""

    id: int
    key: str
    camera: str
    state: ClipState
    started_at: Time
    ended_at: Time
    local_time: Time
    time_source: TimeSource
    time_quality: TimeQuality
    duration_seconds: float | None
    size_bytes: int
    media: MediaInfo | None
    playable: Playable
    playable_reason: str | None
    error: str | None
    url: Address
    poster_url: Address | None
    sprite: SpriteShape | None
    significant_at: Time | None
    proxy_url: Address | None
    light: Light | None
    labels: list[LabelShape]
    held: bool
    note: str | None
    revision: int
    ingested_at: Time
    links: Links
    store: str  # "local", or the name of the store that it lies in
    missing_since: Time | UnsetType = UNSET
    available: bool | UnsetType = UNSET  # false: its store is away, …
    available_reason: str | UnsetType = UNSET  # … and why


class PageShape(msgspec.Struct):
    """A page of clips, and where the next ones are."""

    clips: list[ClipShape]
    next: Address | None
    prev: Address | None


class NeighboursShape(msgspec.Struct):
    """What was before, after and elsewhere."""

    previous: ClipShape | None
    next: ClipShape | None
    others: list[ClipShape]


class CameraShape(msgspec.Struct):
    """What there is of a camera."""

    camera: str
    clips: int
    size_bytes: int
    duration_seconds: float
    first_started_at: Time | None
    last_started_at: Time | None
    silent_since: Time | None
    silent: bool
    expected_by: Time | None
    name: str | None = None  # that a person gave it; this and what follows as they said
    colour: Colour | None = None
    order: int | None = None
    hidden: bool = False


class CamerasShape(msgspec.Struct):
    """All cameras."""

    cameras: list[CameraShape]


class BucketShape(msgspec.Struct):
    """What one camera left in one bucket."""

    start: Time
    end: Time
    camera: str
    clips: int
    duration_seconds: float


class TimelineShape(msgspec.Struct, rename={"from_": "from"}):
    """How much there is when."""

    bucket: str
    tz: str
    from_: Time
    to: Time
    buckets: list[BucketShape]


class LabelCameraCount(msgspec.Struct):
    """How many clips of a camera have a label."""

    camera: str
    clips: int


class LabelCount(msgspec.Struct):
    """How many clips have a label, and of which cameras they are."""

    name: str
    clips: int
    cameras: list[LabelCameraCount] = []


class LabelsShape(msgspec.Struct):
    """Every label in use."""

    labels: list[LabelCount]


class ReviewShape(msgspec.Struct):
    """Clips to label, in one pair of hands for a while."""

    id: str
    expires_at: Time
    clips: list[ClipShape]
    links: Links


class ProxyShape(msgspec.Struct):
    """How it is with a copy of a clip that every browser plays."""

    state: str
    url: Address | None
    before: int
    error: str | None
    progress: float = 0.0


class ExportFileShape(msgspec.Struct):
    """One film of an export; the address works without a key until the export expires."""

    camera: str
    url: Address
    size_bytes: int
    sha256: str
    started_at: Time
    ended_at: Time
    duration_seconds: float


class ExportShape(msgspec.Struct, rename={"from_": "from"}):
    """Films of a time, and how far they are."""

    id: int
    state: str
    cameras: list[str]
    from_: Time
    to: Time
    cut: str
    clips: int
    source_bytes: int
    progress: float
    author: str
    created_at: Time
    expires_at: Time | None
    files: list[ExportFileShape]
    manifest_url: Address | None
    error: str | None
    links: Links


class ExportsShape(msgspec.Struct):
    """All exports, the newest first."""

    exports: list[ExportShape]


class ChangeShape(msgspec.Struct):
    """A clip as it is now, and the number of its last change."""

    seq: int
    clip: ClipShape


class CameraChangeShape(msgspec.Struct):
    """A camera that fell silent, or left clips again."""

    seq: int
    camera: str
    silent: bool
    silent_since: Time


class CameraSettingsShape(msgspec.Struct):
    """A camera of which a person said something, and what they say of it now."""

    seq: int
    camera: str
    name: str | None
    colour: Colour | None
    order: int | None
    hidden: bool


class ChangesShape(msgspec.Struct):
    """A page of the feed."""

    changes: list[ChangeShape]
    cameras: list[CameraChangeShape]
    next: Address | None
    head: int
    camera_settings: list[CameraSettingsShape] = []


class HeadShape(msgspec.Struct):
    """The number of the last change, and the catalog that it is of."""

    head: int
    catalog: str | None


class StatusShape(msgspec.Struct):
    """Whether all is well."""

    status: str
    checks: dict[str, str] | UnsetType = UNSET
    warnings: dict[str, str] | UnsetType = UNSET  # of what will be wrong


class GoingShape(msgspec.Struct):
    """A clip that a rule of retention would remove now."""

    id: int
    key: str
    camera: str
    started_at: Time
    size_bytes: int
    rule: str
    links: Links
    arrived_at: Time  # when this content was first seen
    counts_by: str  # what the rule goes by: "start" or "arrival"
    doubt: str | None  # why the start does not count


class WaitingShape(msgspec.Struct):
    """Clips that a rule would remove, which is more than is ordinary in a day: they wait for an admin's word."""

    rule: str
    camera: str | None
    clips: int  # about; exact for a rule by age
    size_bytes: int


class PlanShape(msgspec.Struct):
    """What would go now; whether there is more of it; what the disk has free; what waits."""

    clips: list[GoingShape]
    more: bool
    free_bytes: int
    waiting: list[WaitingShape]
    overshoot_bytes: int  # over max_bytes, of clips that were very old when they came and are spared for a while
    allowed_until: Time | None  # what waits may go until then


class ShareShape(msgspec.Struct):
    """A link that works without a key until it expires."""

    url: Address
    expires_at: Time
    id: str = ""  # by which it is ended; "" of a server that does not tell it yet


class SharedShape(msgspec.Struct):
    """What is shared by a link, until when and by whom; the link itself is told only once."""

    id: str
    clip_id: int
    key: str
    camera: str
    author: str
    created_at: Time
    expires_at: Time
    last_view_at: Time | None
    links: Links


class SharesShape(msgspec.Struct):
    """The links that go on, the newest first."""

    shares: list[SharedShape]


class SessionShape(msgspec.Struct):
    """A browser that has signed in, and by which key."""

    id: str
    key: str
    current: bool  # whether it is the one that asks
    created_at: Time | None
    last_used_at: Time | None
    expires_at: Time
    address: str | None
    agent: str | None
    links: Links


class SessionsShape(msgspec.Struct):
    """The sessions that go on; who was here last comes first."""

    sessions: list[SessionShape]


class ProblemShape(msgspec.Struct, rename={"type_": "type"}):
    """An error, RFC 9457."""

    type_: str
    title: str
    status: int
    code: str
    detail: str | UnsetType = UNSET
    parameter: str | UnsetType = UNSET


def as_media(raw: Any) -> MediaInfo | None:
    """A MediaInfo that is JSON already, which the encoder passes on without looking into it."""
    return raw  # type: ignore[no-any-return]
