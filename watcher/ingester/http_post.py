"""A POST over HTTP whose receiver decides nothing but its status: not how much is read, nor how long it takes.

Of the answer only the status line and the headers are read, which http.client bounds (64 KB a line, 100 lines);
a body is left unread, and nothing is decompressed, redirected, or taken through a proxy that an environment names.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

CONNECT_SECONDS = 5.0
SILENT_SECONDS = 15.0  # without a byte of the answer
WHOLE_SECONDS = 30.0  # for all of it together
_AS_IT_IS = "!#$%&'()*+,/:;=?@[]~"  # in an address: quoted already, or allowed (RFC 3986)
REASON_MOST = 80  # characters that are passed on of what a receiver says


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, whole_seconds: float = WHOLE_SECONDS
) -> tuple[int, str]:
    """Post something; the status and its reason, in printable characters. Raises OSError where no answer came.

    User and password in the address are sent as Basic.
    """
    address = urlsplit(url)
    try:
        connection = _connection(address.scheme, address.netloc.rpartition("@")[2])
    except http.client.InvalidURL as reason:
        raise OSError("the address has no such port") from reason
    sent_headers = dict(headers)
    if address.username is not None:
        secret = f"{unquote(address.username)}:{unquote(address.password or '')}"
        sent_headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
    # Who sends a byte now and then never lets a read time out: then the connection is cut from outside.
    over = threading.Event()
    limit = threading.Timer(whole_seconds, _cut, (connection, over))
    limit.daemon = True
    limit.start()
    try:
        connection.connect()
        connection.sock.settimeout(SILENT_SECONDS)
        target = quote((address.path or "/") + (f"?{address.query}" if address.query else ""), safe=_AS_IT_IS)
        connection.request("POST", target, body, sent_headers)
        answer = connection.getresponse()
        if over.is_set():  # the end that it read as one of the headers was our doing
            raise TimeoutError
        return answer.status, "".join(c for c in answer.reason[:REASON_MOST] if c.isprintable())
    except (http.client.HTTPException, ValueError) as reason:
        raise OSError(f"not an answer in HTTP ({type(reason).__name__})") from reason
    finally:
        limit.cancel()
        connection.close()


def _connection(scheme: str, host: str) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, timeout=CONNECT_SECONDS, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, timeout=CONNECT_SECONDS)


def _cut(connection: http.client.HTTPConnection, over: threading.Event) -> None:
    over.set()
    with contextlib.suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)
