"""Where everything is, below one data folder."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from watcher.model.errors import StartError
from watcher.storage import modes


@dataclass(frozen=True)
class Places:
    """Where everything is, below one data folder."""

    data: Path

    @property
    def video(self) -> Path:
        """The clips."""
        return self.data / "video"

    @property
    def renditions(self) -> Path:
        """Posters."""
        return self.data / "renditions"

    @property
    def labels(self) -> Path:
        """The model that looks at clips, where one was made."""
        return self.data / "labels"

    @property
    def spool(self) -> Path:
        """Uploads in flight."""
        return self.data / "spool"

    @property
    def run(self) -> Path:
        """Sockets, locks, status, the generated nginx main file."""
        return self.data / "run"

    @property
    def status(self) -> Path:
        """What the ingester says of itself."""
        return self.run / "ingester.json"

    @property
    def adopted(self) -> Path:
        """Touched by a command that has made clips of what lies in a store: the ingester makes their pictures."""
        return self.run / "adopted"

    @property
    def sign_in(self) -> Path:
        """The secret of the link of the first sign-in, from the start until it is announced."""
        return self.run / "sign-in"

    def make(self) -> None:
        """Make the folders. Raises StartError if one cannot be made or written."""
        for folder in (self.video, self.renditions, self.spool, self.run):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=folder).close()  # it has no name, so that a kill leaves none
            except OSError as reason:
                raise StartError(f"cannot write into {folder}: {reason.strerror}") from reason
        # Not of clips, and so of their pictures: other programs' users read and write them.
        for folder in (self.spool, self.run):
            modes.narrow(folder)
