"""When a file that is being written may be taken for whole.

Three things can be known of a file: whether anybody has it open for writing (the kernel says, on local
file systems), for how long it has looked the same, and whether its boxes are complete. None is enough
alone: a fragmented file is complete after every fragment, a pre-allocated one keeps its size while data
still comes, and a network mount hides its writers.
"""

import enum
import fcntl


class Writer(enum.Enum):
    """Whether somebody has the file open for writing."""

    OPEN = "open"
    NONE = "none"
    UNKNOWN = "unknown"  # a network mount, a foreign owner, an old kernel


INCOMPLETE_PATIENCE = 5  # times the settle time, for a file that is not whole and whose writer is not seen


def quiet_needed(*, writer: Writer, whole: bool, settle_seconds: float) -> float | None:
    """Seconds that a file must have looked the same before it is ingested; None: not while it is like this.

    A whole file that nobody writes is taken at once. One that is not whole waits for the settle time even
    when it is closed, since some cameras open, append and close for every few frames. Where writers cannot
    be seen, quiet is all there is; a file that is not whole then has to be quiet for longer.
    """
    if writer is Writer.OPEN:
        return None
    if writer is Writer.NONE:
        return 0.0 if whole else settle_seconds
    return settle_seconds if whole else settle_seconds * INCOMPLETE_PATIENCE


def quiet(seen_seconds: float, age_seconds: float, settle_seconds: float) -> float:
    """For how many seconds a file has looked as it does, as far as we saw or its own time tells.

    Its time is believed only when it is long ago: clocks differ between machines by less than that.
    """
    return max(seen_seconds, age_seconds) if age_seconds > 10 * settle_seconds + 60 else seen_seconds


def writer(fd: int) -> Writer:
    """Whether anybody has the file open for writing, asked of the kernel.

    A read lease is granted only while nobody does (fcntl(2), F_SETLEASE), which costs 2 µs and needs no event.
    It needs the file's owner or CAP_LEASE, and a file system that knows all its writers: elsewhere, UNKNOWN.
    """
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return Writer.OPEN
    except OSError:
        return Writer.UNKNOWN
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return Writer.NONE
