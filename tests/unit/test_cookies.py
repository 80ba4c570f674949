"""The session's cookie: its name by where the service is, and what several of them are."""

from __future__ import annotations

import pytest

from watcher.model.errors import SignInError
from watcher.web.http.cookies import session_cookie, session_secret

HTTPS = {"wsgi.url_scheme": "https", "SCRIPT_NAME": "/watcher"}
HTTP = HTTPS | {"wsgi.url_scheme": "http"}


@pytest.mark.parametrize(
    ("environ", "base", "cookie"),
    [
        (HTTP, "", ("watcher_session", "/", False)),
        (HTTPS, "", ("__Host-watcher_session", "/", True)),
        (HTTP, "https://cams.example.net", ("__Host-watcher_session", "/", True)),
        (HTTPS | {"SCRIPT_NAME": "/cams/watcher"}, "", ("__Secure-watcher_session", "/cams/", True)),
        (HTTP | {"SCRIPT_NAME": "/cams/watcher"}, "", ("watcher_session", "/cams/", False)),
        ({}, "", ("watcher_session", "/", False)),
    ],
)
def test_its_name_says_what_browsers_have_to_keep(environ: dict, base: str, cookie: tuple) -> None:
    """Prefixes under HTTPS; `__Host-` demands the path /, so there is another one below a path."""
    assert session_cookie(environ, base) == cookie


@pytest.mark.parametrize(
    ("header", "secret"),
    [
        ("", ""),
        ("theme=dark", ""),
        ("watcher_session=a", "a"),
        ("theme=dark;watcher_session = a ; zone=x", "a"),
        ("WATCHER_SESSION=a", ""),
        ("Watcher_Session=a; theme=dark", ""),
        ("__Host-watcher_session=a", ""),
        ("my_watcher_session=a; watcher_session=b", "b"),
        ("watcher_session=", ""),
        ("watcher_session", ""),
    ],
)
def test_only_the_exact_name_counts(header: str, secret: str) -> None:
    """As it stands, among others."""
    assert session_secret(HTTP | {"HTTP_COOKIE": header}, "") == secret


@pytest.mark.parametrize("name", ["watcher_session", "WATCHER_SESSION", "watcher_Session ", "\twatcher_session"])
@pytest.mark.parametrize("value", ["a", '"a"', "", "b"])
def test_several_are_refused(name: str, value: str) -> None:
    """In any case and order, the same twice as well."""
    for header in (f"watcher_session=a; x=y;{name}={value}", f"{name}={value}; watcher_session=a"):
        with pytest.raises(SignInError):
            session_secret(HTTP | {"HTTP_COOKIE": header}, "")


def test_names_of_other_places_are_none_of_ours() -> None:
    """Under HTTPS only what browsers protect counts, whatever another host of the domain has left there."""
    header = "watcher_session=theirs; __Host-watcher_session=mine; __Secure-watcher_session=other"
    assert session_secret(HTTPS | {"HTTP_COOKIE": header}, "") == "mine"
    with pytest.raises(SignInError):
        session_secret(HTTPS | {"HTTP_COOKIE": f"{header}; __HOST-watcher_session=theirs"}, "")
