"""The wire: one GET, in bounded time and memory, to one host, believing nothing.

urllib3 times each ``recv`` by itself, so a body that drips never ends: a timer shuts the socket
down at the deadline instead. No redirect is followed (``WWW-Authenticate`` would go along), and no
content is decoded (a bomb would go off).
"""

import http.client
import ipaddress
import logging
import re
import socket
import ssl
import threading
from contextlib import suppress
from typing import Any, NamedTuple, Self
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
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

from pixelgen.pixlab.client.errors import FINAL, UNAVAILABLE, Cancelled, Failure
from pixelgen.pixlab_api import is_loopback

_PIECE = 64 << 10
_CONNECT_SECONDS = 10.0
_SILENCE_SECONDS = 30.0
_LENGTH = re.compile(r"[0-9]{1,18}")
_INVALID_LENGTH = "its answer has an invalid Content-Length"
_thread = threading.local()


class Reply(NamedTuple):
    """What came back: status, headers by lower-case name, and the body as it was sent."""

    status: int
    headers: dict[str, str]
    body: bytes


class Deadline:
    """The end of a request: cuts its connection when the time is over, or when it is cancelled."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.is_over = False
        self.is_cancelled = False
        self._connection: HTTPConnection | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(max(seconds, 0), self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        _thread.deadline = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            self._connection = None

    def watch(self, connection: HTTPConnection) -> None:
        """Take note of the connection that the request goes through."""
        with self._lock:
            self._connection = connection
            self._shut()

    def cancel(self) -> None:
        """End the request now."""
        self.is_cancelled = True
        self._cut()

    def check(self) -> None:
        """Raise where the time is over: what was read may be cut short."""
        if self.is_cancelled:
            raise Cancelled
        if self.is_over:
            raise Failure(UNAVAILABLE, f"it took longer than {self.seconds:.0f} s")

    def _cut(self) -> None:
        with self._lock:
            self.is_over = True
            self._shut()

    def _shut(self) -> None:
        connected = getattr(self._connection, "sock", None)
        if self.is_over and isinstance(connected, socket.socket):
            with suppress(OSError):  # not the TLS socket's own, which another thread is reading
                socket.socket.shutdown(connected, socket.SHUT_RDWR)


class _Watched(HTTPConnection):
    """A connection that the deadline of the thread's request can cut."""

    def connect(self) -> None:
        _thread.deadline.watch(self)
        super().connect()
        _thread.deadline.watch(self)  # it may be over, now that there is a socket
        if _thread.must_be_public:
            _check_public(self)

    def request(self, *args: Any, **kwargs: Any) -> None:
        _thread.deadline.watch(self)
        super().request(*args, **kwargs)


class _WatchedTls(_Watched, HTTPSConnection):
    """The same over TLS."""


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


class Wire:
    """Asks with GET, over kept connections, through the proxy that the environment names."""

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._managers: dict[str, urllib3.PoolManager] = {}
        self._lock = threading.Lock()
        # It would tell each request's address, and the key may be in it.
        logging.getLogger("urllib3.connectionpool").disabled = True

    def get(
        self,
        url: str,
        headers: dict[str, str],
        most_bytes: int,
        deadline: Deadline,
        *,
        public: bool = False,
    ) -> Reply:
        """Return the reply to a GET; with ``public``, of a host in the public network alone.

        Raises Failure for whatever is not a whole reply of at most so many bytes, within the
        deadline; Cancelled where that was cancelled.
        """
        host = urlsplit(url).hostname or ""
        proxy = _proxy_for(url, host)
        _thread.must_be_public = public and not proxy
        try:
            with deadline:
                reply = self._exchange(self._manager(proxy), url, headers, most_bytes)
                deadline.check()
                return reply
        except (HTTPError, OSError, ValueError) as error:
            deadline.check()
            raise _told(error, host) from None

    def _exchange(
        self, manager: urllib3.PoolManager, url: str, headers: dict[str, str], most_bytes: int
    ) -> Reply:
        left = _thread.deadline.seconds + 0.2  # so that the deadline, where it is nearer, is first
        response = manager.request(
            "GET", url, headers=headers, preload_content=False, decode_content=False,
            redirect=False, retries=False,
            timeout=urllib3.Timeout(min(_CONNECT_SECONDS, left), min(_SILENCE_SECONDS, left)),
        )  # fmt: skip
        try:
            named = {name.lower(): value for name, value in response.headers.items()}
            _check_framing(named)
            body = _body(response, most_bytes)
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return Reply(response.status, named, body)

    def _manager(self, proxy: str) -> urllib3.PoolManager:
        with self._lock:
            if proxy not in self._managers:
                self._managers[proxy] = self._make_manager(proxy)
            return self._managers[proxy]

    def _make_manager(self, proxy: str) -> urllib3.PoolManager:
        options: dict[str, Any] = {
            "maxsize": self._connections, "block": False,
            "ssl_context": ssl.create_default_context(),
        }  # fmt: skip
        manager = urllib3.PoolManager(**options)
        if proxy:
            parts = urlsplit(proxy)
            user = f"{parts.username}:{parts.password or ''}" if parts.username else None
            given = urllib3.make_headers(proxy_basic_auth=user and unquote(user))
            try:
                manager = urllib3.ProxyManager(proxy, proxy_headers=given, **options)
            except (HTTPError, ValueError):
                told = "the proxy that the environment names is none that http goes through"
                raise Failure(FINAL, told) from None
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        return manager


def _check_framing(headers: dict[str, str]) -> None:
    """Refuse a body whose end is not clear (RFC 9112, section 6.3), at which libraries guess."""
    lengths = {length.strip() for length in headers.get("content-length", "0").split(",")}
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths.pop()):
        raise Failure(FINAL, _INVALID_LENGTH)
    if headers.get("transfer-encoding", "chunked").lower() != "chunked":
        raise Failure(FINAL, "its answer has a Transfer-Encoding other than chunked")


def _body(response: urllib3.BaseHTTPResponse, most_bytes: int) -> bytes:
    """Read a body as it is sent, counting."""
    body = bytearray()
    while piece := response.read(_PIECE, decode_content=False):
        body += piece
        if len(body) > most_bytes:
            raise Failure(FINAL, f"its answer is longer than {most_bytes:,} bytes")
    return bytes(body)


def _proxy_for(url: str, host: str) -> str:
    """Return the proxy that the environment names for an address; '' if none."""
    if is_loopback(host) or proxy_bypass(host):
        return ""
    proxy = getproxies().get(urlsplit(url).scheme, "")
    return proxy if "://" in proxy or not proxy else f"http://{proxy}"


def _check_public(connection: HTTPConnection) -> None:
    """Refuse a host that turns out to be in this network, before anything is sent to it."""
    address = connection.sock.getpeername()[0]
    if not ipaddress.ip_address(address.partition("%")[0]).is_global:
        connection.close()
        raise Failure(FINAL, f"its link leads to {address}, which is not in the public network")


def _told(error: Exception, host: str) -> Failure:
    """Say what failed in words of our own: those of the library have the address in them."""
    if isinstance(error, InvalidHeader):  # of several lengths
        return Failure(FINAL, _INVALID_LENGTH)
    cause = error.__cause__ or (error.args[-1] if error.args else None)
    if isinstance(error, SSLError) and isinstance(error.args[0], ssl.SSLCertVerificationError):
        reason = error.args[0].verify_message
        return Failure(FINAL, f"the certificate of {host} is not to be trusted: {reason}")
    if isinstance(cause, http.client.HTTPException) and not isinstance(
        cause, http.client.IncompleteRead | http.client.RemoteDisconnected
    ):
        return Failure(FINAL, "what it answers is no HTTP")
    return Failure(UNAVAILABLE, _reason(error, cause, host))


def _reason(error: Exception, cause: object, host: str) -> str:
    detail = getattr(cause, "strerror", None) or ""
    if isinstance(cause, http.client.IncompleteRead):
        return "its answer was cut short"
    for kind, reason in (
        (NameResolutionError, f"the name {host} cannot be resolved"),
        (NewConnectionError, f"{host} cannot be reached{detail and f': {detail}'}"),
        (ConnectTimeoutError, f"{host} cannot be reached in time"),
        (ProxyError, "the proxy does not let it through"),
        (SSLError, "the encrypted connection failed"),
        (ReadTimeoutError, "nothing came for too long"),
        (ProtocolError, f"the connection broke off{detail and f': {detail}'}"),
    ):
        if isinstance(error, kind):
            return reason
    return "the request failed"
