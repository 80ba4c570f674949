"""Nobody gets in who shouldn't: every route and every address of media, for every role, and what ends access."""

from __future__ import annotations

import contextlib
import http.client
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests import clips
from tests.running import RunningUnit, running, wait_for
from watcher.model.access import Role
from watcher.services import open_services
from watcher.settings.load import Settings
from watcher.web import create_app

KEYS = {"WATCHER_AUTH__MODE": "keys"}
ROLES = ("view", "label", "upload", "admin")


def create(unit: RunningUnit, name: str, *arguments: str) -> str:
    """A key, made by the command."""
    done = unit.run("key", "create", name, *arguments)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"wk_[A-Za-z0-9_-]{43}\n", done.stdout), done.stdout
    return done.stdout.strip()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Iterator[RunningUnit]:
    """A watcher that wants keys, with two cameras."""
    with running(tmp_path_factory.mktemp("keys"), settings=KEYS) as started:
        data = (samples / "plain.mp4").read_bytes()
        for number, name in enumerate(("porch", "gate")):
            path = started.video / name / "2026-11-21" / "070000.mp4"
            path.parent.mkdir(parents=True)
            path.write_bytes(clips.stamp(data, number))
        yield started


@pytest.fixture(scope="module")
def keys(unit: RunningUnit) -> dict[str, str]:
    """A key of each role, and one to view and one to label a single camera."""
    secrets = {role: create(unit, role, "--role", role) for role in ("view", "label", "admin")}
    secrets["upload"] = create(unit, "upload", "--role", "upload", "--camera", "porch")
    secrets["porch"] = create(unit, "porch", "--role", "view", "--camera", "porch")
    secrets["porch-label"] = create(unit, "porch-label", "--role", "label", "--camera", "porch")
    return secrets


@pytest.fixture(scope="module")
def shelf(unit: RunningUnit, keys: dict[str, str]) -> dict[str, dict]:
    """The two clips, once they have posters."""

    def ready() -> dict[str, dict] | None:
        answer = unit.get("/watcher/clips", headers=bearer(keys["admin"])).json()
        by_camera = {clip["camera"]: clip for clip in answer["clips"] if clip["poster_url"]}
        return by_camera if len(by_camera) == 2 else None

    return wait_for(ready, what="two clips with posters")


def ask(unit: RunningUnit, method: str, path: str, **headers: str) -> http.client.HTTPResponse:
    """A request whose path is sent as it stands."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", unit.port, timeout=30)) as connection:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        answer.body = answer.read()  # type: ignore[attr-defined]
        return answer


def routes() -> list[tuple[str, str, Role | None, bool]]:
    """Every route: method, address with plausible values, role, and whether it is a page."""
    app = create_app(open_services(Settings(), Path("/nonexistent")))
    values = {
        "clip_id": "1",
        "export_id": "1",
        "share_id": "x",
        "session": "x",
        "key": "porch/2026-11-21/070000.mp4",
        "name": "fox",
        "review": "x",
        "camera": "porch",
    }
    problems = []
    for rule in app.url_map.iter_rules():
        declared = app.view_functions[rule.endpoint].declared
        if declared.internal:
            continue
        address = re.sub(r"<(?:\w+:)?(\w+)>", lambda m: values.get(m[1], "A" * 22), rule.rule)
        if address.endswith("/fox") and "uploads" in address:
            address = address.removesuffix("fox") + "a.mp4"
        methods = {declared.method} | ({"HEAD"} if declared.method == "GET" else set())
        problems += [(method, "/watcher" + address, declared.role, declared.page) for method in sorted(methods)]
    return problems


OPEN = {"/watcher/livez", "/watcher/readyz", "/watcher/sign-in", "/watcher/sign-out", "/watcher/language"}
OPEN |= {"/watcher/manifest.webmanifest", "/watcher/worker.js", "/watcher/offline"}  # of the page that is installed


@pytest.mark.parametrize(("method", "path", "role", "page"), routes(), ids=str)
def test_every_route_refuses_everyone_it_should(
    method: str, path: str, role: Role | None, page: bool, unit: RunningUnit, keys: dict[str, str], shelf: dict
) -> None:
    """401 without a key, with a wrong one, and with one in a wrong place; 403 for a role that may not."""
    if role is None:
        assert path in OPEN
        return
    wrong = (
        {},
        bearer("wk_" + "A" * 43),
        {"Authorization": "Basic !!!"},
        {"Authorization": "Digest x"},
        {"Cookie": "watcher_session=x"},
    )
    for headers in wrong:
        refused = ask(unit, method, path, **headers)
        assert refused.status == 401, (headers, refused.status, refused.body)
        assert "Bearer" in refused.headers["WWW-Authenticate"]
        if method != "HEAD":
            assert b'"sign_in"' in refused.body
    assert ask(unit, method, path + "?key=" + keys["admin"]).status == 401  # addresses end up in logs
    allowed = {"view": {Role.VIEW}, "label": {Role.VIEW, Role.LABEL}, "upload": {Role.UPLOAD}}
    for name, may in allowed.items():
        answer = ask(unit, method, path, **bearer(keys[name]), **{"Tus-Resumable": "1.0.0"})
        if role not in may:
            assert answer.status == 403, (name, answer.status, answer.body)
        elif method in {"GET", "HEAD"}:
            assert answer.status not in {401, 403}, (name, answer.status, answer.body)


def test_media_needs_a_key(unit: RunningUnit, keys: dict[str, str], shelf: dict[str, dict]) -> None:
    """Clips and posters, by every way of writing the address; what does not exist is told to nobody."""
    clip = shelf["porch"]
    spellings = [
        clip["url"],
        clip["poster_url"],
        "/porch/2026-11-21/../2026-11-21/070000.mp4",
        "/porch/%32026-11-21/070000.mp4",
        "//porch//2026-11-21/070000.mp4",
        "/porch/2026-11-21%2F070000.mp4",
        "/porch/2026-11-21/%2e%2e/2026-11-21/070000.mp4",
        "/watcher/../porch/2026-11-21/070000.mp4",
        "/watcher/static/..%2f..%2fporch/2026-11-21/070000.mp4",
        clip["poster_url"].replace("/watcher/", "//watcher/./"),
        "/nothing/here.mp4",
        "/porch/",
        clip["url"] + "?sig=x&expires=9999999999",
        clip["url"] + "?sig=&expires=",
    ]
    for path in spellings:
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
            answer = ask(unit, method, path)
            assert answer.status in {401, 404, 405}, (method, path, answer.status)
            assert answer.status == 401 or b"ftyp" not in answer.body
            if method in {"GET", "HEAD"} and "static" not in path:
                assert answer.status == 401, (method, path, answer.status)
    for name in ("view", "label", "admin"):
        assert unit.get(clip["url"], headers=bearer(keys[name])).content[4:8] == b"ftyp"
        assert unit.get(clip["poster_url"], headers=bearer(keys[name])).status_code == 200
    assert unit.get(clip["url"], headers=bearer(keys["upload"])).status_code == 403
    assert unit.get(clip["poster_url"], headers=bearer(keys["upload"])).status_code == 403
    part = unit.get(clip["url"], headers={**bearer(keys["view"]), "Range": "bytes=0-7"})
    assert (part.status_code, len(part.content)) == (206, 8)
    assert unit.get("/nothing/here.mp4", headers=bearer(keys["view"])).status_code == 404
    assert requests.get(unit.url(clip["url"]), auth=("camera", keys["view"]), timeout=10).status_code == 200
    assert unit.get("/watcher/static/x/style.css").status_code == 404
    for path in ("/watcher/internal/media", "/watcher/internal/upload"):
        assert unit.get(path, headers=bearer(keys["admin"])).status_code == 404


def test_a_bound_viewer_sees_its_camera_only(
    unit: RunningUnit, keys: dict[str, str], shelf: dict[str, dict]
) -> None:
    """In lists, by id and key, neighbours, timeline, changes, labels, metrics, pages, clips and posters alike."""
    mine, other = shelf["porch"], shelf["gate"]
    for clip in shelf.values():
        label = unit.url(f"{clip['links']['self']}/labels/at%20{clip['camera']}")
        assert (
            requests.put(label, headers=bearer(keys["label"]), timeout=10).json()["labels"][0]["author"]
            == "key:label"
        )

    def get(path: str) -> requests.Response:
        return unit.get(path, headers=bearer(keys["porch"]))

    for query in (
        "",
        "?camera=porch&camera=gate",
        "?q=mp4",
        "?label=at%20porch&label=at%20gate",
        "?unlabeled=false",
    ):
        assert [c["camera"] for c in get(f"/watcher/clips{query}").json()["clips"]] == ["porch"], query
    assert get("/watcher/clips?camera=gate").json()["clips"] == []
    assert get(mine["links"]["self"]).status_code == 200
    for path in (
        other["links"]["self"],
        f"{other['links']['self']}/neighbours",
        f"/watcher/clips/by-key/{other['key']}",
        f"/watcher/watch/{other['id']}",
    ):
        assert get(path).status_code == 404, path
    assert [c["camera"] for c in get("/watcher/cameras").json()["cameras"]] == ["porch"]
    assert get(f"{mine['links']['self']}/neighbours").json()["others"] == []
    day = "from=2026-11-20T00:00:00Z&to=2026-11-22T00:00:00Z"
    assert {b["camera"] for b in get(f"/watcher/timeline?{day}").json()["buckets"]} == {"porch"}
    assert get(f"/watcher/timeline?{day}&camera=gate").json()["buckets"] == []
    assert {c["clip"]["camera"] for c in get("/watcher/changes?since=0").json()["changes"]} == {"porch"}
    assert get("/watcher/labels").json()["labels"] == [
        {"name": "at porch", "clips": 1, "cameras": [{"camera": "porch", "clips": 1}]}
    ]
    assert "gate" not in get("/watcher/labels/export").text
    assert "gate" not in get("/watcher/metrics").text
    page = get("/watcher/").text
    assert "porch" in page
    assert "gate" not in page
    assert get(mine["url"]).status_code == get(mine["poster_url"]).status_code == 200
    assert get(other["url"]).status_code == get(other["poster_url"]).status_code == 403
    assert get("/gate/nothing.mp4").status_code == 403
    share = unit.url(f"{other['links']['self']}/share")
    assert (
        requests.post(share, json={"expires_in_seconds": 60}, headers=bearer(keys["porch"]), timeout=10).status_code
        == 404
    )
    bound = bearer(keys["porch-label"])
    for method, path, body in (
        ("PUT", f"{other['links']['self']}/labels/x", None),
        ("DELETE", f"{other['links']['self']}/labels/x", None),
        ("PATCH", other["links"]["self"], {"held": True}),
    ):
        assert requests.request(method, unit.url(path), json=body, headers=bound, timeout=10).status_code == 404
    moved = requests.patch(unit.url(mine["links"]["self"]), json={"camera": "gate"}, headers=bound, timeout=10)
    assert moved.status_code == 403
    tags = {
        get("/watcher/clips").headers["ETag"],
        unit.get("/watcher/clips", headers=bearer(keys["view"])).headers["ETag"],
    }
    assert len(tags) == 2


def test_an_upload_key_sends_clips_of_its_camera(
    unit: RunningUnit, keys: dict[str, str], shelf: dict, samples: Path
) -> None:
    """By PUT, form and tus; another camera's are refused before a byte is spooled."""
    data = clips.stamp((samples / "plain.mp4").read_bytes(), 77)
    mine = bearer(keys["upload"])
    sent = requests.put(unit.url("/watcher/uploads/porch/sent.mp4"), data=data, headers=mine, timeout=10)
    assert sent.status_code == 201
    basic = requests.put(
        unit.url("/watcher/uploads/porch/sent.mp4"), data=data, auth=("x", keys["upload"]), timeout=10
    )
    assert basic.status_code == 200
    other = requests.put(unit.url("/watcher/uploads/gate/sent.mp4"), data=data, headers=mine, timeout=10)
    assert (other.status_code, other.json()["code"]) == (403, "forbidden")
    form = requests.post(
        unit.url("/watcher/uploads"),
        data={"camera": "gate"},
        files={"file": ("x.mp4", data)},
        headers=mine,
        timeout=10,
    )
    assert form.status_code == 403
    tus = {**mine, "Tus-Resumable": "1.0.0", "Upload-Length": "100", "Upload-Metadata": "camera Z2F0ZQ=="}
    assert requests.post(unit.url("/watcher/tus"), headers=tus, timeout=10).status_code == 403
    begun = requests.post(
        unit.url("/watcher/tus"),
        headers={**bearer(keys["admin"]), **{k: v for k, v in tus.items() if k != "Authorization"}},
        timeout=10,
    )
    assert begun.status_code == 201
    foreign = requests.head(
        unit.url(begun.headers["Location"]), headers={**mine, "Tus-Resumable": "1.0.0"}, timeout=10
    )
    assert foreign.status_code == 403
    big = http.client.HTTPConnection("127.0.0.1", unit.port, timeout=10)
    with contextlib.closing(big):
        big.putrequest("PUT", "/watcher/uploads/gate/big.mp4")
        big.putheader("Content-Length", str(1 << 30))
        big.putheader("Expect", "100-continue")
        big.endheaders()
        answer = big.getresponse()
        assert answer.status == 401
        assert "Bearer" in answer.headers["WWW-Authenticate"]
        answer.read()


@pytest.mark.slow
def test_keys_are_rotated_revoked_and_listed(unit: RunningUnit, shelf: dict[str, dict]) -> None:
    """At once, for the API, and within seconds for media; the list tells no secret."""
    key = create(unit, "tablet", "--role", "view")
    url = shelf["porch"]["url"]
    assert unit.get("/watcher/clips", headers=bearer(key)).status_code == 200
    assert unit.get(url, headers=bearer(key)).status_code == 200
    again = unit.run("key", "create", "tablet", "--role", "view")
    assert (again.returncode, again.stdout) == (1, "")
    new = unit.run("key", "rotate", "tablet").stdout.strip()
    assert unit.get("/watcher/clips", headers=bearer(key)).status_code == 401
    assert unit.get("/watcher/clips", headers=bearer(new)).status_code == 200
    wait_for(lambda: unit.get(url, headers=bearer(key)).status_code == 401, what="the end of the old key")
    listed = unit.run("key", "list").stdout
    assert "tablet" in listed
    assert "last used" in listed
    assert new not in listed
    assert unit.run("key", "revoke", "tablet").returncode == 0
    assert unit.get("/watcher/clips", headers=bearer(new)).status_code == 401
    assert unit.run("key", "revoke", "tablet").returncode == 1
    for arguments in (
        ("x",),
        ("x", "--role", "upload"),
        ("x", "--role", "admin", "--camera", "porch"),
        (" ", "--role", "view"),
    ):
        done = unit.run("key", "create", *arguments)
        assert (done.returncode, done.stdout) == (1, ""), arguments
    raw = b"".join(path.read_bytes() for path in unit.data.glob("catalog.db*"))
    assert new.encode() not in raw
    assert key.encode() not in raw


def test_signing_in_and_out(unit: RunningUnit, keys: dict[str, str], shelf: dict[str, dict]) -> None:
    """A form, a cookie that scripts cannot read, the page, its media; and it ends when it is ended."""
    page = {"Accept": "text/html"}
    browser = requests.Session()
    first = browser.get(unit.url("/watcher/?camera=porch"), headers=page, timeout=10)
    assert first.url.endswith("/watcher/sign-in?next=/watcher/?camera%3Dporch")
    assert 'type="password"' in first.text
    wrong = browser.post(unit.url("/watcher/sign-in"), data={"key": "wk_x"}, timeout=10)
    assert wrong.status_code == 401
    no_viewer = browser.post(unit.url("/watcher/sign-in"), data={"key": keys["upload"]}, timeout=10)
    assert no_viewer.status_code == 401
    there = browser.post(
        unit.url("/watcher/sign-in"), data={"key": keys["label"], "next": "/watcher/?camera=porch"}, timeout=10
    )
    assert there.status_code == 200
    assert there.url.endswith("/watcher/?camera=porch")
    cookie = there.history[0].headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert browser.get(unit.url(shelf["porch"]["url"]), timeout=10).status_code == 200
    label = unit.url(f"{shelf['porch']['links']['self']}/labels/seen")
    assert browser.put(label, headers={"Origin": unit.url("")}, timeout=10).status_code == 201
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        refused = browser.put(label, headers=headers, timeout=10)
        assert (refused.status_code, refused.json()["code"]) == (403, "cross_site"), headers
    for bad in ("//evil.example/", "https://evil.example/", "/\\evil", "/watcher/\n", "javascript:x"):
        sent = requests.post(
            unit.url("/watcher/sign-in"), data={"key": keys["view"], "next": bad}, allow_redirects=False, timeout=10
        )
        assert sent.headers["Location"] == "/watcher/", bad
    stolen = browser.cookies.get("watcher_session")
    assert browser.post(unit.url("/watcher/sign-out"), timeout=10).url.endswith("/watcher/sign-in")
    assert unit.get("/watcher/clips", cookies={"watcher_session": stolen}).status_code == 401
    for _ in range(12):
        last = requests.post(unit.url("/watcher/sign-in"), data={"key": "wk_x"}, timeout=10)
    assert last.status_code in {401, 429}


def test_a_shared_link_works_without_a_key_until_it_expires(
    unit: RunningUnit, keys: dict[str, str], shelf: dict[str, dict]
) -> None:
    """For that clip alone, from beginning to end and in parts."""
    clip, other = shelf["porch"], shelf["gate"]
    share = unit.url(f"{clip['links']['self']}/share")
    answer = requests.post(share, json={"expires_in_seconds": 600}, headers=bearer(keys["view"]), timeout=10)
    assert answer.status_code == 200, answer.text
    url = answer.json()["url"]
    assert unit.get(url).content[4:8] == b"ftyp"
    assert unit.get(url, headers={"Range": "bytes=4-7"}).content == b"ftyp"
    question = url.partition("?")[2]
    assert unit.get(f"{other['url']}?{question}").status_code == 401
    assert unit.get(f"{clip['poster_url']}?{question}").status_code == 401
    assert unit.get(url.replace("sig=", "sig=A")).status_code == 401
    expires = re.search(r"expires=(\d+)", url)[1]
    assert unit.get(url.replace(expires, str(int(expires) + 1))).status_code == 401
    assert unit.get(re.sub("kid=[^&]+&", "", url)).status_code == 401
    short = requests.post(share, json={"expires_in_seconds": 1}, headers=bearer(keys["view"]), timeout=10).json()
    wait_for(lambda: unit.get(short["url"]).status_code in {401, 403}, what="the end of the link")
    for body in ({}, {"expires_in_seconds": 0}, {"expires_in_seconds": 10**9}, {"expires_in_seconds": "x"}):
        assert requests.post(share, json=body, headers=bearer(keys["view"]), timeout=10).status_code == 400
    assert unit.url("") not in url


@pytest.mark.slow
def test_the_first_start_prints_a_link_that_signs_in_once(start_unit: Callable[..., RunningUnit]) -> None:
    """And every start until it was used; afterwards none."""
    unit = start_unit(settings=KEYS)

    def link() -> str | None:
        matches = re.findall(r"http\S+/watcher/sign-in\?link=\S+", unit.console())
        return matches[-1] if matches else None

    first = wait_for(link, what="the link")
    unit.stop()
    unit.start()
    second = wait_for(lambda: (fresh := link()) != first and fresh, what="another link")
    secret = second.rpartition("=")[2]
    assert not (unit.data / "run" / "sign-in").exists(), "it was said, and is kept nowhere"
    for pid in unit.family():
        assert secret.encode() not in Path(f"/proc/{pid}/environ").read_bytes(), unit.family()[pid]
    for _ in range(2):  # a messenger that shows a preview, and a person who looks
        assert requests.head(second, timeout=10).status_code == 200
        assert "Sign in" in requests.get(second, timeout=10).text
    browser = requests.Session()
    signed_in = browser.post(unit.url("/watcher/sign-in"), data={"link": secret}, timeout=10)
    assert signed_in.url.endswith("/watcher/")
    assert browser.get(unit.url("/watcher/clips"), timeout=10).status_code == 200
    assert requests.get(second, timeout=10).status_code == 401
    assert requests.get(first, timeout=10).status_code == 401
    unit.stop()
    before = len(unit.console())
    unit.start()
    wait_for(lambda: "watcher is at" in unit.console()[before:], what="its address")
    time.sleep(0.2)
    assert "link=" not in unit.console()[before:]
    logs = "".join(path.read_text() for path in unit.log.glob("*.log"))
    assert browser.cookies.get("watcher_session") not in logs


def test_nothing_secret_is_logged(unit: RunningUnit, keys: dict[str, str], shelf: dict[str, dict]) -> None:
    """Neither keys nor signatures, in any log, whatever is asked."""
    clip = shelf["porch"]
    share = unit.url(f"{clip['links']['self']}/share")
    url = requests.post(share, json={"expires_in_seconds": 60}, headers=bearer(keys["view"]), timeout=10).json()[
        "url"
    ]
    asked = (unit.log / "access.log").read_text().count(clip["url"])
    unit.get(url)
    unit.get(url + "x")
    signature = re.search(r"sig=([\w-]+)", url)[1]
    # nginx writes its log a second late.
    wait_for(lambda: (unit.log / "access.log").read_text().count(clip["url"]) >= asked + 2, what="both in the log")
    logs = "".join(path.read_text() for path in unit.log.glob("*.log")) + unit.console()
    for secret in (*keys.values(), signature):
        assert secret not in logs


def test_other_sites_may_not_upload_through_a_visitor(
    start_unit: Callable[..., RunningUnit], samples: Path
) -> None:
    """Also where the service is open to everybody on this machine: a page elsewhere is not on this machine."""
    unit = start_unit()
    files = {"file": ("x.mp4", (samples / "plain.mp4").read_bytes())}
    form = {"data": {"camera": "porch"}, "files": files, "timeout": 10}
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        refused = requests.post(unit.url("/watcher/uploads"), headers=headers, **form)
        assert (refused.status_code, refused.json()["code"]) == (403, "cross_site")
    assert requests.post(unit.url("/watcher/uploads"), headers={"Origin": unit.url("")}, **form).status_code == 201


def test_curl_sends_with_a_key(unit: RunningUnit, keys: dict[str, str], samples: Path) -> None:
    """As cameras do, with the key as password."""
    source = samples / "faststart.mp4"
    command = [
        "curl",
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-u",
        f"porch:{keys['upload']}",
        "-T",
        str(source),
    ]
    done = subprocess.run(
        [*command, unit.url("/watcher/uploads/porch/curl.mp4")], capture_output=True, text=True, check=True
    )
    assert done.stdout == "201"
