"""Debian's motion as the model of a real recorder: it watches a moving picture and leaves clips as it does at home."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.clips import AT
from tests.running import RunningUnit, wait_for
from watcher.ops.demo import SCENES, picture

pytestmark = pytest.mark.motion

CONFIGURATION = """
daemon off
setup_mode off
log_level 6
netcam_url http://127.0.0.1:{port}/stream
width 320
height 180
framerate 10
threshold 200
event_gap 1
minimum_motion_frames 1
pre_capture 0
post_capture 0
movie_output on
movie_codec mp4
movie_max_time 4
movie_filename %Y%m%d/%v-%Y%m%d%H%M%S
picture_output off
target_dir {folder}
webcontrol_port 0
stream_port 0
"""


class Camera(BaseHTTPRequestHandler):
    """A network camera: MJPEG over HTTP, a car that drives by for some seconds, then nothing that moves."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        pause = threading.Event()
        try:
            for number in range(100_000):
                second = number / 10
                data = BytesIO()
                moving = second % 8 if second % 8 < 5 else 0
                picture(SCENES[0], AT, moving, (320, 180)).save(data, "JPEG")
                part = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {data.tell()}\r\n\r\n"
                self.wfile.write(part.encode() + data.getvalue() + b"\r\n")
                pause.wait(0.1)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        """Be quiet."""


def test_what_motion_records_arrives_and_plays(
    start_unit: Callable[..., RunningUnit], tmp_path: Path, browser: Browser
) -> None:
    """Three clips, each listed only once it was finished, with Motion's own time and a poster; and Chromium plays one."""
    program = shutil.which("motion")
    if program is None:
        pytest.skip("motion is not installed (Debian: motion)")
    unit = start_unit()
    folder = unit.video / "street"
    folder.mkdir()
    camera = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    camera.daemon_threads = True
    threading.Thread(target=camera.serve_forever, daemon=True).start()
    settings = tmp_path / "motion.conf"
    settings.write_text(CONFIGURATION.format(port=camera.server_address[1], folder=folder))
    with (tmp_path / "motion.log").open("wb") as log:
        motion = subprocess.Popen(
            [program, "-n", "-c", str(settings)], stdout=log, stderr=log, env=unit.environment
        )
    try:

        def finished() -> list[dict]:
            assert motion.poll() is None, (tmp_path / "motion.log").read_text()
            rows = unit.clips(camera="street")
            assert not [clip for clip in rows if clip["state"] == "broken"], rows
            return rows if len([clip for clip in rows if clip["poster_url"]]) >= 3 else []

        clips = wait_for(finished, seconds=240, what="three clips of motion's")
    finally:
        motion.terminate()
        motion.wait(60)
        camera.shutdown()
        camera.server_close()
    for clip in clips[:3]:
        assert clip["time_source"] == "name"
        assert clip["media"]["video"]["width"] == 320
        assert clip["duration_seconds"] > 0.2
        part = unit.get(clip["url"], headers={"Range": "bytes=0-1"})
        assert part.status_code == 206
    page = browser.new_page()
    page.goto(unit.url(f"/watcher/watch/{clips[0]['id']}"))
    page.evaluate("document.querySelector('video').muted = true; document.querySelector('video').play()")
    wait_for(
        lambda: page.evaluate("document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames > 2")
    )
    assert page.evaluate("document.querySelector('video').videoWidth") == 320
    page.close()
