"""The session's cookie: what it is called, where it is sent, and which one a request brings."""

from __future__ import annotations

from typing import Any, NamedTuple

from watcher.model.errors import SignInError

COOKIE = "watcher_session"
BROWSER_COOKIE = "watcher_browser"  # tells browsers apart where nobody signs in, for what each has seen


class Cookie(NamedTuple):
    """What a browser has to know of the session's cookie."""

    name: str
    path: str
    secure: bool


def session_cookie(environ: dict[str, Any], base: str) -> Cookie:
    """The session's cookie for whoever asks this (a WSGI environ); `base` is where people find the service.

    Over HTTPS its name has a prefix by which browsers refuse it from anybody else: from another host of the domain
    (`__Host-`, which demands the path /), or over plain HTTP (`__Secure-`, where the service lies below a path).
    https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-4.1.3
    """
    # Clips lie beside the application: what is before its own path is where the whole service is.
    mount = str(environ.get("SCRIPT_NAME", "")).rstrip("/").removesuffix("/watcher")
    secure = environ.get("wsgi.url_scheme") == "https" or base.startswith("https:")
    if not secure:
        return Cookie(COOKIE, f"{mount}/", secure=False)
    return Cookie(f"{'__Secure' if mount else '__Host'}-{COOKIE}", f"{mount}/", secure=True)


def session_secret(environ: dict[str, Any], base: str) -> str:
    """What a browser that signed in sends; empty where none did.

    Raises SignInError for several cookies of the name, in any spelling: whoever reads the first of them, such as a
    proxy that keeps answers, would take the request for somebody else's.
    """
    header: str = environ.get("HTTP_COOKIE", "")
    if COOKIE not in header.lower():
        return ""
    name = session_cookie(environ, base).name
    pairs = [pair.partition("=") for pair in header.split(";")]
    values = [(key.strip(), value.strip()) for key, _, value in pairs if key.strip().lower() == name.lower()]
    if len(values) > 1:
        raise SignInError(f"the request has {len(values)} cookies {name}: remove them, and sign in again")
    return values[0][1] if values and values[0][0] == name else ""


def browser_of(header: str) -> str:
    """What tells a browser from others, by its cookies; empty where it has nothing of the kind."""
    if BROWSER_COOKIE not in header:
        return ""
    pairs = (pair.partition("=") for pair in header.split(";"))
    return next((value.strip() for name, _, value in pairs if name.strip() == BROWSER_COOKIE), "")
