"""A server that does everything wrong, by raw sockets: ``/CASE/pixelgenerate`` has fault CASE.

Run as a program it prints its ports as JSON, and writes each request it gets as a line of JSON to
the file it is given. Beside plain HTTP it listens with TLS, once for each certificate.
"""

import io
import json
import os
import socket
import ssl
import struct
import sys
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import repeat
from pathlib import Path
from select import select

from PIL import Image

SIZE = (64, 48)
_DRIP = 0.2  # seconds between two pieces: none is late enough to be missed
CERTIFICATES = ("good", "unknown", "wrong", "expired")


def image(size: tuple[int, int] = SIZE, kind: str = "PNG") -> bytes:
    """Return an image file of noise."""
    buffer = io.BytesIO()
    Image.frombytes("RGB", size, os.urandom(3 * size[0] * size[1])).save(buffer, kind)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_claiming(side: int, data: bytes) -> bytes:
    """Return a PNG of one bit a pixel that claims a side, and holds some deflated data."""
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = (chunk(b"IHDR", head), chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def half_rows() -> bytes:
    """Return a PNG, right in all its chunks, that has half of its rows."""
    width, height = SIZE
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(height // 2 * (1 + width)))
    chunks = (chunk(b"IHDR", head), chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def deflated_zeros(count: int) -> bytes:
    """Return so many zero bytes, in whole MiB, deflated, in no time: one block again and again."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    size = count >> 20 << 20
    adler = (size % 65521) << 16 | 1
    return b"\x78\xda" + (size >> 20) * block + b"\x03\x00" + struct.pack(">I", adler)


def http_response(
    body: bytes, status: str = "200 OK", kind: str = "image/png", *more: str, length: int = -1
) -> bytes:
    """Return an HTTP response that says, as is true of all here, that the connection closes.

    Else a retry at once may go through the old connection, just before it closes, and be lost.
    """
    size = len(body) if length < 0 else length
    lines = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {size}", *more)
    return "\r\n".join((*lines, "Connection: close")).encode() + b"\r\n\r\n" + body


def raw_response(body: bytes, *headers: str) -> bytes:
    """Return an HTTP response with a body and these headers alone."""
    return "\r\n".join(("HTTP/1.1 200 OK", *headers)).encode() + b"\r\n\r\n" + body


def chunked_response(body: bytes, last: bytes = b"0\r\n\r\n") -> bytes:
    """Return an HTTP response whose body is in chunks of 1000 bytes, and the last one."""
    pieces = (body[place : place + 1000] for place in range(0, len(body), 1000))
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return raw_response(chunks + last, "Transfer-Encoding: chunked")


def json_response(value: object, status: str = "200 OK", *more: str) -> bytes:
    """Return an HTTP response in JSON."""
    return http_response(json.dumps(value).encode(), status, "application/json", *more)


class Call:
    """A request: its connection, its head, how many came for this case before, and the port."""

    def __init__(self, connection: socket.socket, head: bytes, earlier: int, port: int) -> None:
        self.connection, self.head, self.earlier, self.port = connection, head, earlier, port

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def send_slowly(self, pieces: Iterable[bytes]) -> None:
        """Send pieces slowly, for as long as the client is there."""
        for piece in pieces:
            self.send(piece)
            if self.wait_for_disconnect(_DRIP):
                return

    def wait_for_disconnect(self, seconds: float | None = None) -> bool:
        """Wait until the client has disconnected, or for so long; return whether it has."""
        return bool(select([self.connection], [], [], seconds)[0])

    def link(self, link: object) -> None:
        self.send(json_response({"status": 200, "link": link, "ssl_link": link, "id": "24p1.png"}))

    @property
    def is_link(self) -> bool:
        return b"/media/" in self.head.split(b"\r\n")[0]


Case = Callable[[Call], None]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


def add_response(name: str, make: Callable[[], bytes]) -> None:
    """Add a case that always gives one response."""
    CASES[name] = lambda call: call.send(make())


def add_link(name: str, link: object) -> None:
    """Add a case that responds with a link."""
    CASES[name] = lambda call: call.link(link)


add_response("ok", lambda: http_response(image()))
add_response("short_image", lambda: http_response(image()[:-100]))
add_response("half_image", lambda: http_response(image()[:4000]))
add_response("empty", lambda: http_response(b""))
add_response("png_without_end", lambda: http_response(image()[:-12]))
add_response("png_with_more", lambda: http_response(image() + b"more"))
add_response("two_pngs", lambda: http_response(2 * image()))
add_response("jpeg_without_end", lambda: http_response(image(kind="JPEG")[:-2]))
add_response("jpeg_with_more", lambda: http_response(image(kind="JPEG") + b"more"))
add_response("png_of_half_rows", lambda: http_response(half_rows()))
add_response("wrong_size", lambda: http_response(image((65, 48))))
add_response(
    "huge_image", lambda: http_response(png_claiming(40_000, deflated_zeros(40_000 * 5001)))
)
add_response("huge_claim", lambda: http_response(png_claiming(60_000, b"")))
add_response("other_format", lambda: http_response(image(kind="BMP")))
add_response("short_body", lambda: http_response(image()[:-100], length=len(image())))
add_response(
    "many_headers", lambda: http_response(image(), "200 OK", "image/png", *["X: y"] * 5000)
)
add_response(
    "long_header", lambda: http_response(image(), "200 OK", "image/png", "X: " + "y" * (1 << 20))
)
add_response("garbage", lambda: os.urandom(5000).replace(b"\n", b"") + b"\n")
add_response(
    "fault", lambda: json_response({"status": 500, "error": "oops"}, "500 Oops", "Retry-After: 0")
)
add_response("fault_in_html", lambda: http_response(b"<html>", "503 Busy", "text/html"))
add_response(
    "rate_for_a_day", lambda: json_response({"status": 429}, "429 Slow", "Retry-After: 86400")
)
add_response("rate_in_html", lambda: http_response(b"<h1>", "429 Slow", "text/html"))
add_response(
    "key_refused", lambda: json_response({"status": 401, "error": "Invalid key"}, "401 No")
)
add_response("status_in_json", lambda: json_response({"status": 403, "error": "no"}))
add_response(
    "bad_request", lambda: json_response({"status": 400, "error": "\x1b[31mbad\nwidth"}, "400 Bad")
)
add_response("html", lambda: http_response(b"<html>hello</html>", "200 OK", "text/html"))
add_response("cut_json", lambda: http_response(b'{"status":200,', "200 OK", "application/json"))
add_response("deep_json", lambda: http_response(b"[" * 200_000, "200 OK", "application/json"))
add_response("list_json", lambda: http_response(b"[1]", "200 OK", "application/json"))
add_response(
    "json_for_image", lambda: json_response({"status": 200, "link": "https://pixlab.xyz/a.png"})
)
add_response(
    "redirect_elsewhere", lambda: http_response(b"", "302 Go", "t", "Location: http://192.0.2.1/")
)
add_response(
    "redirect_to_file", lambda: http_response(b"", "301 Go", "t", "Location: file:///etc/passwd")
)
add_response("chunk_without_end", lambda: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1" * (64 << 20))  # fmt: skip
add_response("huge_length", lambda: http_response(b"x" * 100, length=10**15))
add_response("bad_length", lambda: raw_response(image(), "Content-Length: -5"))
add_response("no_number_length", lambda: raw_response(image(), "Content-Length: all"))
add_response(
    "two_lengths", lambda: raw_response(image(), "Content-Length: 9", "Content-Length: 10")
)
add_response("length_too_small", lambda: http_response(image(), length=1000))
add_response("chunks", lambda: chunked_response(image()))
add_response("chunks_without_last", lambda: chunked_response(image(), b""))
add_response("chunk_cut", lambda: chunked_response(image())[:-1000])
add_response("packed_chunks", lambda: raw_response(image(), "Transfer-Encoding: gzip, chunked"))
add_response("closed", lambda: raw_response(image(), "Connection: close"))
add_response("closed_early", lambda: raw_response(image()[:-12], "Connection: close"))
add_response("wrong_type", lambda: http_response(image(), "200 OK", "image/jpeg"))
add_response("part", lambda: http_response(image(), "206 Partial Content"))
add_response("status_is_text", lambda: json_response({"status": "200 \x1b[31m", "error": "no"}))
add_link("link_to_file", "file:///etc/passwd")
add_link("link_in_plain_http", "http://10.0.0.1/a.png")
add_link("link_to_metadata", "http://192.0.2.1/latest/meta-data")
add_link("link_to_unlisted", "https://example.org/a.png")
add_link("link_to_other_bucket", "https://s3.amazonaws.com/other/a.png")
add_link("link_out_of_bucket", "https://s3.amazonaws.com/media.pixlab.xyz/%2e%2e/other/a.png")
add_link("link_with_suffix", "https://evilpixlab.xyz/a.png")
add_link("link_is_number", 42)
add_link("link_with_nul", "https://pixlab.xyz/a\x00.png")
add_link("link_with_space", "https://pixlab.xyz /a.png")
add_response("link_missing", lambda: json_response({"status": 200, "id": "x"}))


@case
def rate_once(call: Call) -> None:
    slow = json_response({"status": 429}, "429 Slow", "Retry-After: 1")
    call.send(http_response(image()) if call.earlier else slow)


@case
def fault_twice(call: Call) -> None:
    call.send(
        http_response(image()) if call.earlier > 1 else json_response({"status": 503}, "503 Busy")
    )


@case
def wrong_once(call: Call) -> None:
    call.send(http_response(image() if call.earlier else image((65, 48))))


@case
def stalled_headers(call: Call) -> None:
    call.wait_for_disconnect()


@case
def stalled_body(call: Call) -> None:
    call.send(http_response(image()[:-100], length=len(image())))
    call.wait_for_disconnect()


@case
def slow_body(call: Call) -> None:
    call.send(raw_response(b"", "Content-Length: 80000"))
    call.send_slowly(repeat(b"x", 80_000))


@case
def slow_body_then_close(call: Call) -> None:
    call.send(http_response(b"", length=80_000))
    call.send_slowly(repeat(b"x", 80_000))


@case
def slow_headers(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nX: ")
    call.send_slowly(repeat(b"y", 20_000))


@case
def reset(call: Call) -> None:
    call.send(http_response(image())[:200])
    call.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@case
def bomb(call: Call) -> None:
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = b"\x1f\x8b\x08" + bytes(6) + b"\xff" + 400 * block  # a gzip header, 400 MiB of zeros
    call.send(http_response(packed, "200 OK", "image/png", "Content-Encoding: gzip"))


@case
def endless(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
    while True:  # until the client has left
        call.send(bytes(1 << 20))


@case
def redirect_loop(call: Call) -> None:
    call.send(
        http_response(b"", "302 Go", "t", f"Location: http://127.0.0.1:{call.port}/redirect_loop/")
    )


@case
def key_echoed(call: Call) -> None:
    key = call.head.decode().partition("WWW-Authenticate: ")[2].partition("\r")[0]
    call.send(json_response({"status": 400, "error": f"what is {key}?"}, "400 Bad"))


@case
def link_followed(call: Call) -> None:
    call.send(http_response(image())) if call.is_link else call.link(
        f"http://127.0.0.1:{call.port}/link_followed/media/24p1.png"
    )


@case
def link_to_nothing(call: Call) -> None:
    call.send(http_response(b"", "404 No")) if call.is_link else call.link(
        f"http://127.0.0.1:{call.port}/link_to_nothing/media/24p1.png"
    )


@case
def link_redirected(call: Call) -> None:
    redirect = http_response(b"", "302 Go", "t", "Location: http://192.0.2.1/")
    call.send(redirect) if call.is_link else call.link(
        f"http://127.0.0.1:{call.port}/link_redirected/media/24p1.png"
    )


@case
def link_with_user(call: Call) -> None:
    call.link(f"http://user:pw@127.0.0.1:{call.port}/link_with_user/media/24p1.png")


@case
def link_to_other_port(call: Call) -> None:
    call.link("http://127.0.0.1:9/media/24p1.png")


class FaultyServer:
    """Listens on a free port of the loopback; with a context by TLS."""

    def __init__(self, log: Path, context: ssl.SSLContext | None = None) -> None:
        self._log, self._context = log, context
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    head += piece
                self._answer(connection, head)

    def _answer(self, connection: socket.socket, head: bytes) -> None:
        name = head.split(b" ")[1].split(b"/")[1].split(b"?")[0].decode()
        with self._lock, self._log.open("a") as log:
            earlier = self._counts[name]
            self._counts[name] += 1
            log.write(json.dumps([name, head.decode("latin-1")]) + "\n")
        CASES[name](Call(connection, head, earlier, self.port))


def raise_loopback() -> None:
    """Bring up the loopback of a network namespace that is new."""
    import fcntl

    up, set_flags = 0x1, 0x8914
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14x", b"lo", up))


def main(log: str, certificates: str, *names: str) -> None:
    if "isolated" in names:
        raise_loopback()
    ports = {"http": FaultyServer(Path(log)).port}
    for name in CERTIFICATES:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(Path(certificates) / f"{name}.pem")
        ports[name] = FaultyServer(Path(log), context).port
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    sys.stdin.read()  # until the test is over


if __name__ == "__main__":
    main(*sys.argv[1:])
