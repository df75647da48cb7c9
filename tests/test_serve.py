"""The endpoint, over real sockets: PixLab's contract, its limits, and clients of other hands."""

import asyncio
import hashlib
import http.client
import io
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from PIL import Image

from pixelgen.families.mix import Member, Mix
from pixelgen.families.point import Uniform
from pixelgen.job import Job
from pixelgen.parts import known
from pixelgen.serve.app import Rules, endpoint
from pixelgen.serve.asked import FORMATS, MOST_PIXELS, job_of
from pixelgen.serve.costs import FAMILY_COSTS, check_cost, estimate
from pixelgen.serve.fields import Refusal
from pixelgen.serve.makers import ClientLeft, Makers, Receive
from pixelgen.serve.shelf import Picture, Shelf
from tests.bench import costs
from tests.conftest import COMMAND, Run

pytest.importorskip("granian", reason="granian is not installed")

KEY = {"key": "SECRET-0123456789"}


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
    """A server at work: its process, its port, and the file of its log."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
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
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as line:
            line.sendall(request)
            reply = http.client.HTTPResponse(line)
            reply.begin()
            got = {name.lower(): value for name, value in reply.getheaders()}
            return Reply(reply.status, got, reply.read())

    def blob(self, path: str = "/pixelgenerate", /, **fields: object) -> Image.Image:
        reply = self.get(path, blob="true", **fields)
        assert reply.status == 200, reply.body
        return reply.image


def connected(server: "Server", count: int, stack: ExitStack) -> list[socket.socket]:
    """Open so many connections."""
    address = ("127.0.0.1", server.port)
    return [stack.enter_context(socket.create_connection(address)) for _ in range(count)]


def rest(line: socket.socket) -> bytes:
    """Read until the other side closes."""
    return b"".join(iter(partial(line.recv, 1 << 20), b""))


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
            told = json.loads(process.stdout.readline())
            assert told["status"] == 200
            yield Server(process, told["port"], log)
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("serve")) as server:
        yield server


# The contract


def test_an_answer_has_the_fields_of_pixlab_and_its_link_leads_to_the_image(
    server: Server,
) -> None:
    reply = server.get(width=30, height=20)
    told = reply.json

    assert list(told) == ["status", "link", "ssl_link", "id"]
    assert told["link"] == told["ssl_link"] == f"http://127.0.0.1:{server.port}/media/{told['id']}"
    assert re.fullmatch(r"24p[0-9a-f]{32}\.png", told["id"])
    for path in (f"/media/{told['id']}", f"/{told['id']}"):
        found = server.send("GET", path)
        assert found.headers["content-type"] == "image/png"
        assert found.image.size == (30, 20)


def test_the_type_of_json_is_bare_and_nothing_is_kept_by_caches(server: Server) -> None:
    for reply in (server.get(width=3), server.get(), server.send("GET", "/status")):
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["content-length"] == str(len(reply.body))
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"


def test_the_same_seed_gives_the_same_bytes_and_they_are_the_generator_s(server: Server) -> None:
    asked = {"seed": "0x5", "noise": "gaussian:sigma=20", "color": "red"}
    replies = [server.get(width=40, height=30, blob=1, **asked).body for _ in range(2)]
    job = Job.parse(count=1, width=40, height=30, seed=5, family="gaussian:sigma=20", mode="RGB")

    assert replies[0] == replies[1] == bytes(job.maker()(0))


def test_requests_that_differ_by_their_seed_alone_do_not_get_each_other_s_image(
    server: Server,
) -> None:
    for seed in (1, 2, 1):
        job = Job.parse(count=1, width=40, height=40, seed=seed, mode="RGBA")
        assert server.blob(width=40, seed=seed).tobytes() == job.render(0).tobytes()


def test_without_a_seed_no_two_images_are_the_same(server: Server) -> None:
    assert server.get(width=9, blob=1).body != server.get(width=9, blob=1).body


def test_a_density_lets_the_color_show(server: Server) -> None:
    drawn = np.asarray(server.blob(width=100, color="#cef48e", density=0.25, seed=1))
    share = (drawn == (0xCE, 0xF4, 0x8E)).all(axis=2).mean()

    assert abs(share - 0.75) < 0.02


@pytest.mark.parametrize(
    ("color", "mode"),
    [("", "RGBA"), ("tr", "RGBA"), ("none", "RGBA"), ("TRANSPARENT", "RGBA"), ("gray", "L"),
     ("grey50", "L"), ("red", "RGB"), ("cef48e", "RGB"), ("#cef48e", "RGB"), ("white", "RGB")],
)  # fmt: skip
def test_random_pixels_cover_everything_in_the_mode_that_the_color_asks_for(
    server: Server, color: str, mode: str
) -> None:
    image = server.blob(width=64, color=color)

    assert image.mode == mode
    if mode == "RGBA":
        assert image.getchannel("A").getextrema() == (255, 255)
    levels = np.asarray(image.convert("L") if mode == "L" else image.convert("RGB"))
    assert abs(float(levels.mean()) - 127.5) < 6


@pytest.mark.parametrize(
    ("export", "kind"),
    [("", "PNG"), ("png", "PNG"), ("JPEG", "JPEG"), ("jpg", "JPEG"), ("Bmp", "BMP"),
     ("tif", "TIFF"), ("gif", "GIF"), ("webp", "WEBP")],
)  # fmt: skip
def test_every_export_opens_and_its_type_is_told(server: Server, export: str, kind: str) -> None:
    for color in ("tr", "gray", "blue"):
        reply = server.get(width=20, export=export, color=color, blob="True")
        assert reply.headers["content-type"] == f"image/{kind.lower()}"
        assert (reply.image.format, reply.image.size) == (kind, (20, 20))


def test_a_new_image_is_of_one_color(server: Server) -> None:
    assert server.blob("/newimage", width=5).getcolors() == [(25, 128)]
    assert server.blob("/newimage", width=5, color="#010203").getcolors() == [(25, (1, 2, 3))]
    assert server.blob("/newimage", height=5, color="tr").getcolors() == [(25, (0, 0, 0, 0))]


def test_one_side_stands_for_both_and_unknown_and_empty_parameters_for_nothing(
    server: Server,
) -> None:
    assert server.blob(width=7).size == server.blob(height=7).size == (7, 7)
    assert server.blob(width=7, height="", color="", export="", seed="", img="x").size == (7, 7)


def multipart(fields: dict[str, object]) -> bytes:
    return b"".join(
        f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ) + b"--B--\r\n"  # fmt: skip


POSTS: dict[str, Callable[[dict[str, object]], bytes]] = {
    "application/json": lambda fields: json.dumps(fields).encode(),
    "application/json; charset=utf-8": lambda fields: json.dumps(fields).encode(),
    "application/x-www-form-urlencoded": lambda fields: urlencode(fields).encode(),
    "multipart/form-data; boundary=B": multipart,
}


@pytest.mark.parametrize("kind", POSTS)
@pytest.mark.parametrize("path", ["/pixelgenerate", "/pixelgenerate?"])
def test_a_post_is_read_in_every_form(server: Server, path: str, kind: str) -> None:
    body = POSTS[kind](KEY | {"width": 12, "height": 8, "blob": True, "export": "BMP"})
    reply = server.send("POST", path, body, content_type=kind)

    assert (reply.image.format, reply.image.size) == ("BMP", (12, 8))


def test_json_that_curl_calls_a_form_is_read(server: Server) -> None:
    body = json.dumps(KEY | {"width": 6}).encode()
    kind = "application/x-www-form-urlencoded"

    assert server.send("POST", "/pixelgenerate", body, content_type=kind).json["id"]


def test_a_head_is_answered_without_a_body(server: Server) -> None:
    reply = server.send("HEAD", f"/pixelgenerate?width=9&blob=1&{urlencode(KEY)}")

    assert (reply.status, reply.body) == (200, b"")
    assert int(reply.headers["content-length"]) > 9 * 9 * 3


@pytest.mark.parametrize("blob", ["", "true"])
@pytest.mark.parametrize(
    ("status", "fields", "error"),
    [(400, {}, "width and height are missing"), (400, {"width": "x"}, "width 'x'"),
     (400, {"width": 0}, "width '0'"), (400, {"width": -1}, "width '-1'"),
     (400, {"width": "１"}, "width"), (400, {"width": 10**9}, "width '1000000000'"),
     (400, {"width": 16000, "height": 16000}, "more than the 16,777,216 pixels"),
     (400, {"width": 5, "color": "reddish"}, "unknown color"),
     (400, {"width": 5, "color": "#ggg"}, "unknown color"),
     (400, {"width": 5, "noise": "nix"}, "unknown family"),
     (400, {"width": 5, "noise": "os.path"}, "is no family's name"),
     (400, {"width": 5, "noise": "patch_shuffle:source=.."}, "files of the server"),
     (400, {"width": 5, "density": 2}, "density 2.0 is out of range"),
     (400, {"width": 5, "density": "nan"}, "out of range"),
     (400, {"width": 5, "seed": "zz"}, "seed 'zz'"),
     (400, {"width": 5, "density": 0.5, "export": "jpeg"}, "cannot hold an alpha channel"),
     (415, {"width": 5, "export": "pdf"}, "export 'pdf' is not served"),
     (401, {"width": 5, "key": ""}, "Missing/Invalid PixLab API Key")],
)  # fmt: skip
def test_what_cannot_be_is_told_in_json_with_the_status_of_http(
    server: Server, status: int, fields: dict[str, object], error: str, blob: str
) -> None:
    reply = server.get(blob=blob, **fields)

    assert reply.status == status
    assert error in reply.json["error"]
    assert "Traceback" not in reply.json["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/pixelgenerate/", 404), ("GET", "/media/../etc/passwd", 404),
     ("GET", "/media/24p00.png", 404), ("DELETE", "/pixelgenerate", 405), ("PUT", "/newimage", 405),
     ("OPTIONS", "/pixelgenerate", 405), ("POST", "/status", 405),
     ("GET", "/pixelgenerate?width=5&width=6&key=x", 400),
     ("GET", "/pixelgenerate?" + "&".join(f"a{n}=1" for n in range(30)), 400),
     ("GET", "/pixelgenerate?width=%FF%00&key=x", 400),
     ("GET", "/pixelgenerate?width=5&blob=maybe&key=x", 400)],
)  # fmt: skip
def test_what_is_not_there_or_not_done_so_has_its_status(
    server: Server, method: str, path: str, status: int
) -> None:
    reply = server.send(method, path)

    assert reply.json["status"] == status
    assert ("allow" in reply.headers) == (status == 405)


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"1", b"[" * 60_000, b'{"width": {"a": 1}, "key": "x"}', b"\xff\xfe",
     b"x" * 70_000, json.dumps({f"a{n}": 1 for n in range(30)}).encode(),
     b'{"width": 1e999, "key": "x"}', b'{"width": 8, "key": "\\ud800"}',
     b'{"width": [8], "key": "x"}', b'{"width": 8, "width": 9, "key": "x"}'],
)  # fmt: skip
def test_a_body_that_is_none_is_refused(server: Server, body: bytes) -> None:
    reply = server.send("POST", "/pixelgenerate", body, content_type="application/json")

    assert reply.json["status"] == 400


# Who may ask


def test_a_key_is_taken_from_the_query_the_header_and_the_body(server: Server) -> None:
    body = json.dumps({"width": 5, **KEY}).encode()

    assert server.get(width=5).status == 200
    named = server.send("GET", "/pixelgenerate?width=5", WWW_Authenticate="anything")
    assert named.status == 200
    assert server.send("POST", "/pixelgenerate", body).status == 200
    assert server.send("GET", "/pixelgenerate?width=5").status == 401


def test_a_configured_key_is_the_only_one(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("geheim-ü\n")
    (tmp_path / "key").chmod(0o600)
    with serving(tmp_path, "--key-file", "key") as server:
        for key, status in (("geheim-ü", 200), ("geheim", 401), ("é", 401), ("", 401)):
            reply = server.send("GET", f"/pixelgenerate?width=5&key={quote(key)}")
            assert reply.status == status, key
        assert server.send("GET", "/status").status == 200
    assert "geheim" not in server.log.read_text()
    with serving(tmp_path, "--no-auth") as server:
        assert server.send("GET", "/pixelgenerate?width=5").status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "127.1", "localhost.", "[::2]"],
)
@pytest.mark.parametrize("path", ["/pixelgenerate?width=5&key=x", "/status", "/", "/media/x"])
def test_a_name_that_is_not_this_server_s_is_refused(server: Server, path: str, host: str) -> None:
    reply = server.send("GET", path, Host=host)

    assert reply.json["status"] == 400
    assert "is not a name of this server" in reply.json["error"]
    assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize(
    "lines",
    ["Host: localhost:0", "Host: localhost:65536", "Host: localhost:abc", "Host: localhost:",
     "Host: localhost:+80", "Host: localhost:80:80", "Host: user@localhost",
     "Host: user:pw@localhost", "Host: local host", "Host: localhost/status", "Host: localhost?a",
     "Host: localhost#a", "Host: localhost%00", "Host: localhost\\", "Host: [::1", "Host: ::1]",
     "Host: ::1", "Host: []", "Host: [::1]x", "Host: [:::1]", "Host: [1.2.3.4]",
     "Host: [localhost]", "Host: [::1%25lo]", "Host: localhost, evil.example",
     "Host: localhost\r\nHost: localhost", "Host: localhost\r\nhost: evil.example",
     "Host: l\u00f6calhost", "Host: http://localhost"],
)  # fmt: skip
def test_a_malformed_host_is_refused(server: Server, lines: str) -> None:
    reply = server.send_raw(f"GET /status HTTP/1.1\r\n{lines}\r\n\r\n".encode())

    assert reply.json["status"] == 400
    assert "is malformed; send one NAME or NAME:PORT" in reply.json["error"]


@pytest.mark.parametrize("lines", ["", "Host:\r\n", "Host:   \r\n"])
def test_a_missing_host_is_refused(server: Server, lines: str) -> None:
    reply = server.send_raw(f"GET /status HTTP/1.1\r\n{lines}\r\n".encode())

    assert reply.json["status"] == 400
    assert reply.json["error"].startswith("the Host header is missing")


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:8000", "127.0.0.1:1", "[::1]", "[0:0::1]:65535"]
)
def test_a_well_formed_host_of_the_loopback_is_accepted(server: Server, host: str) -> None:
    assert server.send("GET", "/status", Host=host).json == {"status": 200}


def test_a_name_that_is_allowed_is_a_name_of_this_server(tmp_path: Path) -> None:
    with serving(tmp_path, "--allow-host", "images.example") as server:
        assert server.send("GET", "/status", Host="images.example").json == {"status": 200}
        assert server.send("GET", "/status", Host="evil.example").status == 400


IMAGE_PATHS = ("/pixelgenerate?width=5&key=x", "/newimage?width=5&key=x", "/media/24p00.png",
               "/24p00.png", "/pixelgenerate?nonsense")  # fmt: skip
FOREIGN: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    {"Sec-Fetch-Site": "new-word"},
    {"Sec-Fetch-Site": "same-origin, none"},
    {"Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://localhost:81"},
    {"Origin": "https://localhost"},
    {"Origin": "http://localhost.evil.example"},
]
OWN: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://behind-a-proxy.example"},
    {"Origin": "http://localhost"},
]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("path", IMAGE_PATHS)
def test_a_browser_s_requests_for_other_origins_are_refused(
    server: Server, path: str, method: str
) -> None:
    for headers in FOREIGN:
        reply = server.send(method, path, b"", Host="localhost", **headers)
        assert reply.status == 403, headers
        if method != "HEAD":
            assert "--allow-origin" in reply.json["error"]
        assert not [name for name in reply.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("headers", OWN, ids=str)
def test_requests_of_the_own_origin_and_of_other_clients_are_answered(
    server: Server, headers: dict[str, str]
) -> None:
    path = f"/pixelgenerate?width=5&{urlencode(KEY)}"
    for host in ("localhost", "LOCALHOST:80"):
        for method in ("GET", "POST"):
            reply = server.send(method, path, b"", Host=host, **headers)
            link = reply.json["link"]
            stored = server.send("GET", link.partition("/media")[2], b"", Host=host, **headers)
            assert (reply.status, stored.status) == (200, 200)


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_the_page_the_status_and_the_description_are_for_every_origin(
    server: Server, headers: dict[str, str]
) -> None:
    for path in ("/", "/status", "/openapi.json"):
        reply = server.send("GET", path, b"", Host="localhost", **headers)
        assert reply.status == 200
        assert "access-control-allow-origin" not in reply.headers


def test_a_page_of_the_public_url_is_of_the_own_origin(tmp_path: Path) -> None:
    with serving(tmp_path, "--public-url", "https://noise.example:443/") as server:
        path = f"/pixelgenerate?width=5&{urlencode(KEY)}"
        for origin, status in (("https://noise.example", 200), ("https://other.example", 403)):
            reply = server.send("GET", path, Host="noise.example", Origin=origin)
            assert reply.json["status"] == status


def test_an_allowed_origin_gets_the_headers_of_cors(tmp_path: Path) -> None:
    allowed = ("--allow-origin", "HTTPS://App.example:443/", "--allow-origin", "http://[::1]:3000")
    path = f"/pixelgenerate?width=5&{urlencode(KEY)}"
    with serving(tmp_path, *allowed) as server:
        for origin in ("https://app.example", "http://[::1]:3000"):
            for asked, status in ((path, 200), ("/pixelgenerate", 401), ("/status", 200)):
                reply = server.send("GET", asked, Origin=origin, Sec_Fetch_Site="cross-site")
                assert reply.status == status
                assert reply.headers["access-control-allow-origin"] == origin
                assert reply.headers["vary"] == "Origin"
                assert "x-pixelgen-job" in reply.headers["access-control-expose-headers"]
            preflight = {"Origin": origin, "Access-Control-Request-Method": "POST",
                         "Access-Control-Request-Headers": "content-type"}  # fmt: skip
            reply = server.send("OPTIONS", "/pixelgenerate", b"", **preflight)
            assert reply.json == {"status": 200}
            assert reply.headers["access-control-allow-origin"] == origin
            assert reply.headers["access-control-allow-methods"] == "GET, HEAD, POST"
            assert reply.headers["access-control-allow-headers"] == "content-type, www-authenticate"
        for origin in ("http://app.example", "https://app.example, null", "null"):
            reply = server.send("OPTIONS", path, Origin=origin, Access_Control_Request_Method="GET")
            assert reply.json["status"] == 403
            assert reply.headers["vary"] == "Origin"
            assert "access-control-allow-origin" not in reply.headers
        assert server.send("OPTIONS", path).json["status"] == 405
        assert server.send("GET", path).headers["vary"] == "Origin"


def test_links_begin_with_the_public_url(tmp_path: Path) -> None:
    with serving(tmp_path, "--public-url", "https://noise.example/") as server:
        path = f"/pixelgenerate?width=5&{urlencode(KEY)}"
        reply = server.send("GET", path, Host="noise.example")
        assert reply.json["link"].startswith("https://noise.example/media/24p")


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--host", "192.0.2.1"), "others can reach 192.0.2.1"), (("--host", "nix"), "is no address"),
     (("--key-file", "nowhere"), "cannot read the key in nowhere"),
     (("--key-file", "open"), "others can read the key in open; run: chmod 600 open"),
     (("--key-file", "blank"), "there is no key in blank"),
     (("--port", "70000"), "70000 is not in the range"),
     (("--allow-origin", "*"), "origin '*' is invalid; write a scheme, a host"),
     (("--allow-origin", "null"), "origin 'null' is invalid"),
     (("--allow-origin", "app.example"), "origin 'app.example' is invalid"),
     (("--allow-origin", "file://x"), "origin 'file://x' is invalid"),
     (("--allow-origin", "http://u@x"), "origin 'http://u@x' is invalid"),
     (("--allow-origin", "http://x/y"), "origin 'http://x/y' is invalid")],
)  # fmt: skip
def test_what_would_be_unsafe_is_refused_in_one_line(
    run: Run, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    for name, mode in (("open", 0o644), ("blank", 0o600)):
        (tmp_path / name).write_text("" if name == "blank" else "key")
        (tmp_path / name).chmod(mode)
    done = run("serve", *options)

    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_told_in_one_line(run: Run, server: Server) -> None:
    done = run("serve", "--port", server.port)

    assert done.returncode == 1
    assert done.stderr.startswith(f"pixelgen: cannot listen on 127.0.0.1:{server.port}: ")


# Limits


def test_the_log_tells_each_request_without_its_query(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.get(width=5)
        server.send("GET", "/a%0Ab?key=SECRET-2")
    log = server.log.read_text()

    assert re.search(r"^127\.0\.0\.1 GET /pixelgenerate 200 \d+ \d+ms$", log, re.MULTILINE)
    assert re.search(r"^127\.0\.0\.1 GET /a%0Ab 404 \d+ \d+ms$", log, re.MULTILINE)
    assert "SECRET" not in log


def test_the_shelf_keeps_so_many_bytes_for_so_long() -> None:
    shelf = Shelf(100, 3600)
    names = [shelf.put(Picture(bytes(40), "png")) for _ in range(4)]

    assert [shelf.get(name) is not None for name in names] == [False, False, True, True]
    assert shelf.bytes == 80
    gone = Shelf(100, 0)
    name = gone.put(Picture(b"x", "png"))
    time.sleep(0.01)
    assert gone.get(name) is None
    assert gone.bytes == 0


def test_more_than_can_wait_are_told_to_come_again(tmp_path: Path) -> None:
    with serving(tmp_path, "-j", "1", "--queue", "2") as server, ExitStack() as stack:
        line = f"/pixelgenerate?width=1400&noise=wmm&blob=1&{urlencode(KEY)}"
        sockets = connected(server, 9, stack)
        for each in sockets:
            each.sendall(
                f"GET {line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            )
        begun = time.monotonic()
        assert server.send("GET", "/status").status == 200
        assert time.monotonic() - begun < 2
        replies = [rest(each) for each in sockets]
    codes = sorted(int(reply.split()[1]) for reply in replies)

    assert codes.count(200) == 3
    assert codes.count(503) == 6
    assert sum(b"retry-after: 1\r\n" in reply for reply in replies) == 6


LONG = f"/pixelgenerate?width=1400&noise=wmm&blob=1&{urlencode(KEY)}"


def get(path: str) -> bytes:
    """Write a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def post(path: str, body: bytes) -> bytes:
    """Write a POST request."""
    length = f"Content-Length: {len(body)}"
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n".encode() + body


WAITING = {
    "GET": get(f"/pixelgenerate?width=9&blob=1&{urlencode(KEY)}"),
    "link": get(f"/newimage?width=9&{urlencode(KEY)}"),
    "POST": post("/pixelgenerate", b'{"width": 9, "key": "any"}'),
}


def until(is_so: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until something is so; fail if it is not in time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("reset", [False, True], ids=["close", "reset"])
@pytest.mark.parametrize("kind", WAITING)
def test_a_client_that_leaves_while_it_waits_frees_its_place_at_once(
    tmp_path: Path, kind: str, reset: bool
) -> None:
    with serving(tmp_path, "-j", "1", "--queue", "1") as server, ExitStack() as stack:
        (working,) = connected(server, 1, stack)
        before = cpu_seconds(server.process)
        working.sendall(get(LONG))
        until(lambda: cpu_seconds(server.process) > before + 0.2)

        def is_one_dropped() -> bool:
            (waiting,) = connected(server, 1, stack)
            waiting.sendall(WAITING[kind])
            time.sleep(0.2)  # if it is not read by then, the next one may be
            if reset:
                waiting.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            waiting.close()
            time.sleep(0.1)
            return " 499 0 " in server.log.read_text()

        until(is_one_dropped)
        assert server.get(width=2).status == 200  # after the long one, in the place of the other
        assert working.recv(12) == b"HTTP/1.1 200"
    statuses = [line.split()[3] for line in server.log.read_text().splitlines()]

    assert statuses[0] == "499"
    assert statuses[-2:] == ["200", "200"]
    assert set(statuses[:-2]) == {"499"}


async def stay() -> dict[str, object]:
    """Receive nothing, as from a client that stays."""
    await asyncio.Event().wait()
    raise AssertionError


def test_work_is_dropped_whose_client_leaves() -> None:
    began, go, left = threading.Event(), threading.Event(), asyncio.Event()
    ran: list[str] = []

    def work(name: str) -> bytes:
        ran.append(name)
        began.set()
        assert go.wait(20)
        return name.encode()

    async def leave() -> dict[str, object]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def clients() -> list[bytes | BaseException]:
        makers = Makers(threads=1, queue=3)

        def start(name: str, receive: Receive) -> asyncio.Task[bytes]:
            return asyncio.create_task(makers.run(partial(work, name), receive))

        tasks = [start("a", leave), start("b", stay), start("c", leave), start("d", stay)]
        assert await asyncio.to_thread(began.wait, 20)
        with pytest.raises(Refusal, match="busy"):
            await start("e", stay)
        left.set()
        await asyncio.wait((tasks[0], tasks[2]))
        tasks.append(start("f", stay))
        await asyncio.sleep(0)
        assert ran == ["a"]
        go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    done = asyncio.run(clients())
    assert [type(each) for each in done] == [ClientLeft, bytes, ClientLeft, bytes, bytes]
    assert ran == ["a", "b", "d", "f"]


def test_work_that_ends_at_once_is_all_done_and_its_errors_are_raised() -> None:
    def work(number: int) -> bytes:
        if number % 7 == 0:
            raise ValueError(number)
        return bytes(number)

    async def clients() -> list[bytes | BaseException]:
        makers = Makers(threads=2, queue=2000)
        runs = [makers.run(partial(work, number), stay) for number in range(2000)]
        return await asyncio.gather(*runs, return_exceptions=True)

    for number, done in enumerate(asyncio.run(clients())):
        assert isinstance(done, ValueError) if number % 7 == 0 else done == bytes(number)


def test_slow_clients_are_left_and_hold_nobody_up(tmp_path: Path) -> None:
    with serving(tmp_path) as server, ExitStack() as stack:
        *slow, reader = connected(server, 401, stack)
        line = f"/pixelgenerate?width=4000&noise=solid&export=bmp&blob=1&{urlencode(KEY)}"
        reader.sendall(f"GET {line} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        for each in slow:
            each.sendall(b"GET /pixelgenerate?width=5 HTTP/1.1\r\nHost: local")
        seconds = []
        for _ in range(50):
            begun = time.monotonic()
            assert server.send("GET", "/status").status == 200
            seconds.append(time.monotonic() - begun)
        assert sorted(seconds)[25] < 0.05
        deadline = time.monotonic() + 13
        for each in slow:
            each.settimeout(max(0.1, deadline - time.monotonic()))
            with suppress(ConnectionResetError):
                assert each.recv(1 << 16) == b"" or each.recv(1 << 16) == b""
        time.sleep(2)
        reader.settimeout(5)
        assert len(rest(reader)) < 4000 * 4000 * 3  # it did not take its answer in time


# What an image may take

UNLIMITED = (86_400.0, 1 << 50)


def job_asked(noise: str, size: str = "1000x1000", export: str = "png") -> Job:
    width, _, height = size.partition("x")
    fields = {"width": width, "height": height, "noise": noise, "export": export}
    return job_of("/pixelgenerate", fields, MOST_PIXELS)


def test_every_family_has_figures() -> None:
    ours = [part for part in known("family").values() if part.__module__.startswith("pixelgen.")]
    assert sorted(FAMILY_COSTS) == sorted(part.name for part in ours)


@pytest.mark.parametrize("noise", [*costs.spellings(), "default"])
def test_an_ordinary_image_of_every_family_is_within_the_limits(noise: str) -> None:
    for export in FORMATS:
        check_cost(job_asked(noise, export=export), Rules().most_seconds, Rules().most_bytes)


@pytest.mark.parametrize("noise", costs.spellings())
def test_no_image_takes_more_memory_than_is_estimated(noise: str) -> None:
    assert costs.measure(noise, "512x512").bytes <= costs.estimated_cost(noise, "512x512").bytes


@pytest.mark.parametrize(
    "noise", ["smooth:sigma=4096", "spectrum", "plasma", "gabor:kernels=4096", "stripes:n=4096"]
)
@pytest.mark.parametrize("size", ["3001x2", "1x3001"])
def test_no_narrow_image_takes_more_memory_than_is_estimated(noise: str, size: str) -> None:
    assert costs.measure(noise, size).bytes <= costs.estimated_cost(noise, size).bytes


def test_the_estimate_is_that_of_the_most_expensive_that_may_be_drawn() -> None:
    plain, one, drawn, worst = (
        check_cost(job_asked(noise), *UNLIMITED)
        for noise in ("gabor", "gabor:kernels=4096", "gabor:kernels=1..4096", "gabor:kernels=9|8")
    )
    assert plain.seconds < one.seconds == drawn.seconds == worst.seconds
    assert plain.bytes < one.bytes == drawn.bytes == worst.bytes
    preset = check_cost(job_asked("default"), *UNLIMITED)
    assert preset.seconds >= check_cost(job_asked("spectrum:a=1"), *UNLIMITED).seconds


def test_a_family_of_another_project_counts_as_the_most_expensive() -> None:
    class Foreign(Uniform):
        """Has no figures."""

    mix = Mix((Member(Foreign()),))
    most = max(check_cost(job_asked(name), *UNLIMITED).seconds for name in FAMILY_COSTS)
    assert estimate(mix, 1000, 1000, "png").seconds >= most


@pytest.mark.parametrize(
    ("size", "noise", "option"),
    [("4000x4000", "wmm", "--max-seconds"), ("16000x1", "plasma", "--max-memory"),
     ("1x16000", "gabor:kernels=4096", "--max-seconds"),
     ("16000x1", "smooth:sigma=4096", "--max-seconds"),
     ("1x10000", "smooth", "--max-memory"),
     ("2900x2900", "spectrum", "--max-memory"), ("4000x4000", "fractal:points=64", "--max-seconds"),
     ("16000x64", "dead_leaves:r_min=0.005", "--max-seconds")],
)  # fmt: skip
def test_an_image_that_takes_too_much_is_refused_with_what_to_do(
    server: Server, size: str, noise: str, option: str
) -> None:
    width, _, height = size.partition("x")
    error = server.get(width=width, height=height, noise=noise, blob=1).json["error"]

    assert re.match(rf"{size} of {noise}\S* would take about [\d,.]+ \w+ of ", error)
    assert "allowed; ask for fewer pixels or a cheaper noise, or start the server" in error
    assert error.endswith(option)


def test_the_limits_are_those_of_the_options(tmp_path: Path) -> None:
    options = ("--max-seconds", "0.5", "--max-memory", str(100 << 20))
    with serving(tmp_path, *options) as server:
        slow = server.get(width=600, noise="wmm").json
        large = server.get(width=2000, noise="uniform").json
        assert server.get(width=300, noise="wmm").json["status"] == 200
    assert slow["status"] == large["status"] == 400
    assert "at most 0.5 are allowed" in slow["error"]
    assert "would take about 174 MB of memory, and at most 105 are allowed" in large["error"]


def test_tables_of_past_images_do_not_add_up_beyond_the_limit(tmp_path: Path) -> None:
    limit = 128 << 20
    with serving(tmp_path, "-j", "1", "--max-memory", str(limit)) as server:
        assert server.get(width=5).status == 200
        before = memory(server.process)
        for width in range(1581, 1601, 2):  # each needs a table of 20 MB
            assert server.get(width=width, height=1, noise="spectrum").status == 200
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        peak = int(re.findall(r"^VmHWM:\s+(\d+)", status, re.MULTILINE)[0])
    assert (peak - before) << 10 < limit


# Requests that are not well-formed

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
    assert "at most 64 headers and 32,768 bytes are accepted" in reply.json["error"]


def test_headers_within_the_limits_are_accepted(server: Server) -> None:
    lines = b"X: a\r\n" * 62 + b"X: %b\r\n" % (b"a" * 32_000)

    assert server.send_raw(b"GET /status HTTP/1.1\r\n" + HOST + lines + b"\r\n").status == 200


@pytest.mark.parametrize("target", ["/" + "a" * 9000, "/status?" + "a" * 9000, "/?" + "a" * 60_000])
def test_a_target_beyond_the_limit_is_refused_in_json(server: Server, target: str) -> None:
    reply = server.send("GET", target)

    assert reply.json["status"] == 414
    assert "at most 8,192 are accepted" in reply.json["error"]


@pytest.mark.parametrize("chunks", [b"zz\r\n", b"5\r\nwidth-and-more\r\n", b"-1\r\n\r\n"])
def test_a_body_in_malformed_chunks_is_refused_in_json(server: Server, chunks: bytes) -> None:
    head = b"POST /pixelgenerate?width=5&key=x HTTP/1.1\r\n" + HOST
    reply = server.send_raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)

    assert reply.json["status"] == 400
    assert "the body ends early or is malformed" in reply.json["error"]


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
    """Such a request does not reach the application, and granian has no hook for the answer."""
    reply = server.send_raw(request_line + b"\r\n" + lines + b"\r\n")

    assert (reply.status, reply.body) == (status, b"")
    assert server.send("GET", "/status").status == 200


def memory(process: subprocess.Popen[str]) -> int:
    """Return the resident memory of a process, in KiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.findall(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)[0])


def cpu_seconds(process: subprocess.Popen[str]) -> float:
    """Return the CPU time that a process has taken."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def hostile(dice: random.Random) -> bytes:
    """Return a request of one who wishes no good."""
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


def test_hostile_requests_fault_nothing_and_fill_no_memory(tmp_path: Path) -> None:
    dice, codes = random.Random(6), []
    with serving(tmp_path, "-q") as server:
        for number in range(10_000):
            line = socket.create_connection(("127.0.0.1", server.port), timeout=15)
            with line, suppress(OSError):
                line.sendall(hostile(dice))
                line.shutdown(socket.SHUT_WR)
                answer = rest(line)
                codes += [int(answer.split()[1])] if answer else []
            if number == 500:
                before = memory(server.process)
        assert memory(server.process) - before < 50 << 10
        assert server.get(width=5).status == 200
    assert server.log.read_text() == ""
    assert len(codes) > 5000
    assert not [code for code in codes if code >= 500]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_at_hand_is_answered_before_the_end(tmp_path: Path, number: int) -> None:
    with serving(tmp_path, "--jobs", "1", "--queue", "0") as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
            path = f"/pixelgenerate?width=1000&noise=wmm&blob=1&{urlencode(KEY)}"
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            while server.get(width=1).status != 503:  # until it is at hand
                time.sleep(0.01)
            server.process.send_signal(number)
            head = line.recv(1 << 16)
        assert head.startswith(b"HTTP/1.1 200")
        assert server.process.wait(10) == 0


def test_a_request_that_outlasts_the_drain_is_left_without_an_answer(tmp_path: Path) -> None:
    with serving(tmp_path, "--max-seconds", "3600", "--max-memory", str(1 << 34)) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
            path = f"/pixelgenerate?width=4000&height=4000&noise=wmm&blob=1&{urlencode(KEY)}"
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            time.sleep(0.3)
            server.process.terminate()
            with suppress(ConnectionResetError):
                assert line.recv(1 << 16) == b""
        assert server.process.wait(10) == 0
        assert "Error" not in server.log.read_text()


# Clients of other hands

CLIENTS = {
    "python3": """
import os, requests
base = os.environ["BASE"]
reply = requests.get(base + "/pixelgenerate", params={"width": 32, "height": 24, "color": "tr",
                     "export": "JPEG", "key": "My_PixLab_Key_1"}).json()
if reply["status"] != 200:
    raise SystemExit(reply["error"])
open("link", "wb").write(requests.get(reply["link"]).content)
reply = requests.post(base + "/pixelgenerate?", json={"width": 32, "height": 24, "blob": True,
                      "key": "My_PixLab_Key_1"})
if reply.headers["Content-Type"] == "application/json":
    raise SystemExit(reply.json()["error"])
open("blob", "wb").write(reply.content)
""",
    "node": """
const fs = require("fs"), base = process.env.BASE, key = "My_PixLab_Key_1";
(async () => {
  const query = new URLSearchParams({width: 32, height: 24, color: "#cef48e", key});
  const reply = await (await fetch(`${base}/pixelgenerate?${query}`)).json();
  if (reply.status !== 200) throw new Error(reply.error);
  fs.writeFileSync("link", Buffer.from(await (await fetch(reply.ssl_link)).arrayBuffer()));
  const blob = await fetch(`${base}/pixelgenerate?width=32&height=24&blob=true`,
                           {headers: {"WWW-Authenticate": key}});
  if (blob.headers.get("content-type") === "application/json") throw new Error(await blob.text());
  fs.writeFileSync("blob", Buffer.from(await blob.arrayBuffer()));
})();
""",
    "php": """<?php
function ask($url, $body = null) {
    $curl = curl_init($url);
    curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
    if ($body !== null) curl_setopt($curl, CURLOPT_POSTFIELDS, $body);
    $reply = curl_exec($curl);
    return [$reply, curl_getinfo($curl, CURLINFO_CONTENT_TYPE)];
}
$base = getenv("BASE");
[$text] = ask("$base/pixelgenerate?width=32&height=24&key=My_PixLab_Key_1");
$reply = json_decode($text);
if ($reply->status !== 200) { fwrite(STDERR, $reply->error); exit(1); }
file_put_contents("link", ask($reply->link)[0]);
[$image, $type] = ask("$base/pixelgenerate", ["width" => 32, "height" => 24, "blob" => "true",
                      "key" => "My_PixLab_Key_1"]);
if ($type === "application/json") { fwrite(STDERR, $image); exit(1); }
file_put_contents("blob", $image);
""",
    "ruby": """
require "net/http"; require "json"
base = ENV["BASE"]
form = {width: 32, height: 24, key: "My_PixLab_Key_1"}
reply = JSON.parse(Net::HTTP.get(URI("#{base}/pixelgenerate?#{URI.encode_www_form(form)}")))
abort reply["error"] unless reply["status"] == 200
File.binwrite("link", Net::HTTP.get(URI(reply["link"])))
blob = Net::HTTP.post_form(URI("#{base}/pixelgenerate"), form.merge(blob: 1))
abort blob.body if blob["Content-Type"] == "application/json"
File.binwrite("blob", blob.body)
""",
}


@pytest.mark.parametrize("language", CLIENTS)
def test_a_client_of_pixlab_s_is_answered_unchanged(
    server: Server, tmp_path: Path, language: str
) -> None:
    program = sys.executable if language == "python3" else shutil.which(language)
    if program is None:
        pytest.skip(f"{language} is not installed")
    if language == "python3":
        pytest.importorskip("requests", reason="requests is not installed")
    (tmp_path / "client").write_text(CLIENTS[language])
    done = subprocess.run(
        [program, "client"], check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60,
        env=os.environ | {"BASE": f"http://127.0.0.1:{server.port}"},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    for name in ("link", "blob"):
        with Image.open(tmp_path / name) as image:
            assert image.size == (32, 24)


def test_the_lines_of_the_readme_answer_as_it_says(server: Server, tmp_path: Path) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^```sh\npixelgen serve --port 8000\n(.+?)^```", readme, re.M | re.S)
    assert block
    told = subprocess.run(
        ["bash", "-ec", block[1].replace(":8000/", f":{server.port}/")],
        check=True, cwd=tmp_path, capture_output=True, text=True,
    ).stdout  # fmt: skip

    assert list(json.loads(told)) == ["status", "link", "ssl_link", "id"]
    with Image.open(tmp_path / "noise.png") as image:
        assert image.size == (64, 64)


def test_serving_adds_nothing_to_the_start_of_the_local_command(run: Run) -> None:
    done = run("--version", PYTHONPROFILEIMPORTTIME="1")
    loaded = re.findall(r"\|\s+(\S+)$", done.stderr, re.MULTILINE)

    assert not {"granian", "asyncio", "email", "http.client", "numpy"} & set(loaded)


def test_an_image_is_the_same_from_any_asgi_server(server: Server) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/pixelgenerate",
        "headers": [(b"host", b"localhost")], "query_string": b"width=9&seed=3&blob=1&key=x",
    }  # fmt: skip
    asyncio.run(endpoint(Rules())(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent)

    assert (
        hashlib.sha256(body).digest()
        == hashlib.sha256(server.get(width=9, seed=3, blob=1).body).digest()
    )
