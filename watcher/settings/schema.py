"""Everything that can be set: one table per concern, each default beside its field."""

from __future__ import annotations

from datetime import tzinfo
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from watcher.naming.ignore import CLIP_SUFFIXES, IGNORED_NAMES, Ignoring
from watcher.naming.presets import Camera, Folder, Preset
from watcher.naming.reader import Naming
from watcher.settings.labels import Labels
from watcher.settings.place import host_zone
from watcher.settings.stores import StoreTable, Tiering


class Site(msgspec.Struct, frozen=True):
    """Where and when the cameras are."""

    # IANA zone in which names are read and days are cut; "" is the host's zone.
    timezone: str = ""
    # Where the site is, degrees north and east, such as "52.52, 13.40": tells day from night; "": by the picture.
    location: str = ""
    # The address that people use, such as "https://example.net/cams"; makes URLs in answers absolute.
    public_url: str = ""
    # Origins whose pages may ask the API, such as "https://home.example.net"; with a key of their own.
    allowed_origins: tuple[str, ...] = ()
    # Addresses or networks of proxies whose word is believed (X-Forwarded-For, -Proto, -Host, -Prefix).
    trusted_proxies: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """The public address without its path; "" where none is set."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""

    @property
    def path(self) -> str:
        """The path of the public address, without a slash at its end; "" for none."""
        return urlsplit(self.public_url).path.rstrip("/")


class Video(msgspec.Struct, frozen=True):
    """The folder that cameras write into."""

    # Quiet that a file needs before it is listed, where its close cannot be seen.
    settle_seconds: Annotated[float, Meta(ge=0.05, le=3600)] = 2.0
    # "native" (inotify), "poll" (scan again and again), or "auto": native if a test file is noticed and the
    # folder is not on a network file system.
    watch: Literal["auto", "native", "poll"] = "auto"
    # Pause between two scans where events do not arrive.
    poll_seconds: Annotated[float, Meta(ge=0.1, le=86400)] = 5.0
    # Files with these are clips, broken ones if their bytes are something else; of others the bytes decide.
    suffixes: tuple[str, ...] = CLIP_SUFFIXES
    # Names of files and folders that are passed over; * stands for anything.
    ignore: tuple[str, ...] = IGNORED_NAMES


class NamingTable(msgspec.Struct, frozen=True):
    """How cameras name their files; guide/naming.md explains the three kinds of tables."""

    # Your own ways of naming, tried before those that come with watcher.
    presets: tuple[Preset, ...] = ()
    # What holds for everything below a folder: preset, zone, camera, clock correction.
    folders: tuple[Folder, ...] = ()
    # What holds for one camera.
    cameras: tuple[Camera, ...] = ()


class CatalogTable(msgspec.Struct, frozen=True):
    """Where the catalog is."""

    # "" is SQLite in the data folder; else sqlite:///… or postgresql+psycopg://user:password@host/name.
    url: str = ""
    # Goes into the url, so that it can come from a file: WATCHER_CATALOG__PASSWORD_FILE.
    password: str = ""


class Scan(msgspec.Struct, frozen=True):
    """The comparison of the catalog with the disk."""

    # Pause between two scans while events arrive.
    interval_seconds: Annotated[float, Meta(ge=1, le=30 * 86400)] = 3600.0
    # A scan that would mark a larger share of all clips missing at once stops and asks.
    max_missing_share: Annotated[float, Meta(ge=0, le=1)] = 0.2


class Ingest(msgspec.Struct, frozen=True):
    """The process that adopts clips."""

    # Several of them share the data folder and the catalog: one adopts clips, all make pictures, and another one
    # takes its place when it ends.
    shared: bool = False
    # Whether clips lie on this node's disk; a node without them answers, and plays what lies in buckets, while
    # another node's ingester adopts.
    here: bool = True


class Render(msgspec.Struct, frozen=True):
    """Posters and sprites."""

    # Processes that make pictures, at the lowest priority; 0 makes none.
    workers: Annotated[int, Meta(ge=0, le=64)] = 2
    # A decoder that takes longer on one clip is ended.
    timeout_seconds: Annotated[float, Meta(ge=1, le=3600)] = 30.0
    # A few frames of each clip in one picture, to skim it by; made when all posters are, of some 40 kB each.
    sprites: bool = True


class Proxy(msgspec.Struct, frozen=True):
    """Copies that every browser plays, of clips that some cannot."""

    # "asked": of clips that somebody wants to watch; "ahead": of each new one that needs it, too; or "off".
    make: Literal["off", "asked", "ahead"] = "asked"
    # Pixels; of larger pictures, where they have to be encoded anew.
    height: Annotated[int, Meta(ge=96, le=4320)] = 720
    # Processors that making one keeps busy, at the lowest priority; one is made at a time.
    threads: Annotated[int, Meta(ge=1, le=64)] = 1
    # Of all of them together: those made longest ago go.
    max_bytes: Annotated[int, Meta(ge=0, le=1 << 60)] = 10 << 30
    # Older ones go, and are made again when they are asked for.
    max_age_days: Annotated[float, Meta(ge=0, le=36500)] = 7.0


EXPORT_DAYS_MOST = 365


class Export(msgspec.Struct, frozen=True):
    """Films of a time, joined from clips."""

    # For so long they can be fetched.
    keep_days: Annotated[float, Meta(gt=0, le=EXPORT_DAYS_MOST)] = 7.0
    # Of all of them together: more is not taken on.
    max_bytes: Annotated[int, Meta(ge=1, le=1 << 60)] = 50 << 30


class Upload(msgspec.Struct, frozen=True):
    """What cameras send over HTTP."""

    # A clip that is larger is refused, before a byte of it is taken where its length is known.
    max_bytes: Annotated[int, Meta(ge=1 << 20, le=1 << 50)] = 4 << 30
    # What one camera may send in a day, by the site's clock; 0 is without limit.
    max_bytes_per_day: Annotated[int, Meta(ge=0, le=1 << 50)] = 0
    # Nothing is taken that would leave less than this free on the disk.
    min_free_bytes: Annotated[int, Meta(ge=0, le=1 << 50)] = 512 << 20
    # After so long without a byte, what has come of an upload is removed.
    expire_hours: Annotated[float, Meta(ge=0.001, le=24 * 365)] = 24.0
    # After so long it is removed although bytes still come.
    longest_hours: Annotated[float, Meta(ge=0.001, le=24 * 365)] = 168.0
    # Promised to a body that tells no length (chunked), which may not be larger.
    chunked_bytes: Annotated[int, Meta(ge=1 << 20, le=1 << 50)] = 256 << 20
    # Requests of one key, or of one address where nobody has a key, that send at once.
    max_parallel: Annotated[int, Meta(ge=1, le=10_000)] = 32
    # Uploads of one key that are begun and not finished, by tus or FTP.
    max_unfinished: Annotated[int, Meta(ge=1, le=10_000)] = 100


class UnitTable(msgspec.Struct, frozen=True):
    """The processes that `watcher up` runs."""

    # Whom all of them become where it is started as root; "": the data folder's owner.
    user: str = ""


class Tls(msgspec.Struct, frozen=True):
    """HTTPS by watcher's own nginx; or leave it to a proxy, see `site.trusted_proxies`."""

    # Files in PEM; the certificate with those that lead to a root. Both or neither.
    certificate: str = ""
    key: str = ""
    # Where plain HTTP is answered with a redirect, such as "0.0.0.0:80"; "" for nowhere.
    redirect_from: str = ""
    # For how long browsers are to insist on HTTPS; 0 does not ask them to.
    hsts_seconds: Annotated[int, Meta(ge=0, le=10 * 365 * 86400)] = 0


class Ftp(msgspec.Struct, frozen=True):
    """An FTP door for cameras that can do nothing else; who logs in brings an upload key."""

    # HOST:PORT, such as "0.0.0.0:2121"; "" is off.
    listen: str = ""
    # Of data connections, such as "50000-50010", where a firewall or a container has to know them.
    passive_ports: str = ""
    # What cameras are told to connect to, where that is not the address that they connected to.
    public_address: str = ""
    # Nobody is let in without TLS; needs tls.certificate.
    require_tls: bool = False


class Hook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who is told of each clip that is ready, or that gets a label."""

    # Where it is posted to.
    url: str
    # What deliveries are signed with; "whsec_" and base64, or any text.
    secret: str = ""
    # Only clips of these; none for all.
    cameras: tuple[str, ...] = ()
    # Told of a clip when it gets one of these, and not when it is ready; none for when it is ready.
    labels: tuple[str, ...] = ()


class Webhooks(msgspec.Struct, frozen=True):
    """Who is told of clips over HTTP."""

    # One table for each.
    hooks: tuple[Hook, ...] = ()


BIN_DAYS_MOST = 30  # for which the catalog remembers retired clips


class CameraRetention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long and how much is kept of one camera."""

    camera: str
    # In place of what holds for all; 0: what holds for all.
    max_age_days: Annotated[float, Meta(ge=0, le=36500)] = 0
    # Of this camera's clips together; 0 is without limit.
    max_bytes: Annotated[int, Meta(ge=0, le=1 << 60)] = 0


class Retention(msgspec.Struct, frozen=True):
    """How long and how much is kept; nothing goes until something is set, and held clips never."""

    # Older clips go; 0 keeps them for ever.
    max_age_days: Annotated[float, Meta(ge=0, le=36500)] = 0
    # Clips that have a label may become so old; 0: as others.
    labeled_max_age_days: Annotated[float, Meta(ge=0, le=36500)] = 0
    # Whose labels these are: "people", or "anybody", models too.
    labels_of: Literal["people", "anybody"] = "people"
    # Of all clips together: the oldest go; 0 is without limit.
    max_bytes: Annotated[int, Meta(ge=0, le=1 << 60)] = 0
    # The oldest go while less than this is free on the disk; more than upload.min_free_bytes. 0 is off.
    min_free_bytes: Annotated[int, Meta(ge=0, le=1 << 50)] = 0
    # Files of clips that go can be had back for so long, but no longer than their own age and while there is room;
    # 0: they are gone at once.
    bin_days: Annotated[float, Meta(ge=0, le=BIN_DAYS_MOST)] = 7
    # By age nothing goes before it has been here for so long, or for its own age if that is less, whatever clocks
    # say.
    grace_days: Annotated[float, Meta(ge=0, le=3650)] = 7
    # What is older than this when it comes is spared by max_bytes for grace_days; a camera whose live clips are
    # all so late has a clock that is behind: its clips count from when they came.
    doubt_days: Annotated[float, Meta(ge=2, le=36500)] = 30
    # Beyond what passing time and incoming bytes make due: a larger share of a camera's clips, if more than 20,
    # does not go in a day before `watcher retention allow`.
    max_share: Annotated[float, Meta(ge=0, le=1)] = 0.2
    # One table for each camera that has limits of its own.
    cameras: tuple[CameraRetention, ...] = ()


class CameraSilence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how long one camera may be quiet."""

    camera: str
    after_hours: Annotated[float, Meta(gt=0, le=87600)]


class Silence(msgspec.Struct, frozen=True):
    """When a camera that leaves no clips is called silent."""

    # Hours without a clip; 0: half more than it is usually quiet, as four weeks tell.
    after_hours: Annotated[float, Meta(ge=0, le=87600)] = 0.0
    # One table for each camera that has a limit of its own.
    cameras: tuple[CameraSilence, ...] = ()
    # Cameras that may be quiet for ever.
    ignore: tuple[str, ...] = ()


class CameraLive(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where one camera is seen live."""

    camera: str
    live_url: str


class Live(msgspec.Struct, frozen=True):
    """Live views, which others show: go2rtc, MediaMTX, the camera itself."""

    # One table for each camera that has one.
    cameras: tuple[CameraLive, ...] = ()

    def url_of(self, camera: str) -> str | None:
        """The address of a camera's live view."""
        return next((table.live_url for table in self.cameras if table.camera == camera), None)


class Log(msgspec.Struct, frozen=True):
    """What is said, and how it looks."""

    # "text", "json": a JSON object a line, or "combined": requests as Apache logs them, all else as text.
    format: Literal["text", "json", "combined"] = "text"
    # "debug", "info", "warning" or "error".
    level: Literal["debug", "info", "warning", "error"] = "info"


class Auth(msgspec.Struct, frozen=True):
    """Who may."""

    # "open": everybody who can reach the address; "keys": who has a key, or has signed in with one.
    mode: Literal["open", "keys"] = "open"
    # Written out as true, "open" may listen beyond loopback.
    allow_open_network: bool = False


class Settings(msgspec.Struct, frozen=True):
    """Everything that can be set; each default stands beside its field."""

    site: Site = Site()
    video: Video = Video()
    naming: NamingTable = NamingTable()
    catalog: CatalogTable = CatalogTable()
    scan: Scan = Scan()
    ingest: Ingest = Ingest()
    render: Render = Render()
    proxy: Proxy = Proxy()
    export: Export = Export()
    labels: Labels = Labels()
    upload: Upload = Upload()
    unit: UnitTable = UnitTable()
    tls: Tls = Tls()
    ftp: Ftp = Ftp()
    webhooks: Webhooks = Webhooks()
    retention: Retention = Retention()
    silence: Silence = Silence()
    live: Live = Live()
    stores: tuple[StoreTable, ...] = ()
    tiering: Tiering = Tiering()
    log: Log = Log()
    auth: Auth = Auth()

    @property
    def zone(self) -> tzinfo:
        """The site's time zone."""
        return ZoneInfo(self.site.timezone or host_zone())

    def name_reader(self) -> Naming:
        """The presets and bindings in force. Raises NamingError."""
        return Naming(self.zone, self.naming.presets, self.naming.folders, self.naming.cameras)

    def ignoring(self, naming: Naming) -> Ignoring:
        """Which files are passed over, by their names and by the presets in force."""
        return Ignoring(self.video.ignore, self.video.suffixes, naming.role, judges=naming.judges)
