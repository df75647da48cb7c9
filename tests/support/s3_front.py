"""An HTTP server in front of another one: requests pass, unless a test answers or cuts them."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, TypeAlias

_HOP = ("connection", "transfer-encoding", "content-length", "expect", "date", "server")


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def of_error(cls, status: int, code: str) -> "Answer":
        """Make the answer of S3 that tells an error."""
        text = f"<Error><Code>{code}</Code><Message>The answer is {code}.</Message></Error>"
        return cls(status, {"Content-Type": "application/xml"}, text.encode())


Rule: TypeAlias = Callable[[Request, Callable[[], Answer]], Answer | None]
"""Answers a request, of which the function given is what the server answers; None cuts it."""


class Front:
    """A server on loopback that passes requests on to a port, as its rule says."""

    def __init__(self, port: int) -> None:
        self.rule: Rule = lambda _, forward: forward()
        self._to = port
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                front.handle(self)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port: int = self.server.server_address[1]

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(length)
        if len(body) < length:  # the client was killed as it sent; S3 stores no part of an object
            handler.close_connection = True
            return
        request = Request(handler.command, handler.path, dict(handler.headers), body)
        answer = self.rule(request, lambda: self._forward(request))
        if answer is None:
            handler.close_connection = True
            return
        is_head = request.method == "HEAD"
        size = answer.headers.get("Content-Length", "0") if is_head else str(len(answer.body))
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in _HOP:
                handler.send_header(name, value)
        handler.send_header("Content-Length", size)
        handler.end_headers()
        handler.wfile.write(b"" if is_head else answer.body)

    def _forward(self, request: Request) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self._to)
        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in _HOP
        }
        connection.request(request.method, request.path, request.body or None, headers)
        found = connection.getresponse()
        answer = Answer(found.status, dict(found.getheaders()), found.read())
        connection.close()
        return answer


@contextmanager
def front(port: int) -> Iterator[Front]:
    """Start a server in front of a port; end it at the end."""
    made = Front(port)
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()
