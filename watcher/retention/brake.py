"""The brake: how much may go in a day beyond what passing time and incoming bytes make due.

A lowered setting, a corrected clock, a collection that was moved in, a jump of the host's clock: each can make a
rule mean far more clips than anybody thought. Where that is more than a share of a camera's clips, and more than a
few, in a day, none of it goes until a person says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from watcher.catalog import Catalog
from watcher.catalog.retention_state import QUARTER_MS
from watcher.model.doubt import DAY_MS
from watcher.model.retention_state import Remembered

FEW = 20  # clips of a camera that may always go in a day


class Brake:
    """How many clips one plan may take."""

    def __init__(self, catalog: Catalog, remembered: Remembered, max_share: float, *, allowed: bool) -> None:
        """`allowed`: a person has said so."""
        self._catalog = catalog
        self._max_share = max_share
        self._allowed = allowed
        self._day_ago_ms = remembered.believed_ms - DAY_MS
        self._since_ms = max(min(self._day_ago_ms, remembered.swept_ms), remembered.changed_ms)
        self._more: dict[str, int] = {}  # clips that this plan takes
        self._due: dict[str, int] = {}  # bytes

    def may(self, camera: str, clips: int) -> bool:
        """Whether so many clips more of a camera may go, beside those that this plan takes already."""
        if self._allowed:
            return True
        before = self._went_in_a_day.get(camera, 0)
        total = before + self._more.get(camera, 0) + clips
        return total <= FEW or total <= self._max_share * (self._cameras.get(camera, (0, 0))[0] + before)

    def lets_go(self, clips: Mapping[str, int]) -> bool:
        """Whether so many clips more of some cameras may go; if so, they count from now on."""
        if not all(self.may(camera, count) for camera, count in clips.items()):
            return False
        for camera, count in clips.items():
            self._more[camera] = self._more.get(camera, 0) + count
        return True

    def due_bytes(self, camera: str | None) -> int:
        """What has come in lately, of a camera or of all, and has not been made room for yet."""
        live, gone = self._live, self._due_went
        if camera is not None:
            return max(0, live.get(camera, 0) - gone.get(camera, 0) - self._due.get(camera, 0))
        return max(0, sum(live.values()) - sum(gone.values()) - sum(self._due.values()))

    def took_due(self, camera: str, size_bytes: int) -> None:
        """Note that so many bytes make room for what came in."""
        self._due[camera] = self._due.get(camera, 0) + size_bytes

    @property
    def bytes_of_cameras(self) -> dict[str, int]:
        """The bytes of each camera."""
        return {camera: size for camera, (_, size) in self._cameras.items()}

    @property
    def clips_of_all(self) -> int:
        """The number of all clips."""
        return sum(clips for clips, _ in self._cameras.values())

    @cached_property
    def _cameras(self) -> dict[str, tuple[int, int]]:
        return self._catalog.expiry.kept_sums()

    @cached_property
    def _went_in_a_day(self) -> dict[str, int]:
        return {
            camera: losses.more_clips for camera, losses in self._catalog.retention.went(self._day_ago_ms).items()
        }

    @cached_property
    def _due_went(self) -> dict[str, int]:
        return {camera: losses.due_bytes for camera, losses in self._catalog.retention.went(self._since_ms).items()}

    @cached_property
    def _live(self) -> dict[str, int]:
        return self._catalog.expiry.live_bytes(self._since_ms // QUARTER_MS * QUARTER_MS)
