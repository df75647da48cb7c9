"""The server under requests that are malformed, slow, many, or in progress when it stops."""

import asyncio
import random
import re
import signal
import socket
import threading
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from select import select
from urllib.parse import quote, urlencode

import pytest

from pixelgen.pixlab.server.asgi import Receive
from pixelgen.pixlab.server.errors import HttpError
from pixelgen.pixlab.server.image_cache import CachedImage, ImageCache
from pixelgen.pixlab.server.worker_threads import ClientDisconnected, WorkerThreads
from tests.support.faults import wait_for
from tests.support.serving import (
    KEY,
    TIMEOUT,
    Server,
    get,
    held_request,
    open_connections,
    read_until_closed,
    resident_kib,
    serving,
)

pytest.importorskip("granian", reason="granian is not installed")


@pytest.mark.cli
def test_log_has_each_request_without_its_query(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.get(width=5)
        server.send("GET", "/a%0Ab?key=SECRET-2")
    log = server.log.read_text()

    assert re.search(r"^127\.0\.0\.1 GET /pixelgenerate 200 \d+ \d+ms$", log, re.MULTILINE)
    assert re.search(r"^127\.0\.0\.1 GET /a%0Ab 404 \d+ \d+ms$", log, re.MULTILINE)
    assert "SECRET" not in log


def test_the_image_cache_is_limited_in_bytes_and_time() -> None:
    cache = ImageCache(100, 3600)
    names = [cache.put(CachedImage(bytes(40), "png")) for _ in range(4)]

    assert [cache.get(name) is not None for name in names] == [False, False, True, True]
    assert cache.bytes == 80
    gone = ImageCache(100, 0)
    name = gone.put(CachedImage(b"x", "png"))
    assert wait_for(lambda: gone.get(name) is None, TIMEOUT)
    assert gone.bytes == 0


async def stay() -> dict[str, object]:
    """Receive nothing, as from a client that waits."""
    await asyncio.Event().wait()
    raise AssertionError


def test_work_of_a_disconnected_client_is_dropped() -> None:
    began, go, left = threading.Event(), threading.Event(), asyncio.Event()
    ran: list[str] = []

    def work(name: str) -> bytes:
        ran.append(name)
        began.set()
        assert go.wait(TIMEOUT)
        return name.encode()

    async def leave() -> dict[str, object]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def clients() -> list[bytes | BaseException]:
        workers = WorkerThreads(threads=1, queue_size=3)

        def start(name: str, receive: Receive) -> asyncio.Task[bytes]:
            return asyncio.create_task(workers.run(partial(work, name), receive))

        tasks = [start("a", leave), start("b", stay), start("c", leave), start("d", stay)]
        assert await asyncio.to_thread(began.wait, TIMEOUT)
        with pytest.raises(HttpError, match="busy"):
            await start("e", stay)
        left.set()
        await asyncio.wait((tasks[0], tasks[2]))
        tasks.append(start("f", stay))
        await asyncio.sleep(0)
        assert ran == ["a"]
        go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    done = asyncio.run(clients())
    assert [type(each) for each in done] == [
        ClientDisconnected,
        bytes,
        ClientDisconnected,
        bytes,
        bytes,
    ]
    assert ran == ["a", "b", "d", "f"]


def test_work_that_ends_at_once_is_done_and_its_errors_are_raised() -> None:
    def work(number: int) -> bytes:
        if number % 7 == 0:
            raise ValueError(number)
        return bytes(number)

    async def clients() -> list[bytes | BaseException]:
        workers = WorkerThreads(threads=2, queue_size=2000)
        runs = [workers.run(partial(work, number), stay) for number in range(2000)]
        return await asyncio.gather(*runs, return_exceptions=True)

    for number, done in enumerate(asyncio.run(clients())):
        assert isinstance(done, ValueError) if number % 7 == 0 else done == bytes(number)


def is_open(line: socket.socket) -> bool:
    """Return whether a connection is open and nothing has been received."""
    return not select([line], [], [], 0)[0]


@pytest.mark.slow
@pytest.mark.cli
def test_slow_clients_are_disconnected_and_delay_nobody(tmp_path: Path) -> None:
    """The server's own timeout for heads, which is that for readers, is the clock."""
    large = get(f"/pixelgenerate?width=4000&noise=solid&export=bmp&blob=1&{urlencode(KEY)}")
    with serving(tmp_path) as server, ExitStack() as stack:
        (reader,) = open_connections(server, 1, stack)
        reader.sendall(large)
        assert wait_for(lambda: server.statuses == [200], TIMEOUT)
        for count in (400, 1):  # one after the other, so that the reader has had twice its time
            slow = open_connections(server, count, stack)
            for each in slow:
                each.sendall(b"GET /pixelgenerate?width=5 HTTP/1.1\r\nHost: local")
            assert server.send("GET", "/status").status == 200
            assert is_open(slow[-1])  # so the status did not wait for its end
            for each in slow:
                with suppress(ConnectionResetError):
                    read_until_closed(each)
        assert (
            len(read_until_closed(reader)) < 4000 * 4000 * 3
        )  # it did not read its response in time


HOST = b"Host: localhost\r\n"


@pytest.mark.parametrize(
    "lines", [b"X: a\r\n" * 64, b"X: a\r\n" * 99, b"X: %b\r\n" % (b"a" * (32 << 10)),
              b"X: %b\r\n" % (b"a" * 200_000), b"%b: a\r\n" % (b"a" * (32 << 10)),
              (b"X: %b\r\n" % (b"a" * 1000)) * 40],
    ids=len,
)  # fmt: skip
def test_headers_beyond_the_limits_are_refused_in_json(server: Server, lines: bytes) -> None:
    reply = server.send_raw(b"GET /status HTTP/1.1\r\n" + HOST + lines + b"\r\n")

    assert reply.json["status"] == 431
    assert re.search(r"\b64\b.*\b32,768\b", reply.json["error"])


def test_headers_within_the_limits_are_accepted(server: Server) -> None:
    lines = b"X: a\r\n" * 62 + b"X: %b\r\n" % (b"a" * 32_000)

    assert server.send_raw(b"GET /status HTTP/1.1\r\n" + HOST + lines + b"\r\n").status == 200


@pytest.mark.parametrize("target", ["/" + "a" * 9000, "/status?" + "a" * 9000, "/?" + "a" * 60_000])
def test_a_target_beyond_the_limit_is_refused_in_json(server: Server, target: str) -> None:
    reply = server.send("GET", target)

    assert reply.json["status"] == 414
    assert "8,192" in reply.json["error"]
    assert "POST" in reply.json["error"]


@pytest.mark.parametrize("chunks", [b"zz\r\n", b"5\r\nwidth-and-more\r\n", b"-1\r\n\r\n"])
def test_a_body_in_malformed_chunks_is_refused_in_json(server: Server, chunks: bytes) -> None:
    head = b"POST /pixelgenerate?width=5&key=x HTTP/1.1\r\n" + HOST
    reply = server.send_raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)

    assert reply.json["status"] == 400
    assert "body" in reply.json["error"]


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "OPTIONS", "get", "PROPFIND"])
def test_a_method_that_is_not_served_is_refused_in_json(server: Server, method: str) -> None:
    request = f"{method} /status HTTP/1.1\r\n".encode() + HOST + b"\r\n"

    assert server.send_raw(request).json["status"] == 405


@pytest.mark.parametrize(
    ("request_line", "lines", "status"),
    [(b"\0garbage", HOST, 400), (b"GET", HOST, 400), (b"GET /", HOST, 400),
     (b"G@T / HTTP/1.1", HOST, 400), (b"GET /a b HTTP/1.1", HOST, 400),
     (b"GET / HTTP/9.9", HOST, 400), (b"GET /\"<> HTTP/1.1", HOST, 400),
     (b"GET /%b HTTP/1.1" % (b"a" * 70_000), HOST, 414),
     (b"GET / HTTP/1.1", HOST + b"X : a\r\n", 400), (b"GET / HTTP/1.1", HOST + b"X\r\n", 400),
     (b"GET / HTTP/1.1", HOST + b"X: a\0\r\n", 400),
     (b"GET / HTTP/1.1", HOST + b"X: a\r\n" * 100, 431),
     (b"POST / HTTP/1.1", HOST + b"Content-Length: -1\r\n", 400),
     (b"POST / HTTP/1.1", HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n", 400),
     (b"POST / HTTP/1.1", HOST + b"Transfer-Encoding: gzip\r\n", 400)],
    ids=range(15),
)  # fmt: skip
def test_what_granian_refuses_has_its_status_and_no_body(
    server: Server, request_line: bytes, lines: bytes, status: int
) -> None:
    """Such a request does not reach the application, and granian has no hook for the response."""
    reply = server.send_raw(request_line + b"\r\n" + lines + b"\r\n")

    assert (reply.status, reply.body) == (status, b"")
    assert server.send("GET", "/status").status == 200


def hostile(dice: random.Random) -> bytes:
    """Return a random hostile request."""
    words = ["0", "-1", "1e9", "65000", "%00", "%zz", "../..", "\u00e9", "9" * 400, "none", "#", ""]
    words += ["5"]
    names = ["width", "height", "color", "export", "blob", "key", "seed", "noise", "density", "x"]
    paths = ["/pixelgenerate", "/newimage", "/media/x", "/status", "/" + "a" * 3000, "//", "*"]
    bodies = [b"", b"", b"{", b"[" * 9999, b"width=1&width=1", bytes(2000), b'{"width":1}']
    kinds = [
        "", "Content-Type: application/json", "Content-Type: multipart/form-data",
        "X: " + "y" * 5000, "Transfer-Encoding: chunked", "Host: x",
    ]  # fmt: skip
    fields = "&".join(
        f"{dice.choice(names)}={quote(dice.choice(words), safe='%#/')}"
        for _ in range(dice.randrange(9))
    )
    method = dice.choice(["GET", "GET", "POST", "HEAD", "PUT", "TRACE", "G@T", "get"])
    path, body, kind = dice.choice(paths), dice.choice(bodies), dice.choice(kinds)
    length = dice.choice([len(body), len(body), len(body), -1, "x"])
    head = (
        f"{method} {path}?{fields} HTTP/1.1", "Host: localhost", *filter(None, [kind]),
        f"Content-Length: {length}", "Connection: close",
    )  # fmt: skip
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@pytest.mark.cli
@pytest.mark.slow
def test_hostile_requests_cause_no_error_and_leak_no_memory(tmp_path: Path) -> None:
    dice, codes = random.Random(6), []
    with serving(tmp_path, "-q") as server:
        for number in range(10_000):
            line = socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT)
            with line, suppress(OSError):
                line.sendall(hostile(dice))
                line.shutdown(socket.SHUT_WR)
                response = read_until_closed(line)
                codes += [int(response.split()[1])] if response else []
            if number == 500:
                before = resident_kib(server.process)
        assert resident_kib(server.process) - before < 50 << 10
        assert server.get(width=5).status == 200
    assert server.log.read_text() == ""
    assert len(codes) > 5000
    assert not [code for code in codes if code >= 500]


def is_listening(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), TIMEOUT).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_request_in_progress_is_answered_before_shutdown(tmp_path: Path, number: int) -> None:
    with held_request(tmp_path) as (server, line, image, _):
        server.process.send_signal(number)
        assert wait_for(lambda: not is_listening(server), TIMEOUT)
        image.close()
        assert line.recv(12) == b"HTTP/1.1 200"
        assert server.process.wait(TIMEOUT) == 0


@pytest.mark.cli
@pytest.mark.slow
def test_request_that_outlasts_the_shutdown_gets_no_response(tmp_path: Path) -> None:
    with held_request(tmp_path) as (server, line, _, _):
        server.process.terminate()
        with suppress(ConnectionResetError):
            assert line.recv(1 << 16) == b""
        assert server.process.wait(TIMEOUT) == 0
        assert "Error" not in server.log.read_text()
