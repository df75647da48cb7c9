"""An endpoint that serves images and faults, and the command that fetches from it."""

import json
import threading
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from select import select
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.command import Done, Run
from tests.support.faulty_server import image, json_response
from tests.support.serving import Server

KEY = "SECRETKEY-0123"

FAULTS = ("size", "429", "503", "reset", "stall")


class Endpoint(ThreadingHTTPServer):
    """An endpoint that serves images, but every ``fault_every``-th time a fault, each in turn.

    After ``max_images`` images it rejects every key; with 429 it sends ``retry_after``. It counts
    its responses of each kind. Its images are those of the server ``upstream``, if there is one.
    """

    daemon_threads = True
    request_queue_size = 100

    def __init__(
        self, fault_every: int = 0, max_images: int = 1 << 30, upstream: Server | None = None
    ) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.fault_every, self.max_images, self.upstream = fault_every, max_images, upstream
        self.retry_after = 0
        self.counts: Counter[str] = Counter()
        self.request_heads: list[str] = []
        self._lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def requests(self) -> int:
        return len(self.request_heads)

    def next(self, head: str) -> str:
        """Record a request; return the kind of its response."""
        with self._lock:
            self.request_heads.append(head)
            due, rest = divmod(self.requests, self.fault_every) if self.fault_every else (0, 1)
            what = "image" if rest else FAULTS[due % len(FAULTS)]
            if what == "image" and self.counts["image"] >= self.max_images:
                what = "401"
            self.counts[what] += 1
            return what

    def handle_error(self, *_: object) -> None:
        """Print nothing of clients that were killed."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Endpoint

    def do_GET(self) -> None:
        what = self.server.next(f"{self.path}\n{self.headers}")
        if what in ("image", "size"):
            return self._send((64, 48) if what == "image" else (65, 48))
        if what == "stall":
            self._drip()
        elif what in ("429", "503", "401"):
            extra = (f"Retry-After: {self.server.retry_after}",) if what == "429" else ()
            refusal = json_response(
                {"status": int(what)}, f"{what} No", "Connection: close", *extra
            )
            self.wfile.write(refusal)
        self.close_connection = True
        return None

    def _drip(self) -> None:
        """Send a head that has no end, a byte at a time, until the client has left."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        with suppress(ConnectionError):
            while not select([self.connection], [], [], 0.2)[0]:
                self.wfile.write(b"y")

    def _send(self, size: tuple[int, int]) -> None:
        kind = parse_qs(urlsplit(self.path).query)["export"][0]
        data = image(size, kind) if self.server.upstream is None else self._forwarded(size)
        self.send_response(200)
        self.send_header("Content-Type", f"image/{kind.lower()}")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _forwarded(self, size: tuple[int, int]) -> bytes:
        assert self.server.upstream is not None
        path = self.path.replace("width=64", f"width={size[0]}")
        reply = self.server.upstream.send("GET", path, WWW_Authenticate=KEY)
        assert reply.status == 200, reply.body
        return reply.body

    def log_message(self, *_: object) -> None:
        pass


def remote_command(endpoint: Endpoint, *options: object) -> list[str]:
    fixed = ["generate", "--remote", "--remote-url", endpoint.url, "-s", "64x48", "-o", "set"]
    return [*fixed, *map(str, options)]


def rows_of(manifest: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in manifest.read_text().splitlines()]


def run_remote(run: Run, endpoint: Endpoint, *options: object, **environment: str) -> Done:
    return run(*remote_command(endpoint, *options), **{"PIXLAB_API_KEY": KEY} | environment)
