"""A question as what answers it sees it, whoever carries it: Flask, or the fast path before Flask."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from werkzeug.datastructures import MultiDict

from watcher.catalog import Catalog
from watcher.model import serialize
from watcher.model.access import ANYBODY, Principal, hashed
from watcher.model.clip import Clip, ClipFilter
from watcher.model.errors import ClipNotFoundError
from watcher.model.fields import Fields, pick
from watcher.model.schemas import ClipShape
from watcher.web.http.cookies import browser_of
from watcher.web.http.query import read_filter
from watcher.web.http.state import State

NOWHERE = ("",)  # no camera is called so


class ApiRequest(NamedTuple):
    """A question, and who asks it."""

    state: State
    principal: Principal
    args: MultiDict[str, str]  # the question's parameters
    mount: str  # where the application is on its host, such as /watcher
    question: str  # path below that, and query
    cookie: str = ""  # header

    @property
    def catalog(self) -> Catalog:
        """The catalog that is asked."""
        return self.state.services.catalog

    def head(self) -> int:
        """The seq of the last change that whoever asks may know of. Raises CatalogError."""
        return self.state.heads.head(self.catalog, self.principal.cameras)

    def address(self, path: str) -> str:
        """Where a path of the application is for whoever asks."""
        return f"{self.state.base}{self.mount}{path}"

    def tag(self, of: str) -> str:
        """An entity tag for an answer that is made of this; another one where settings, version or scope differ."""
        scope = self.principal.cameras
        text = f"{self.state.mark} {of}" if scope is None else f"{self.state.mark} {scope} {of}"
        return hashlib.blake2b(text.encode(), digest_size=9).hexdigest()

    def listed_tag(self, head: int) -> str:
        """The tag of an answer to this question by the catalog as it was at a change."""
        return self.tag(f"{head} {self.question}")

    def filter(self) -> ClipFilter:
        """Which clips are asked for. Raises BadParameterError."""
        return self.scoped(read_filter(self.args))

    def scoped(self, clip_filter: ClipFilter) -> ClipFilter:
        """The part of a question that is about cameras that exist for whoever asks."""
        mine = self.principal.cameras
        if clip_filter.seen is not None:
            clip_filter = msgspec.structs.replace(clip_filter, person=self.person)
        if mine is None:
            return clip_filter
        cameras = tuple(camera for camera in clip_filter.cameras or mine if camera in mine)
        return msgspec.structs.replace(clip_filter, cameras=cameras or NOWHERE)

    def visible(self, clip: Clip) -> Clip:
        """The clip, if its camera exists for whoever asks. Raises ClipNotFoundError."""
        if not self.principal.sees(clip.camera):
            raise ClipNotFoundError(f"there is no clip {clip.id}")
        return clip

    @property
    def person(self) -> str:
        """Whose answer it is, where it depends on what somebody has seen: of a key, or of a browser without one."""
        if self.principal is not ANYBODY:
            return self.principal.person
        browser = browser_of(self.cookie)
        return f"browser:{hashed(browser)[:32]}" if browser else "anybody"

    def own(self, answer: Answer) -> Answer:
        """An answer to somebody who asks what they have seen: nobody else's, and never kept for others."""
        if "seen" not in self.args:
            return answer
        person = self.person
        tag = self.tag(f"{answer.tag} {person} {self.catalog.seen.mark(person).version}")
        return answer._replace(head=None, tag=tag, by_tag=False, private=True)

    def bodies(self, clips: Sequence[Clip]) -> list[ClipShape]:
        """Clips as the contract shows them."""
        at = self.state
        return serialize.clip_bodies(clips, base=at.base, mount=self.mount, zone=at.zone, away=at.away(clips))

    def picked(self, clips: Sequence[Clip], fields: Fields | None) -> list[Any]:
        """Clips as the contract shows them, or only some of their fields."""
        bodies = self.bodies(clips)
        return bodies if fields is None else pick(bodies, fields)


def clip_tag(api_request: ApiRequest, clip_id: int, revision: int) -> str:
    """The tag of a clip at a revision, which stands at its end."""
    return f"{api_request.tag(f'clip {clip_id} {revision}')}-{revision}"


class Answer(NamedTuple):
    """What an answer holds for, and how to make it."""

    head: int | None  # the catalog's last change, asked for before anything else was; None: not to be kept
    tag: str
    make: Callable[[], Body]
    private: bool = False  # it is for one person alone: no cache between may keep it
    by_tag: bool = False  # other questions have this answer too, and this one others later: kept by the tag alone


class Body(NamedTuple):
    """The content of an answer."""

    body: Any  # of `shapes`
    link: str = ""  # RFC 8288
