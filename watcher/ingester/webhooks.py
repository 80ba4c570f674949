"""Webhooks: whoever wants is told of each clip that is ready, signed, at least once, in order for each clip.

Or of each clip that gets a label; and of each camera that falls silent, or is back. Each hook has a thread of its
own, so that none waits for another. An address may hold a password or a token: logs and the command name a hook by
its number and its host.

Signed as Standard Webhooks have it (https://www.standardwebhooks.com): HMAC-SHA-256 over id, time and body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import chain
from typing import Any, TextIO
from urllib.parse import urlsplit

import msgspec

from watcher.catalog.webhooks import Delivery
from watcher.ingester import http_post
from watcher.model import serialize
from watcher.model.errors import ClipNotFoundError
from watcher.services import Services
from watcher.settings.schema import Hook

log = logging.getLogger("watcher.webhooks")

LOOK_SECONDS = 0.5  # between two looks for clips that are ready
BATCH = 100  # clips that are put into the outbox at once
FEW = 10  # that wait are told of in order
LONGEST = timedelta(hours=1)  # between two attempts
GIVEN_UP = timedelta(days=7)


class Webhook:
    """Sends the events of one hook."""

    def __init__(self, services: Services, hook: Hook) -> None:
        self._name = name_of(services.settings.webhooks.hooks, hook)
        self.services = services
        self.catalog = services.catalog
        self.name, self.every_seconds, self.stopped = f"webhook {self._name}", LOOK_SECONDS, threading.Event()
        self._hook = hook
        self._catalog_id = ""
        self._give_up_at = self._pause_until = services.clock.now()

    def turn(self) -> None:
        """Send the events that are due; one that is under way when the ingester ends may be sent once more."""
        self._catalog_id = self._catalog_id or self.catalog.database.catalog_id() or ""
        while self._tell_some():
            pass
        now = self.services.clock.now()
        if now >= self._give_up_at:
            self._give_up_at = now + LONGEST
            if gone := self.catalog.outbox.give_up(now - GIVEN_UP):
                log.error("webhooks: %d deliveries are given up after %d days", gone, GIVEN_UP.days)

    def _tell_some(self) -> bool:
        """Tell what is due, for a while; whether there may be more."""
        now, hook, outbox = self.services.clock.now(), self._hook, self.catalog.outbox
        while outbox.fill(hook.url, hook.cameras, BATCH, now=now, names=hook.labels):
            if self.stopped.is_set():
                return False
        if self._pause_until > now:
            return False
        until = self.services.clock.monotonic() + LOOK_SECONDS
        some = self._due(now)
        for delivery in some:
            if self.stopped.is_set() or not self._deliver(delivery):
                return False
            if self.services.clock.monotonic() >= until:
                break  # who comes meanwhile does not wait for the others
        return len(some) > FEW

    def _due(self, now: datetime) -> list[Delivery]:
        """What is to be told now, the eldest first; where many wait, the newest and the eldest take turns.

        So nobody waits long for what happens now, though a hook takes its time and a collection was moved in.
        """
        eldest = self.catalog.outbox.due(self._hook.url, FEW + 1, now=now)
        if len(eldest) <= FEW:
            return eldest
        newest = self.catalog.outbox.due(self._hook.url, FEW + 1, now=now, newest_first=True)
        return list(dict.fromkeys(chain.from_iterable(zip(newest, eldest, strict=False))))

    def _deliver(self, delivery: Delivery) -> bool:
        """Tell it; False if the hook cannot be reached, so that the others need not be tried now."""
        now, hook = self.services.clock.now(), self._hook
        try:
            body = self._body(delivery, now)
        except ClipNotFoundError:
            self.catalog.outbox.delivered(hook.url, delivery.revision)
            return True
        headers = signed(hook.secret, f"{self._catalog_id[:12]}-{delivery.revision}", int(now.timestamp()), body)
        reached, error = True, None
        try:
            status, reason = http_post.post(hook.url, body, headers)
            if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                error = f"{status} {reason}"
        except OSError as reason:
            error, reached = type(reason).__name__, False
        if error is None:
            self.catalog.outbox.delivered(hook.url, delivery.revision)
            return True
        again = self.services.clock.now() + min(LONGEST, timedelta(seconds=2.0 ** min(delivery.attempts, 12)))
        self.catalog.outbox.undelivered(hook.url, delivery.revision, due=again, error=error)
        if not reached:
            self._pause_until = again
        what = f"clip {delivery.clip_id}" if delivery.event is None else "a camera"
        log.warning("webhook %s: %s: %s; again at %s", self._name, what, error, serialize.utc(again))
        return reached

    def _body(self, delivery: Delivery, now: datetime) -> bytes:
        """What is told: a clip as it is now, or what happened to a camera. Raises ClipNotFoundError."""
        if delivery.event is not None:
            event: dict[str, Any] = msgspec.json.decode(delivery.event)
        else:
            settings = self.services.settings
            site = settings.site
            mount = site.path + serialize.MOUNT
            clip = self.catalog.clips.get(delivery.clip_id)
            shape = serialize.clip_bodies([clip], base=site.origin, mount=mount, zone=settings.zone)[0]
            event = {"type": "clip.labeled" if self._hook.labels else "clip.ready", "data": shape}
        return msgspec.json.encode({"type": event["type"], "timestamp": serialize.utc(now), "data": event["data"]})


def signed(secret: str, message_id: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of a delivery; `at` is in seconds since 1970."""
    headers = {"Content-Type": "application/json", "webhook-id": message_id, "webhook-timestamp": str(at)}
    if secret:
        mac = hmac.new(_key(secret), f"{message_id}.{at}.".encode() + body, hashlib.sha256).digest()
        headers["webhook-signature"] = "v1," + base64.b64encode(mac).decode()
    return headers


def _key(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def name_of(hooks: Sequence[Hook], hook: Hook) -> str:
    """What a hook is called where everybody may read it: its number in the settings, and its host."""
    address = urlsplit(hook.url)
    return f"{hooks.index(hook) + 1} ({address.scheme}://{address.netloc.rpartition('@')[2]})"


def show(services: Services, *, out: TextIO) -> int:
    """How each hook stands; 1 if something is stuck."""
    by_url = {stuck.url: stuck for stuck in services.catalog.outbox.stuck()}
    hooks = services.settings.webhooks.hooks
    waiting = 0
    for hook in hooks:
        stuck = by_url.get(hook.url)
        if stuck is None or not stuck.waiting:
            print(f"{name_of(hooks, hook)}: nothing waits", file=out)
            continue
        waiting += stuck.waiting
        since = "" if stuck.since is None else f" since {serialize.utc(stuck.since)}"
        why = f"; tried {stuck.attempts} times: {stuck.error}" if stuck.error else ""
        print(f"{name_of(hooks, hook)}: {stuck.waiting} wait{since}{why}", file=out)
    if not hooks:
        print("no webhook is set; guide/webhooks.md shows how", file=out)
    return 1 if waiting else 0
