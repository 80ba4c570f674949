"""Webhooks: whoever wants is told of each clip that is ready, signed, at least once, in order for each clip.

And of each camera that falls silent, or is back.

Signed as Standard Webhooks have it (https://www.standardwebhooks.com): HMAC-SHA-256 over id, time and body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
from datetime import datetime, timedelta
from typing import Any, TextIO

import msgspec
import requests

from watcher import presenting
from watcher.catalog.hooks import Delivery
from watcher.errors import ClipNotFoundError
from watcher.helper import Helper
from watcher.settings import Hook
from watcher.wiring import Services

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5  # between two looks for clips that are ready
TIMEOUT = (5.0, 15.0)  # seconds to connect, and for the answer
BATCH = 100
LONGEST = timedelta(hours=1)  # between two attempts
GIVEN_UP = timedelta(days=7)


class Webhooks(Helper):
    """Tells whoever wants to be told."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, "webhooks", every_seconds=LOOK_SECONDS)
        self._catalog_id = ""
        self._give_up_at = services.clock.now()
        self._pauses: dict[str, datetime] = {}  # hooks that cannot be reached, until when they are left alone
        self._session = requests.Session()

    def turn(self) -> None:
        """Tell what is due; what is under way when we are to end may be told once more."""
        self._catalog_id = self._catalog_id or self.catalog.catalog_id() or ""
        now = self.services.clock.now()
        for hook in self.services.settings.webhooks.hooks:
            self.catalog.fill_outbox(hook.url, hook.cameras, BATCH, now=now)
            if self._pauses.get(hook.url, now) > now:
                continue
            for delivery in self.catalog.due(hook.url, BATCH, now=now):
                if self.stopped.is_set() or not self._deliver(hook, delivery):
                    break
        if now >= self._give_up_at:
            self._give_up_at = now + LONGEST
            if gone := self.catalog.give_up(now - GIVEN_UP):
                log.error("webhooks: %d deliveries are given up after %d days", gone, GIVEN_UP.days)

    def _deliver(self, hook: Hook, delivery: Delivery) -> bool:
        """Tell a hook; False if it cannot be reached, so that the others need not be tried now."""
        now = self.services.clock.now()
        try:
            body = self._body(delivery, now)
        except ClipNotFoundError:
            self.catalog.delivered(hook.url, delivery.revision)
            return True
        headers = signed(hook.secret, f"{self._catalog_id[:12]}-{delivery.revision}", int(now.timestamp()), body)
        reached = True
        try:
            answer = self._session.post(
                hook.url, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False
            )
            told = None if answer.ok and answer.status_code < 300 else f"{answer.status_code} {answer.reason}"
        except requests.RequestException as reason:
            told, reached = type(reason).__name__, False
        if told is None:
            self.catalog.delivered(hook.url, delivery.revision)
            return True
        again = now + min(LONGEST, timedelta(seconds=2.0 ** min(delivery.attempts, 12)))
        self.catalog.undelivered(hook.url, delivery.revision, due=again, told=told)
        if not reached:
            self._pauses[hook.url] = again
        what = f"clip {delivery.clip_id}" if delivery.event is None else "a camera"
        log.warning("webhook %s: %s: %s; again at %s", hook.url, what, told, presenting.utc(again))
        return reached

    def _body(self, delivery: Delivery, now: datetime) -> bytes:
        """What is told: a clip as it is now, or what happened to a camera. Raises ClipNotFoundError."""
        if delivery.event is not None:
            event: dict[str, Any] = msgspec.json.decode(delivery.event)
        else:
            settings = self.services.settings
            site = settings.site
            mount = site.path + presenting.MOUNT
            clip = self.catalog.clip(delivery.clip_id)
            shape = presenting.clip_bodies([clip], base=site.origin, mount=mount, zone=settings.zone)[0]
            event = {"type": "clip.ready", "data": shape}
        return msgspec.json.encode({"type": event["type"], "timestamp": presenting.utc(now), "data": event["data"]})


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


def show(services: Services, *, out: TextIO) -> int:
    """How each hook stands; 1 if something is stuck."""
    known = {stuck.url: stuck for stuck in services.catalog.stuck()}
    waiting = 0
    for hook in services.settings.webhooks.hooks:
        stuck = known.get(hook.url)
        if stuck is None or not stuck.waiting:
            print(f"{hook.url}: nothing waits", file=out)
            continue
        waiting += stuck.waiting
        since = "" if stuck.since is None else f" since {presenting.utc(stuck.since)}"
        why = f"; tried {stuck.attempts} times: {stuck.told}" if stuck.told else ""
        print(f"{hook.url}: {stuck.waiting} wait{since}{why}", file=out)
    if not services.settings.webhooks.hooks:
        print("no webhook is set; guide/webhooks.md shows how", file=out)
    return 1 if waiting else 0
