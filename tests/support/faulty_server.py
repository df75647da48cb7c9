"""An endpoint that does everything wrong, by raw sockets: ``/CASE/pixelgenerate`` has fault CASE.

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


def claiming(side: int, data: bytes) -> bytes:
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


def zeros(count: int) -> bytes:
    """Return so many zero bytes, in whole MiB, deflated, in no time: one block again and again."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    size = count >> 20 << 20
    adler = (size % 65521) << 16 | 1
    return b"\x78\xda" + (size >> 20) * block + b"\x03\x00" + struct.pack(">I", adler)


def answer(
    body: bytes, status: str = "200 OK", kind: str = "image/png", *more: str, length: int = -1
) -> bytes:
    """Return an HTTP answer."""
    size = len(body) if length < 0 else length
    lines = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {size}", *more)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def framed(body: bytes, *headers: str) -> bytes:
    """Return an HTTP answer with a body and these headers alone."""
    return "\r\n".join(("HTTP/1.1 200 OK", *headers)).encode() + b"\r\n\r\n" + body


def in_chunks(body: bytes, last: bytes = b"0\r\n\r\n") -> bytes:
    """Return an HTTP answer whose body is in chunks of 1000 bytes, and the last one."""
    pieces = (body[place : place + 1000] for place in range(0, len(body), 1000))
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return framed(chunks + last, "Transfer-Encoding: chunked")


def told(value: object, status: str = "200 OK", *more: str) -> bytes:
    """Return an answer in JSON."""
    return answer(json.dumps(value).encode(), status, "application/json", *more)


class Call:
    """A request: its connection, its head, how many came for this case before, and the port."""

    def __init__(self, line: socket.socket, head: bytes, before: int, port: int) -> None:
        self.line, self.head, self.before, self.port = line, head, before, port

    def send(self, data: bytes) -> None:
        self.line.sendall(data)

    def drip(self, pieces: Iterable[bytes]) -> None:
        """Send pieces slowly, for as long as the client is there."""
        for piece in pieces:
            self.send(piece)
            if self.is_left(_DRIP):
                return

    def is_left(self, seconds: float | None = None) -> bool:
        """Wait until the client has left, or for so long; tell whether it has."""
        return bool(select([self.line], [], [], seconds)[0])

    def link(self, link: object) -> None:
        self.send(told({"status": 200, "link": link, "ssl_link": link, "id": "24p1.png"}))

    @property
    def is_link(self) -> bool:
        return b"/media/" in self.head.split(b"\r\n")[0]


Case = Callable[[Call], None]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


def sending(name: str, make: Callable[[], bytes]) -> None:
    """Add a case that always gives one answer."""
    CASES[name] = lambda call: call.send(make())


def leading(name: str, link: object) -> None:
    """Add a case that answers with a link."""
    CASES[name] = lambda call: call.link(link)


sending("ok", lambda: answer(image()))
sending("short_image", lambda: answer(image()[:-100]))
sending("half_image", lambda: answer(image()[:4000]))
sending("empty", lambda: answer(b""))
sending("png_without_end", lambda: answer(image()[:-12]))
sending("png_with_more", lambda: answer(image() + b"more"))
sending("two_pngs", lambda: answer(2 * image()))
sending("jpeg_without_end", lambda: answer(image(kind="JPEG")[:-2]))
sending("jpeg_with_more", lambda: answer(image(kind="JPEG") + b"more"))
sending("png_of_half_rows", lambda: answer(half_rows()))
sending("wrong_size", lambda: answer(image((65, 48))))
sending("huge_image", lambda: answer(claiming(40_000, zeros(40_000 * 5001))))
sending("huge_claim", lambda: answer(claiming(60_000, b"")))
sending("other_format", lambda: answer(image(kind="BMP")))
sending("short_body", lambda: answer(image()[:-100], length=len(image())))
sending("many_headers", lambda: answer(image(), "200 OK", "image/png", *["X: y"] * 5000))
sending("long_header", lambda: answer(image(), "200 OK", "image/png", "X: " + "y" * (1 << 20)))
sending("garbage", lambda: os.urandom(5000).replace(b"\n", b"") + b"\n")
sending("fault", lambda: told({"status": 500, "error": "oops"}, "500 Oops", "Retry-After: 0"))
sending("fault_in_html", lambda: answer(b"<html>", "503 Busy", "text/html"))
sending("rate_for_a_day", lambda: told({"status": 429}, "429 Slow", "Retry-After: 86400"))
sending("rate_in_html", lambda: answer(b"<h1>", "429 Slow", "text/html"))
sending("key_refused", lambda: told({"status": 401, "error": "Invalid key"}, "401 No"))
sending("status_in_json", lambda: told({"status": 403, "error": "no"}))
sending("bad_request", lambda: told({"status": 400, "error": "\x1b[31mbad\nwidth"}, "400 Bad"))
sending("html", lambda: answer(b"<html>hello</html>", "200 OK", "text/html"))
sending("cut_json", lambda: answer(b'{"status":200,', "200 OK", "application/json"))
sending("deep_json", lambda: answer(b"[" * 200_000, "200 OK", "application/json"))
sending("list_json", lambda: answer(b"[1]", "200 OK", "application/json"))
sending("json_for_image", lambda: told({"status": 200, "link": "https://pixlab.xyz/a.png"}))
sending("redirect_elsewhere", lambda: answer(b"", "302 Go", "t", "Location: http://192.0.2.1/"))
sending("redirect_to_file", lambda: answer(b"", "301 Go", "t", "Location: file:///etc/passwd"))
sending("chunk_without_end", lambda: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1" * (64 << 20))  # fmt: skip
sending("huge_length", lambda: answer(b"x" * 100, length=10**15))
sending("bad_length", lambda: framed(image(), "Content-Length: -5"))
sending("no_number_length", lambda: framed(image(), "Content-Length: all"))
sending("two_lengths", lambda: framed(image(), "Content-Length: 9", "Content-Length: 10"))
sending("length_too_small", lambda: answer(image(), length=1000))
sending("chunks", lambda: in_chunks(image()))
sending("chunks_without_last", lambda: in_chunks(image(), b""))
sending("chunk_cut", lambda: in_chunks(image())[:-1000])
sending("packed_chunks", lambda: framed(image(), "Transfer-Encoding: gzip, chunked"))
sending("closed", lambda: framed(image(), "Connection: close"))
sending("closed_early", lambda: framed(image()[:-12], "Connection: close"))
sending("wrong_type", lambda: answer(image(), "200 OK", "image/jpeg"))
sending("part", lambda: answer(image(), "206 Partial Content"))
sending("status_is_text", lambda: told({"status": "200 \x1b[31m", "error": "no"}))
leading("link_to_file", "file:///etc/passwd")
leading("link_in_plain_http", "http://10.0.0.1/a.png")
leading("link_to_metadata", "http://192.0.2.1/latest/meta-data")
leading("link_to_unlisted", "https://example.org/a.png")
leading("link_to_other_bucket", "https://s3.amazonaws.com/other/a.png")
leading("link_out_of_bucket", "https://s3.amazonaws.com/media.pixlab.xyz/%2e%2e/other/a.png")
leading("link_with_suffix", "https://evilpixlab.xyz/a.png")
leading("link_is_number", 42)
leading("link_with_nul", "https://pixlab.xyz/a\x00.png")
leading("link_with_space", "https://pixlab.xyz /a.png")
sending("link_missing", lambda: told({"status": 200, "id": "x"}))


@case
def rate_once(call: Call) -> None:
    slow = told({"status": 429}, "429 Slow", "Retry-After: 1")
    call.send(answer(image()) if call.before else slow)


@case
def fault_twice(call: Call) -> None:
    call.send(answer(image()) if call.before > 1 else told({"status": 503}, "503 Busy"))


@case
def wrong_once(call: Call) -> None:
    call.send(answer(image() if call.before else image((65, 48))))


@case
def stalled_headers(call: Call) -> None:
    call.is_left()


@case
def stalled_body(call: Call) -> None:
    call.send(answer(image()[:-100], length=len(image())))
    call.is_left()


@case
def slow_body(call: Call) -> None:
    call.send(answer(b"", length=80_000))
    call.drip(repeat(b"x", 80_000))


@case
def slow_headers(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nX: ")
    call.drip(repeat(b"y", 20_000))


@case
def reset(call: Call) -> None:
    call.send(answer(image())[:200])
    call.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@case
def bomb(call: Call) -> None:
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = b"\x1f\x8b\x08" + bytes(6) + b"\xff" + 400 * block  # a gzip header, 400 MiB of zeros
    call.send(answer(packed, "200 OK", "image/png", "Content-Encoding: gzip"))


@case
def endless(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
    while True:  # until the client has left
        call.send(bytes(1 << 20))


@case
def redirect_loop(call: Call) -> None:
    call.send(answer(b"", "302 Go", "t", f"Location: http://127.0.0.1:{call.port}/redirect_loop/"))


@case
def key_echoed(call: Call) -> None:
    key = call.head.decode().partition("WWW-Authenticate: ")[2].partition("\r")[0]
    call.send(told({"status": 400, "error": f"what is {key}?"}, "400 Bad"))


@case
def link_followed(call: Call) -> None:
    call.send(answer(image())) if call.is_link else call.link(
        f"http://127.0.0.1:{call.port}/link_followed/media/24p1.png"
    )


@case
def link_to_nothing(call: Call) -> None:
    call.send(answer(b"", "404 No")) if call.is_link else call.link(
        f"http://127.0.0.1:{call.port}/link_to_nothing/media/24p1.png"
    )


@case
def link_redirected(call: Call) -> None:
    elsewhere = answer(b"", "302 Go", "t", "Location: http://192.0.2.1/")
    call.send(elsewhere) if call.is_link else call.link(
        f"http://127.0.0.1:{call.port}/link_redirected/media/24p1.png"
    )


@case
def link_with_user(call: Call) -> None:
    call.link(f"http://user:pw@127.0.0.1:{call.port}/link_with_user/media/24p1.png")


@case
def link_to_other_port(call: Call) -> None:
    call.link("http://127.0.0.1:9/media/24p1.png")


class Endpoint:
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
            line, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with suppress(OSError):
            if self._context:
                line = self._context.wrap_socket(line, server_side=True)
            with line:
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = line.recv(65536)
                    if not piece:
                        return
                    head += piece
                self._answer(line, head)

    def _answer(self, line: socket.socket, head: bytes) -> None:
        name = head.split(b" ")[1].split(b"/")[1].split(b"?")[0].decode()
        with self._lock, self._log.open("a") as log:
            before = self._counts[name]
            self._counts[name] += 1
            log.write(json.dumps([name, head.decode("latin-1")]) + "\n")
        CASES[name](Call(line, head, before, self.port))


def raise_loopback() -> None:
    """Bring up the loopback of a network namespace that is new."""
    import fcntl

    up, set_flags = 0x1, 0x8914
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14x", b"lo", up))


def main(log: str, certificates: str, *names: str) -> None:
    if "isolated" in names:
        raise_loopback()
    ports = {"http": Endpoint(Path(log)).port}
    for name in CERTIFICATES:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(Path(certificates) / f"{name}.pem")
        ports[name] = Endpoint(Path(log), context).port
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    sys.stdin.read()  # until the test is over


if __name__ == "__main__":
    main(*sys.argv[1:])
