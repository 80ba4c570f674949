"""What can be set of stores, and of which clips go there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

LOCAL = "local"  # what a clip's `store` says that lies in the video root

_HOST = r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]"  # and nothing that means something in nginx's files
Days = Annotated[float, Meta(ge=0, le=36500)]
Bytes = Annotated[int, Meta(ge=0, le=1 << 60)]


class StoreTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where clips can lie that are not on the local disk; guide/stores.md."""

    # Of letters, digits, - and _; it stands in the catalog, so it stays.
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}\Z")]
    # "disk": a folder; "s3": a bucket.
    kind: Literal["disk", "s3"]
    # Of a disk: its folder, not on the disk of the clips.
    path: str = ""
    # Of s3: such as "https://s3.example.net"; and what it asks for.
    endpoint: str = ""
    bucket: str = ""
    region: str = ""
    # What stands before each key in the bucket.
    prefix: str = ""
    # Files that hold the key and its secret.
    access_key_file: str = ""
    secret_key_file: str = ""


class CameraTier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When one camera's clips go to the store."""

    camera: str
    # In place of what holds for all; 0: what holds for all.
    after_days: Days = 0
    # Of this camera's clips together; 0 is without limit.
    keep_local_bytes: Bytes = 0


class LabelTier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When clips that have a label go to the store, whatever their camera's rule says."""

    label: str
    after_days: Annotated[float, Meta(gt=0, le=36500)]


class Tiering(msgspec.Struct, frozen=True):
    """Which clips go to a store, and when; nothing goes until something is set."""

    # Older clips go; 0 is never.
    after_days: Days = 0
    # Of all local clips together: the oldest go; 0 is without limit.
    keep_local_bytes: Bytes = 0
    # Where they go; "": the first of the stores.
    store: str = ""
    # Clips that are kept stay on the local disk.
    keep_kept: bool = False
    # What moving may read and write a second; 0 is without limit.
    max_bytes_per_second: Annotated[int, Meta(ge=0, le=1 << 40)] = 0
    # What copies of clips that are played from a bucket may take on the local disk; 0: none is made to be played.
    cache_bytes: Bytes = 0
    # One table for each camera that has a rule of its own.
    cameras: tuple[CameraTier, ...] = ()
    # One table for each label that has one.
    labels: tuple[LabelTier, ...] = ()

    @property
    def any(self) -> bool:
        """Whether anything is to go."""
        own = any(camera.after_days or camera.keep_local_bytes for camera in self.cameras)
        return bool(self.after_days or self.keep_local_bytes or self.labels or own)


def problems(stores: tuple[StoreTable, ...], tiering: Tiering) -> Iterator[tuple[str, str]]:
    """Values of the right kind that make no sense: the name of a setting, and what is wrong with it."""
    for store in stores:
        for name, why in _of_store(store):
            yield f"stores.{name}", f"{store.name}: {why}"
    names = [store.name.lower() for store in stores]
    if len(set(names)) < len(names):
        yield "stores.name", "two stores have the same name"
    if tiering.store and tiering.store not in {store.name for store in stores}:
        yield "tiering.store", f"there is no store called {tiering.store!r}"
    if tiering.any and not stores:
        yield "tiering.after_days", "clips can only go where there is a store: add a table [[stores]]"
    for what, text in (
        ("cameras", [c.camera for c in tiering.cameras]),
        ("labels", [n.label for n in tiering.labels]),
    ):
        if len(set(text)) < len(text):
            yield f"tiering.{what}", "two tables are about the same one"


def _of_store(store: StoreTable) -> Iterator[tuple[str, str]]:
    if store.name.lower() == LOCAL:
        yield "name", f'"{LOCAL}" is what the clips\' own disk is called'
    of_s3 = ("endpoint", "bucket", "region", "prefix", "access_key_file", "secret_key_file")
    others = ("path",) if store.kind == "s3" else of_s3
    for name in others:
        if getattr(store, name):
            yield name, f'a store of kind = "{store.kind}" has no {name}'
    if store.kind == "disk":
        if not store.path.startswith("/") or any(part in {".", ".."} for part in store.path.split("/")):
            yield "path", "must be the whole path of a folder, such as /mnt/archive"
        elif store.path.strip("/") == "":
            yield "path", "must be a folder of its own"
        elif not re.fullmatch(r'[^"\\$\n\r;{}\0]*', store.path):
            yield "path", "nginx cannot be told of such a path: rename the folder"
        return
    endpoint = re.fullmatch(rf"(https?)://({_HOST})(?::[0-9]{{1,5}})?/?", store.endpoint)
    if endpoint is None:
        yield "endpoint", "must be http:// or https:// and a host, without a path"
    elif endpoint[1] == "https" and re.fullmatch(r"[0-9.]+|\[.*", endpoint[2]):
        yield "endpoint", "must have a name, since nginx compares certificates with names alone"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]", store.bucket):
        yield "bucket", "must be the name of a bucket"
    if store.prefix.startswith("/") or "//" in store.prefix or {".", ".."} & set(store.prefix.split("/")):
        yield "prefix", "must be the beginning of a key, such as clips/"
    if bool(store.access_key_file) != bool(store.secret_key_file):
        yield "access_key_file", "both files are set together, or neither"
