"""Connections that a deadline can cut, and that can be kept to public hosts.

urllib3 times each ``recv`` by itself, so a body that drips never ends: a timer shuts the socket
down at the deadline instead.
"""

import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from pixelgen.pixlab.client.errors import PERMANENT, UNAVAILABLE, Cancelled, Failure

_request = threading.local()
"""The limits of the request that a thread makes: urllib3 passes nothing of a request to connect."""


class Deadline:
    """The end of a request: cuts its connection when the time is over, or when it is cancelled."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.is_over = False
        self.is_cancelled = False
        self._connection: HTTPConnection | None = None
        self._socket: object = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(max(seconds, 0), self._cut)
        self._timer.daemon = True

    @contextmanager
    def limit_request(self, *, public_only: bool) -> Iterator[None]:
        """Apply to the connections of this thread's request; ``public_only`` refuses others."""
        _request.deadline, _request.public_only = self, public_only
        self._timer.start()
        try:
            yield
        finally:
            self._timer.cancel()
            with self._lock:
                self._connection = self._socket = None

    def watch(self, connection: HTTPConnection) -> None:
        """Remember the connection that the request goes through, to cut it."""
        with self._lock:
            self._connection = connection
            self._shut_down_if_over()

    def cancel(self) -> None:
        """End the request now."""
        self.is_cancelled = True
        self._cut()

    def check(self) -> None:
        """Raise where the time is over: what was read may be cut short."""
        if self.is_cancelled:
            raise Cancelled
        if self.is_over:
            raise Failure(UNAVAILABLE, f"the request took longer than {self.seconds:.0f} s")

    def _cut(self) -> None:
        with self._lock:
            self.is_over = True
            self._shut_down_if_over()

    def _shut_down_if_over(self) -> None:
        # A connection drops its socket where the response says that it closes, though the body is
        # still to come: the socket of before is the one to cut.
        self._socket = getattr(self._connection, "sock", None) or self._socket
        if self.is_over and isinstance(self._socket, socket.socket):
            with suppress(OSError):  # not the TLS socket's own, which another thread is reading
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _WatchedConnection(HTTPConnection):
    def connect(self) -> None:
        _request.deadline.watch(self)
        super().connect()
        _request.deadline.watch(self)  # it may be over, now that there is a socket
        if _request.public_only:
            _check_public(self)

    def request(self, *args: Any, **kwargs: Any) -> None:
        _request.deadline.watch(self)
        super().request(*args, **kwargs)


class _WatchedTlsConnection(_WatchedConnection, HTTPSConnection):
    """The same over TLS."""


class HttpPool(urllib3.HTTPConnectionPool):
    """A pool of connections that the deadline of a request can cut."""

    ConnectionCls = _WatchedConnection


class HttpsPool(urllib3.HTTPSConnectionPool):
    """The same over TLS."""

    ConnectionCls = _WatchedTlsConnection


def _check_public(connection: HTTPConnection) -> None:
    """Refuse a host that resolves to a private network, before anything is sent to it."""
    address = connection.sock.getpeername()[0]
    if not ipaddress.ip_address(address.partition("%")[0]).is_global:
        connection.close()
        message = f"the link leads to {address}, which is not a public address"
        raise Failure(PERMANENT, message)
