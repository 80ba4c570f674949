"""Where something that is sent is put: the one rule by which names from outside become keys."""

from __future__ import annotations

from datetime import datetime

from watcher.model.errors import BadParameterError
from watcher.naming.ignore import Ignoring, unusable

SUFFIXES = ("mp4", "m4v", "mov")  # what is accepted from outside: ISO-BMFF, which the boxes reader can verify
SEGMENT_BYTES_MOST = 200  # of one name; file systems take 255, and tools add to names
DEPTH_MOST = 8  # folders below the camera's
CAMERA_MOST = 100  # characters


def camera_name(camera: str, parameter: str = "camera") -> str:
    """A camera's name as one folder's. Raises BadParameterError.

    >>> camera_name("porch")
    'porch'
    """
    _segment(camera, parameter)
    if len(camera) > CAMERA_MOST:
        raise BadParameterError(parameter, f"a camera's name has at most {CAMERA_MOST} characters")
    if camera.casefold() == "watcher":
        raise BadParameterError(parameter, "no camera can be called 'watcher': those addresses are the service's")
    return camera


def key_for(camera: str, name: str, ignoring: Ignoring, parameter: str = "name") -> str:
    """The key of a clip that is sent as this name by this camera. Raises BadParameterError.

    Folders are allowed in the name; everything that would not be listed afterwards is refused here.
    """
    segments = name.split("/")
    if len(segments) > DEPTH_MOST + 1:
        raise BadParameterError(parameter, f"a name has at most {DEPTH_MOST} folders")
    for segment in segments:
        _segment(segment, parameter)
    if segments[-1].rpartition(".")[2].lower() not in SUFFIXES or "." not in segments[-1].lstrip("."):
        raise BadParameterError(parameter, f"{name!r} must end in .{', .'.join(SUFFIXES)}")
    key = f"{camera_name(camera)}/{name}"
    if (why := unusable(key) or ignoring.key(key)) is not None:
        raise BadParameterError(parameter, f"{key!r} would not be listed: {why}")
    return key


def name_for(moment: datetime, number: int = 1) -> str:
    """A name for what comes without one, from its start by the site's clock; the n-th of that moment.

    >>> from datetime import UTC
    >>> name_for(datetime(2026, 11, 21, 7, tzinfo=UTC)), name_for(datetime(2026, 11, 21, 7, tzinfo=UTC), 2)
    ('2026-11-21/070000.mp4', '2026-11-21/070000-2.mp4')
    """
    more = "" if number == 1 else f"-{number}"
    return f"{moment:%Y-%m-%d}/{moment:%H%M%S}{more}.mp4"


def _segment(text: str, parameter: str) -> None:
    """One name between slashes."""
    if not text or text != text.strip() or text.startswith((".", "~")) or text.endswith((".", "~")):
        raise BadParameterError(
            parameter, f"{text!r} is no name: it is empty, or begins or ends with a space, a dot or a ~"
        )
    if not text.isprintable() or any(c in "/\\" for c in text):
        raise BadParameterError(
            parameter, f"{text!r} is no name: it has a slash, or a character that cannot be seen"
        )
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise BadParameterError(parameter, f"{text!r} is not UTF-8") from None
    if length > SEGMENT_BYTES_MOST:
        raise BadParameterError(parameter, f"a name has at most {SEGMENT_BYTES_MOST} bytes between slashes")
