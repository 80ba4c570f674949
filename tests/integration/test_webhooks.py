"""Webhooks: whoever wants is told of each clip that is ready, at least once, in order, and nobody can forge it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests import clips
from tests.running import RunningUnit, wait_for

# What comes to a clip by itself, a moment after it is ready.
RENDERED = {"revision", "poster_url", "sprite", "significant_at", "proxy_url", "light"}
SECRET = base64.b64encode(b"thirty-two bytes of a secret....").decode()


class Listener:
    """An HTTP server that takes deliveries, or refuses the next ones."""

    def __init__(self) -> None:
        self.deliveries: list[tuple[dict[str, str], bytes]] = []
        self.refuse = 0
        self.seconds = 0.0  # that it takes to answer
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = 204
                time.sleep(listener.seconds)
                if listener.refuse:
                    listener.refuse -= 1
                    status = 500
                else:
                    listener.deliveries.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def keys(self) -> list[str]:
        """Of which clips was told."""
        return [json.loads(body)["data"]["key"] for _, body in self.deliveries]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def listener() -> Iterator[Listener]:
    receiver = Listener()
    yield receiver
    receiver.close()


def hooks(*listeners: int, **more: object) -> dict[str, str]:
    """Settings with a hook for each port."""
    tables = [{"url": f"http://127.0.0.1:{port}/clips", "secret": f"whsec_{SECRET}", **more} for port in listeners]
    return {"WATCHER_WEBHOOKS__HOOKS": json.dumps(tables)}


def write(unit: RunningUnit, samples: Path, key: str, number: int) -> None:
    path = unit.video / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(clips.stamp((samples / "plain.mp4").read_bytes(), number))


def begun(unit: RunningUnit) -> None:
    """Once the hook is known: it begins with what becomes ready from then on."""
    wait_for(lambda: "nothing waits" in unit.run("webhooks").stdout and known(unit), what="the hook")


def known(unit: RunningUnit) -> bool:

    catalog = sqlite3.connect(unit.data / "catalog.db", timeout=30)
    try:
        return bool(catalog.execute("SELECT count(*) FROM hooks").fetchone()[0])
    finally:
        catalog.close()


@pytest.mark.slow
def test_a_clip_that_is_ready_is_told_of(
    start_unit: Callable[..., RunningUnit], samples: Path, listener: Listener
) -> None:
    """Signed, once where all goes well, with the clip as the API shows it; broken ones and corrections are not."""
    unit = start_unit(settings=hooks(listener.port, cameras=["porch"]))
    begun(unit)
    write(unit, samples, "porch/1.mp4", 1)
    wait_for(lambda: listener.deliveries, what="a delivery")
    headers, body = listener.deliveries[0]
    event = json.loads(body)
    assert event["type"] == "clip.ready"
    clip = unit.clip("porch/1.mp4")
    assert {k: v for k, v in event["data"].items() if k not in RENDERED} == {
        k: v for k, v in clip.items() if k not in RENDERED
    }
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = hmac.new(base64.b64decode(SECRET), text, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()

    (unit.video / "porch" / "broken.mp4").write_bytes((samples / "plain.mp4").read_bytes()[:-500])
    unit.wait_clip("porch/broken.mp4", state="broken")
    requests.patch(unit.url(clip["links"]["self"]), json={"note": "x"}, timeout=10)
    write(unit, samples, "gate/1.mp4", 2)
    sent = requests.put(
        unit.url("/watcher/uploads/porch/sent.mp4"),
        data=clips.stamp((samples / "plain.mp4").read_bytes(), 3),
        timeout=10,
    )
    assert sent.status_code == 201
    write(unit, samples, "porch/1.mp4", 4)  # other bytes under its name
    wait_for(lambda: len(listener.deliveries) >= 3, what="three deliveries")
    write(unit, samples, "porch/last.mp4", 5)
    wait_for(lambda: "porch/last.mp4" in listener.keys, what="the last one")
    assert sorted(listener.keys) == ["porch/1.mp4", "porch/1.mp4", "porch/last.mp4", "porch/sent.mp4"]
    assert len({headers["webhook-id"] for headers, _ in listener.deliveries}) == 4
    assert SECRET not in unit.run("config").stdout


@pytest.mark.slow
def test_a_clip_that_gets_a_label_is_told_of(
    start_unit: Callable[..., RunningUnit], samples: Path, listener: Listener
) -> None:
    """Once, when it gets the label; not when it is ready, nor for other labels, nor for what is changed later."""
    unit = start_unit(settings=hooks(listener.port, labels=["person", "dog"]))
    begun(unit)
    for number in (1, 2):
        write(unit, samples, f"porch/{number}.mp4", number)
    first, other = (unit.wait_clip(f"porch/{number}.mp4", state="ready") for number in (1, 2))

    def label(clip: dict[str, Any], name: str) -> None:
        requests.put(unit.url(f"{clip['links']['self']}/labels/{name}"), timeout=10).raise_for_status()

    label(other, "car")
    label(first, "person")
    wait_for(lambda: listener.deliveries, what="a delivery")
    requests.patch(unit.url(first["links"]["self"]), json={"note": "x"}, timeout=10)
    label(first, "car")
    label(first, "dog")
    wait_for(lambda: len(listener.deliveries) > 1, what="the second label")
    label(other, "dog")
    wait_for(lambda: len(listener.deliveries) > 2, what="the other clip")
    events = [json.loads(body) for _, body in listener.deliveries]
    assert {event["type"] for event in events} == {"clip.labeled"}
    assert listener.keys == ["porch/1.mp4", "porch/1.mp4", "porch/2.mp4"]
    assert [label["name"] for label in events[0]["data"]["labels"]] == ["person"]


@pytest.mark.slow
def test_what_was_refused_is_told_again_in_order(
    start_unit: Callable[..., RunningUnit], samples: Path, listener: Listener
) -> None:
    """With pauses; of one clip the earlier first; and the command shows what is stuck, and why."""
    unit = start_unit(settings=hooks(listener.port))
    begun(unit)
    listener.refuse = 3
    for number in range(3):
        write(unit, samples, f"porch/{number}.mp4", number)
    wait_for(lambda: sorted(listener.keys) == ["porch/0.mp4", "porch/1.mp4", "porch/2.mp4"], what="all three")
    listener.refuse = 10**6
    write(unit, samples, "porch/stuck.mp4", 9)
    done = wait_for(
        lambda: (d := unit.run("webhooks")).returncode == 1 and "500" in d.stdout and d, what="its word"
    )
    assert "1 wait" in done.stdout
    listener.refuse = 0
    wait_for(lambda: "porch/stuck.mp4" in listener.keys, what="the last one")
    wait_for(lambda: unit.run("webhooks").returncode == 0, what="an empty outbox")


@pytest.mark.slow
def test_what_happens_now_does_not_wait_for_a_collection(
    start_unit: Callable[..., RunningUnit], samples: Path, listener: Listener
) -> None:
    """Eighty clips are moved in, and the hook takes its time; still it is told of the next one soon, and of all."""
    unit = start_unit(settings=hooks(listener.port))
    begun(unit)
    listener.seconds = 1.0  # eighty of them are longer than any machine needs for the rest
    for number in range(80):
        write(unit, samples, f"outside/{number}.mp4", number)
    wait_for(lambda: len(unit.clips(state="ready")) == 80, what="the collection")
    write(unit, samples, "porch/live.mp4", 100)
    wait_for(lambda: unit.clip("porch/live.mp4"), what="the live clip")
    wait_for(lambda: "porch/live.mp4" in listener.keys, what="its delivery")
    assert len(listener.keys) < 80
    listener.seconds = 0.0
    wait_for(lambda: len(listener.keys) == 81, what="all deliveries")
    assert len(set(listener.keys)) == 81


@pytest.mark.slow
def test_what_nobody_heard_is_told_after_a_restart(start_unit: Callable[..., RunningUnit], samples: Path) -> None:
    """The listener was away, and watcher was stopped: the outbox is in the catalog."""
    gone = Listener()
    gone.close()
    unit = start_unit(settings=hooks(gone.port))
    begun(unit)
    write(unit, samples, "porch/1.mp4", 1)
    wait_for(lambda: unit.run("webhooks").returncode == 1, what="a delivery that waits")
    unit.stop()
    back = Listener()
    try:
        unit.environment.update(hooks(back.port))
        import sqlite3

        with sqlite3.connect(unit.data / "catalog.db") as catalog:  # as if it were the same address again
            for table in ("hooks", "outbox"):
                catalog.execute(f"UPDATE {table} SET url = ?", (f"http://127.0.0.1:{back.port}/clips",))
        catalog.close()
        unit.start()
        wait_for(lambda: back.keys == ["porch/1.mp4"], what="the delivery")
    finally:
        back.close()


@pytest.mark.slow
def test_a_hook_that_takes_its_time_holds_up_no_other(
    start_unit: Callable[..., RunningUnit], samples: Path, listener: Listener
) -> None:
    """Nor is what is secret in its address told anywhere."""
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes a connection, and says nothing
        settings = hooks(mute.getsockname()[1], listener.port)
        tables = json.loads(settings["WATCHER_WEBHOOKS__HOOKS"])
        for table, port in zip(tables, (mute.getsockname()[1], listener.port), strict=True):
            table["url"] = f"http://me:passw0rd@127.0.0.1:{port}/services/T0KEN?key=T0KEN"
        unit = start_unit(settings={"WATCHER_WEBHOOKS__HOOKS": json.dumps(tables)})
        begun(unit)
        listener.refuse = 1
        for number in range(3):
            write(unit, samples, f"porch/{number}.mp4", number)
        wait_for(lambda: sorted(listener.keys) == [f"porch/{number}.mp4" for number in range(3)], what="all three")
        waits = f"1 (http://127.0.0.1:{mute.getsockname()[1]}): 3 wait"  # once it has given up the first one

        def told() -> str:
            text = unit.run("webhooks").stdout
            return text if waits in text else ""

        stuck = wait_for(told, what="three that wait")
        unit.wait_logged("webhook 2 (http://127.0.0.1:")
        text = stuck + unit.console() + "".join(path.read_text() for path in unit.log.glob("*.log"))
        assert "webhook 2 (http://127.0.0.1:" in text
        assert "T0KEN" not in text
        assert "passw0rd" not in text
