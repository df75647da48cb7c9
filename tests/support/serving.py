"""A running server, and requests to it over real sockets."""

import http.client
import io
import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from PIL import Image

from tests.support.command import COMMAND
from tests.support.held import PORT

KEY = {"key": "SECRET-0123456789"}
ROOT = Path(__file__).parents[2]
TIMEOUT = 120.0  # seconds, which nothing takes unless it hangs


class Reply(NamedTuple):
    """What came back: status, headers by lower-case name, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/json"
        found: dict[str, Any] = json.loads(self.body)
        assert found["status"] == self.status
        return found

    @property
    def image(self) -> Image.Image:
        return Image.open(io.BytesIO(self.body))


class Server(NamedTuple):
    """A running server: its process, its port, and the file of its log."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body or None, named)
            reply = connection.getresponse()
            got = {name.lower(): value for name, value in reply.getheaders()}
            return Reply(reply.status, got, reply.read())
        finally:
            connection.close()

    def get(self, path: str = "/pixelgenerate", /, **fields: object) -> Reply:
        return self.send("GET", f"{path}?{urlencode(KEY | fields)}")

    def send_raw(self, request: bytes) -> Reply:
        """Send bytes as they are, and read the one reply to them."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT) as line:
            line.sendall(request)
            reply = http.client.HTTPResponse(line)
            reply.begin()
            got = {name.lower(): value for name, value in reply.getheaders()}
            return Reply(reply.status, got, reply.read())

    @property
    def statuses(self) -> list[int]:
        """The statuses of the requests that are in the log so far."""
        return [int(line.split()[3]) for line in self.log.read_text().splitlines()]

    def blob(self, path: str = "/pixelgenerate", /, **fields: object) -> Image.Image:
        reply = self.get(path, blob="true", **fields)
        assert reply.status == 200, reply.body
        return reply.image


def open_connections(server: "Server", count: int, stack: ExitStack) -> list[socket.socket]:
    """Open so many connections."""
    address = ("127.0.0.1", server.port)
    return [stack.enter_context(socket.create_connection(address, TIMEOUT)) for _ in range(count)]


def read_until_closed(line: socket.socket) -> bytes:
    """Read until the other side closes."""
    return b"".join(iter(partial(line.recv, 1 << 20), b""))


class Gate(ExitStack):
    """Holds the images of the family ``held``, in processes with its environment.

    The family belongs to another package, which is installed in a folder.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        package = folder / "held-1.0.dist-info"
        package.mkdir()
        (package / "METADATA").write_text("Metadata-Version: 2.1\nName: held\nVersion: 1.0\n")
        (package / "entry_points.txt").write_text(
            "[pixelgen.families]\nheld = tests.support.held:Held\n"
        )
        self._listener = self.enter_context(socket.create_server(("127.0.0.1", 0)))
        self._listener.settimeout(TIMEOUT)
        folders = [str(folder), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = {
            PORT: str(self._listener.getsockname()[1]),
            "PYTHONPATH": os.pathsep.join(folders),
        }

    def wait_for_render(self) -> socket.socket:
        """Wait until an image is being made; it is released when the socket is closed."""
        line, _ = self._listener.accept()
        return self.enter_context(line)


@contextmanager
def serving(folder: Path, *options: str, **environment: str) -> Iterator[Server]:
    log = folder / "log"
    with log.open("w") as errors, subprocess.Popen(
        [COMMAND, "serve", "--port", "0", "--json", *options],
        cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True,
        env=os.environ | environment,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            started = json.loads(process.stdout.readline())
            assert started.keys() == {"url", "port"}
            yield Server(process, started["port"], log)
        finally:
            process.terminate()
            process.wait(TIMEOUT)


def get(path: str) -> bytes:
    """Return a GET request, after whose response the connection is closed."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()


def post(path: str, body: bytes) -> bytes:
    """Return a POST request."""
    length = f"Content-Length: {len(body)}"
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n".encode() + body


def resident_kib(process: subprocess.Popen[str]) -> int:
    """Return the resident memory of a process, in KiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.findall(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)[0])


HELD = get(f"/pixelgenerate?width=5&noise=held&blob=1&{urlencode(KEY)}")


class HeldRequest(NamedTuple):
    """A request whose image waits at the gate until ``image`` is closed."""

    server: Server
    line: socket.socket
    image: socket.socket
    stack: ExitStack


@contextmanager
def held_request(folder: Path, *options: str) -> Iterator[HeldRequest]:
    """Start a server, and let it begin an image that is held."""
    with Gate(folder) as gate, ExitStack() as stack:
        server = stack.enter_context(serving(folder, *options, **gate.environment))
        (line,) = open_connections(server, 1, stack)
        line.sendall(HELD)
        yield HeldRequest(server, line, gate.wait_for_render(), stack)
