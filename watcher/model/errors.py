"""Everything that can go wrong, each with a stable code; `web/http/wire.py` says which HTTP status each one is."""


class WatcherError(Exception):
    """Something went wrong that a person can be told about in one sentence."""

    code = "internal"
    title = "Something went wrong"


class ConfigError(WatcherError):
    """A setting is unknown, of the wrong kind, or not possible."""

    code = "config"
    title = "A setting is wrong"


class StartError(WatcherError):
    """The service cannot start here, and the reason is not in its settings."""

    code = "cannot_start"
    title = "watcher cannot start"


class AlreadyRunningError(StartError):
    """Another process does this already."""

    code = "already_running"


class CatalogError(WatcherError):
    """The catalog cannot be opened, or belongs to a newer watcher."""

    code = "catalog"
    title = "The catalog cannot be used"


class CatalogDamagedError(CatalogError):
    """The catalog is not whole, or its file is not the one that was opened; waiting does not help."""

    code = "catalog_damaged"
    title = "The catalog is damaged"


class BadParameterError(WatcherError):
    """A question was asked with a parameter that is unknown or does not make sense."""

    code = "bad_parameter"
    title = "A parameter is wrong"

    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__(detail)
        self.parameter = parameter


class ClipNotFoundError(WatcherError):
    """No clip has this id or key."""

    code = "clip_not_found"
    title = "No such clip"


class CameraNotFoundError(WatcherError):
    """No camera of this name has left a clip."""

    code = "camera_not_found"
    title = "No such camera"


class HeldError(WatcherError):
    """The clip is held, so nobody may retire it."""

    code = "held"
    title = "The clip is held"


class ChangedError(WatcherError):
    """The clip is no longer what the request was about (If-Match)."""

    code = "changed"
    title = "The clip changed meanwhile"


class StartOverError(WatcherError):
    """The feed of changes cannot go on from there: the catalog is another one, or was restored."""

    code = "start_over"
    title = "Start over"


class BrokenClipError(WatcherError):
    """The file is not a whole, readable clip; the message is the reason that people are shown."""

    code = "broken_clip"
    title = "The clip is broken"


class RowError(BrokenClipError):
    """The catalog cannot hold what was read of a file; the message says what it refuses."""

    code = "not_catalogued"
    title = "The clip cannot be catalogued"


class NotIsoMediaError(BrokenClipError):
    """The bytes are not ISO-BMFF (MP4, MOV); `container` names what they look like, if known."""

    code = "not_iso_media"
    title = "Not an MP4"

    def __init__(self, detail: str, container: str | None = None) -> None:
        super().__init__(detail)
        self.container = container


class KeyNameError(WatcherError):
    """There is no key of this name, or there is one already."""

    code = "key_name"
    title = "The key's name"


class SignInError(WatcherError):
    """Nobody is signed in, or not with what was sent."""

    code = "sign_in"
    title = "Sign in first"


class ForbiddenError(WatcherError):
    """Whoever asks may not do that."""

    code = "forbidden"
    title = "Not allowed"


class CrossSiteError(WatcherError):
    """A page of another site asked the browser to do this."""

    code = "cross_site"
    title = "Not from another site"


class TooManyError(WatcherError):
    """Too many attempts in a short time."""

    code = "too_many"
    title = "Too many attempts"


class UploadError(WatcherError):
    """Something that was sent is not taken; nothing of it is kept."""

    code = "upload"
    title = "The upload is refused"


class TakenError(UploadError):
    """The name belongs to other bytes."""

    code = "taken"
    title = "The name is taken"


class DigestError(UploadError):
    """The bytes that came are not those that were sent."""

    code = "digest_mismatch"
    title = "The digest does not match"


class TooLargeError(UploadError):
    """It is larger than the settings allow."""

    code = "too_large"
    title = "The body is too large"


class QuotaError(UploadError):
    """The camera has sent as much as it may today."""

    code = "quota"
    title = "Enough for today"


class TooManyUploadsError(UploadError):
    """A key has as many uploads on the way as one may have."""

    code = "too_many_uploads"
    title = "Too many uploads at once"


class LengthRequiredError(UploadError):
    """A body without a length may be larger than what can be taken; one with a length might fit."""

    code = "length_required"
    title = "Send the length"


class DiskFullError(UploadError):
    """Taking it would leave too little free on the disk, bytes or inodes."""

    code = "disk_full"
    title = "The disk is full"


class RootAwayError(WatcherError):
    """The video root is not this catalog's: its disk is not mounted, or another one is."""

    code = "root_away"
    title = "The clips' disk is away"


class ReadOnlyError(WatcherError):
    """The disk is mounted read-only."""

    code = "read_only"
    title = "The clips' disk is read-only"


class FolderError(WatcherError):
    """A folder belongs to somebody else, and we may not write into it; the message names both."""

    code = "not_writable"
    title = "The folder cannot be written"


class UploadNotFoundError(UploadError):
    """There is no such upload in flight."""

    code = "upload_not_found"
    title = "No such upload"


class GoneError(UploadError):
    """The upload has expired."""

    code = "upload_expired"
    title = "The upload has expired"


class LockedError(UploadError):
    """Another request is writing this upload."""

    code = "upload_locked"
    title = "The upload is busy"


class OffsetError(UploadError):
    """The bytes do not go on where the upload is."""

    code = "offset_mismatch"
    title = "The offset does not match"


class StoreAwayError(WatcherError):
    """A store cannot be asked, or does not take what it is given; the message names it and says why.

    `store_code` is the code of a store's own refusal, `remedy` what to do about it.
    """

    code = "store_away"
    title = "The store is away"

    def __init__(self, detail: str, *, store_code: str = "", remedy: str = "") -> None:
        super().__init__(detail)
        self.store_code = store_code
        self.remedy = remedy


class MissingError(WatcherError):
    """A store has nothing under a key."""

    code = "not_in_store"
    title = "The store does not have it"


class NotInBinError(WatcherError):
    """A clip is not in the bin, so it cannot be had back."""

    code = "not_in_bin"


class NoProxyError(WatcherError):
    """There can be no proxy of a clip."""

    code = "no_proxy"


class ExportNotFoundError(WatcherError):
    """No export has this id, or it has expired."""

    code = "export_not_found"
    title = "No such export"


class SessionNotFoundError(WatcherError):
    """No session has this id, or it is over."""

    code = "session_not_found"
    title = "No such session"


class ShareNotFoundError(WatcherError):
    """No shared link has this id, or it is over."""

    code = "share_not_found"
    title = "No such link"


class RenderError(WatcherError):
    """A picture could not be made; `fatal` says that the file harmed the decoder (crash, hang, memory)."""

    code = "render"
    title = "No picture could be made"

    def __init__(self, detail: str, *, fatal: bool = False) -> None:
        super().__init__(detail)
        self.fatal = fatal


class NotNowError(Exception):
    """It cannot be done now and is no fault: we are to end, or the disk is nearly full, or nobody wants it."""
