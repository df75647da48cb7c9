"""The transport: one GET, in bounded time and memory, to one host.

No redirect is followed (``WWW-Authenticate`` would go along), and no content is decoded (a bomb
would go off).
"""

import http.client
import logging
import re
import ssl
import threading
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InvalidHeader,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from pixelgen.pixlab.client.connection import Deadline, HttpPool, HttpsPool
from pixelgen.pixlab.client.errors import PERMANENT, UNAVAILABLE, Failure
from pixelgen.pixlab_api import is_loopback

_READ_BYTES = 64 << 10
_CONNECT_SECONDS = 10.0
_READ_SECONDS = 30.0
_LENGTH = re.compile(r"[0-9]{1,18}")
_INVALID_LENGTH = "invalid Content-Length in the response"


class Response(NamedTuple):
    """A response: its status, its headers by lower-case name, and its body as it was sent."""

    status: int
    headers: dict[str, str]
    body: bytes


class Transport:
    """Makes GET requests over persistent connections, through the proxy of the environment."""

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._managers: dict[str, urllib3.PoolManager] = {}
        self._lock = threading.Lock()
        _disable_urllib3_log()

    def get(
        self,
        url: str,
        headers: dict[str, str],
        max_bytes: int,
        deadline: Deadline,
        *,
        public_only: bool = False,
    ) -> Response:
        """Return the response to a GET; ``public_only`` refuses hosts of private networks.

        Raises:
            Failure: For whatever is not a whole response of at most so many bytes, within the
                deadline.
            Cancelled: Where that was cancelled.
        """
        host = urlsplit(url).hostname or ""
        proxy = _proxy_for(url, host)
        try:
            with deadline.limit_request(public_only=public_only and not proxy):
                response = _exchange(self._manager(proxy), url, headers, max_bytes, deadline)
                deadline.check()
                return response
        except (HTTPError, OSError, ValueError) as error:
            deadline.check()
            raise _to_failure(error, host) from None

    def _manager(self, proxy: str) -> urllib3.PoolManager:
        with self._lock:
            if proxy not in self._managers:
                self._managers[proxy] = _make_manager(proxy, self._connections)
            return self._managers[proxy]


def _disable_urllib3_log() -> None:
    """Keep urllib3 from logging: it logs each URL, and the key may be in it.

    For the whole process and for good, so that no handler set up later prints a key.
    """
    logging.getLogger("urllib3.connectionpool").disabled = True


def _make_manager(proxy: str, connections: int) -> urllib3.PoolManager:
    options: dict[str, Any] = {
        "maxsize": connections, "block": False, "ssl_context": ssl.create_default_context(),
    }  # fmt: skip
    manager = urllib3.PoolManager(**options)
    if proxy:
        parts = urlsplit(proxy)
        user = f"{parts.username}:{parts.password or ''}" if parts.username else None
        headers = urllib3.make_headers(proxy_basic_auth=user and unquote(user))
        try:
            manager = urllib3.ProxyManager(proxy, proxy_headers=headers, **options)
        except (HTTPError, ValueError):
            message = "invalid proxy in the environment: must be an http:// or https:// address"
            raise Failure(PERMANENT, message) from None
    manager.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}
    return manager


def _exchange(
    manager: urllib3.PoolManager,
    url: str,
    headers: dict[str, str],
    max_bytes: int,
    deadline: Deadline,
) -> Response:
    left = deadline.seconds + 0.2  # so that the deadline, where it is nearer, is first
    response = manager.request(
        "GET", url, headers=headers, preload_content=False, decode_content=False,
        redirect=False, retries=False,
        timeout=urllib3.Timeout(min(_CONNECT_SECONDS, left), min(_READ_SECONDS, left)),
    )  # fmt: skip
    try:
        received = {name.lower(): value for name, value in response.headers.items()}
        _check_framing(received)
        body = _read_body(response, max_bytes)
    except BaseException:
        response.close()
        raise
    response.release_conn()
    return Response(response.status, received, body)


def _check_framing(headers: dict[str, str]) -> None:
    """Refuse a body whose end is not clear (RFC 9112, section 6.3), at which libraries guess."""
    lengths = {length.strip() for length in headers.get("content-length", "0").split(",")}
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths.pop()):
        raise Failure(PERMANENT, _INVALID_LENGTH)
    if headers.get("transfer-encoding", "chunked").lower() != "chunked":
        raise Failure(PERMANENT, "unsupported Transfer-Encoding: must be chunked")


def _read_body(response: urllib3.BaseHTTPResponse, max_bytes: int) -> bytes:
    body = bytearray()
    while data := response.read(_READ_BYTES, decode_content=False):
        body += data
        if len(body) > max_bytes:
            raise Failure(PERMANENT, f"the response is longer than {max_bytes:,} bytes")
    return bytes(body)


def _proxy_for(url: str, host: str) -> str:
    """Return the proxy that the environment names for a URL; '' if none."""
    if is_loopback(host) or proxy_bypass(host):
        return ""
    proxy = getproxies().get(urlsplit(url).scheme, "")
    return proxy if "://" in proxy or not proxy else f"http://{proxy}"


def _to_failure(error: Exception, host: str) -> Failure:
    """Describe an error in words of our own: those of the library have the URL in them."""
    if isinstance(error, InvalidHeader):  # of several lengths
        return Failure(PERMANENT, _INVALID_LENGTH)
    cause = error.__cause__ or (error.args[-1] if error.args else None)
    if isinstance(error, SSLError) and isinstance(error.args[0], ssl.SSLCertVerificationError):
        reason = error.args[0].verify_message
        return Failure(PERMANENT, f"the certificate of {host} is not trusted: {reason}")
    if isinstance(cause, http.client.HTTPException) and not isinstance(
        cause, http.client.IncompleteRead | http.client.RemoteDisconnected
    ):
        return Failure(PERMANENT, "the response is not valid HTTP")
    return Failure(UNAVAILABLE, _network_problem(error, cause, host))


def _network_problem(error: Exception, cause: object, host: str) -> str:
    strerror = getattr(cause, "strerror", None)
    detail = f": {strerror}" if strerror else ""
    if isinstance(cause, http.client.IncompleteRead):
        return "the response was cut short"
    for error_type, message in (
        (NameResolutionError, f"the name {host} cannot be resolved"),
        (NewConnectionError, f"{host} cannot be reached{detail}"),
        (ConnectTimeoutError, f"the connection to {host} timed out"),
        (ProxyError, "the proxy refused the connection"),
        (SSLError, "the TLS connection failed"),
        (ReadTimeoutError, "no data came for too long"),
        (ProtocolError, f"the connection was lost{detail}"),
    ):
        if isinstance(error, error_type):
            return message
    return "the request failed"
