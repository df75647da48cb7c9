"""Access to the server, its queue, and what an image may cost."""

import json
import re
import socket
import struct
from contextlib import ExitStack
from pathlib import Path
from select import select
from urllib.parse import quote, urlencode

import pytest

from benchmarks import costs
from pixelgen.families.member import Member
from pixelgen.families.mixture import Mixture
from pixelgen.families.pointwise import Uniform
from pixelgen.job import Job
from pixelgen.pixlab.server.config import ServerConfig
from pixelgen.pixlab.server.costs import FAMILY_COSTS, check_cost, estimate
from pixelgen.pixlab.server.params import EXPORT_FORMATS, MAX_PIXELS, parse_job
from pixelgen.registry import components
from tests.support.command import Run
from tests.support.faults import wait_for
from tests.support.serving import (
    KEY,
    TIMEOUT,
    Server,
    get,
    held_request,
    open_connections,
    post,
    read_until_closed,
    resident_kib,
    serving,
)

pytest.importorskip("granian", reason="granian is not installed")


# Access


def test_key_is_read_from_query_header_and_body(server: Server) -> None:
    body = json.dumps({"width": 5, **KEY}).encode()

    assert server.get(width=5).status == 200
    named = server.send("GET", "/pixelgenerate?width=5", WWW_Authenticate="anything")
    assert named.status == 200
    assert server.send("POST", "/pixelgenerate", body).status == 200
    assert server.send("GET", "/pixelgenerate?width=5").status == 401


@pytest.mark.cli
def test_only_the_configured_key_is_accepted(tmp_path: Path) -> None:
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
def test_unknown_host_is_refused(server: Server, path: str, host: str) -> None:
    reply = server.send("GET", path, Host=host)

    assert reply.json["status"] == 400
    assert host.removesuffix(":80").strip("[]") in reply.json["error"]
    assert "--allow-host" in reply.json["error"]
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
    assert "NAME:PORT" in reply.json["error"]


@pytest.mark.parametrize("lines", ["", "Host:\r\n", "Host:   \r\n"])
def test_a_missing_host_is_refused(server: Server, lines: str) -> None:
    reply = server.send_raw(f"GET /status HTTP/1.1\r\n{lines}\r\n".encode())

    assert reply.json["status"] == 400
    assert re.search("Host.* missing", reply.json["error"])


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:8000", "127.0.0.1:1", "[::1]", "[0:0::1]:65535"]
)
def test_a_well_formed_host_of_the_loopback_is_accepted(server: Server, host: str) -> None:
    assert server.send("GET", "/status", Host=host).json == {"status": 200}


@pytest.mark.cli
def test_allowed_host_is_accepted(tmp_path: Path) -> None:
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
def test_requests_of_own_origin_and_of_other_programs_are_answered(
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
def test_page_status_and_openapi_are_open_to_every_origin(
    server: Server, headers: dict[str, str]
) -> None:
    for path in ("/", "/status", "/openapi.json"):
        reply = server.send("GET", path, b"", Host="localhost", **headers)
        assert reply.status == 200
        assert "access-control-allow-origin" not in reply.headers


@pytest.mark.cli
def test_public_url_is_an_own_origin(tmp_path: Path) -> None:
    with serving(tmp_path, "--public-url", "https://noise.example:443/") as server:
        path = f"/pixelgenerate?width=5&{urlencode(KEY)}"
        for origin, status in (("https://noise.example", 200), ("https://other.example", 403)):
            reply = server.send("GET", path, Host="noise.example", Origin=origin)
            assert reply.json["status"] == status


@pytest.mark.cli
def test_allowed_origin_gets_cors_headers(tmp_path: Path) -> None:
    allowed = ("--allow-origin", "HTTPS://App.example:443/", "--allow-origin", "http://[::1]:3000")
    path = f"/pixelgenerate?width=5&{urlencode(KEY)}"
    with serving(tmp_path, *allowed) as server:
        for origin in ("https://app.example", "http://[::1]:3000"):
            for target, status in ((path, 200), ("/pixelgenerate", 401), ("/status", 200)):
                reply = server.send("GET", target, Origin=origin, Sec_Fetch_Site="cross-site")
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


@pytest.mark.cli
def test_links_begin_with_the_public_url(tmp_path: Path) -> None:
    with serving(tmp_path, "--public-url", "https://noise.example/") as server:
        path = f"/pixelgenerate?width=5&{urlencode(KEY)}"
        reply = server.send("GET", path, Host="noise.example")
        assert reply.json["link"].startswith("https://noise.example/media/24p")


@pytest.mark.parametrize(
    ("options", "named"),
    [(("--host", "192.0.2.1"), ("192.0.2.1", "--key-file", "--no-auth")),
     (("--host", "nix"), ("'nix'",)),
     (("--key-file", "nowhere"), ("nowhere",)),
     (("--key-file", "open"), ("chmod 600 open",)),
     (("--key-file", "blank"), ("blank", "key")),
     (("--port", "70000"), ("--port", "70000", "65535")),
     (("--allow-origin", "*"), ("'*'", "origin", "scheme", "host")),
     (("--allow-origin", "null"), ("'null'", "origin")),
     (("--allow-origin", "app.example"), ("'app.example'", "origin")),
     (("--allow-origin", "file://x"), ("'file://x'", "origin")),
     (("--allow-origin", "http://u@x"), ("'http://u@x'", "origin")),
     (("--allow-origin", "http://x/y"), ("'http://x/y'", "origin"))],
)  # fmt: skip
def test_unsafe_options_are_refused_in_one_line(
    run: Run, tmp_path: Path, options: tuple[str, ...], named: tuple[str, ...]
) -> None:
    for name, mode in (("open", 0o644), ("blank", 0o600)):
        (tmp_path / name).write_text("" if name == "blank" else "key")
        (tmp_path / name).chmod(mode)
    done = run("serve", *options)

    assert done.returncode == 2
    assert [each for each in named if each not in done.stderr] == []
    assert len(done.stderr.splitlines()) == 1


def test_port_in_use_is_reported_in_one_line(run: Run, server: Server) -> None:
    done = run("serve", "--port", server.port)

    assert done.returncode == 1
    assert f"127.0.0.1:{server.port}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


# The queue


WAITING = {
    "GET": get(f"/pixelgenerate?width=9&blob=1&{urlencode(KEY)}"),
    "link": get(f"/newimage?width=9&{urlencode(KEY)}"),
    "POST": post("/pixelgenerate", b'{"width": 9, "key": "any"}'),
}


@pytest.mark.cli
@pytest.mark.slow
def test_requests_beyond_the_queue_get_503(tmp_path: Path) -> None:
    with held_request(tmp_path, "-j", "1", "--queue", "2") as (server, first, image, stack):
        others = open_connections(server, 8, stack)
        for each in others:
            each.sendall(WAITING["GET"])
        assert wait_for(lambda: server.statuses.count(503) == 6, TIMEOUT)
        assert server.send("GET", "/status").status == 200  # though all threads are busy
        image.close()
        replies = [read_until_closed(each) for each in (first, *others)]
    codes = [int(reply.split()[1]) for reply in replies]

    assert codes[0] == 200
    assert sorted(codes[1:]) == 2 * [200] + 6 * [503]
    assert sum(b"retry-after: 1\r\n" in reply for reply in replies) == 6


def queue_request(server: Server, request: bytes, stack: ExitStack) -> socket.socket:
    """Send a request twice where one can wait; return the connection of the one that waits."""
    lines = open_connections(server, 2, stack)
    for each in lines:
        each.sendall(request)
    (refused,), _, _ = select(lines, [], [], TIMEOUT)
    assert refused.recv(12) == b"HTTP/1.1 503"
    return lines[1 - lines.index(refused)]


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize("reset", [False, True], ids=["close", "reset"])
@pytest.mark.parametrize("kind", WAITING)
def test_a_client_that_leaves_while_it_waits_frees_its_place_at_once(
    tmp_path: Path, kind: str, reset: bool
) -> None:
    """At once is before the image that it waits for is made: another can wait in its place."""
    with held_request(tmp_path, "-j", "1", "--queue", "1") as (server, first, image, stack):
        leaving = queue_request(server, WAITING[kind], stack)
        if reset:
            leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        leaving.close()
        assert wait_for(lambda: 499 in server.statuses, TIMEOUT)
        staying = queue_request(server, WAITING[kind], stack)
        image.close()
        assert first.recv(12) == staying.recv(12) == b"HTTP/1.1 200"
        assert server.statuses == [503, 499, 503, 200, 200]


# Costs


UNLIMITED = (86_400.0, 1 << 50)


def requested_job(noise: str, size: str = "1000x1000", export: str = "png") -> Job:
    width, _, height = size.partition("x")
    fields = {"width": width, "height": height, "noise": noise, "export": export}
    return parse_job("/pixelgenerate", fields, MAX_PIXELS)


def test_every_family_has_a_cost() -> None:
    ours = [
        part for part in components("family").values() if part.__module__.startswith("pixelgen.")
    ]
    assert sorted(FAMILY_COSTS) == sorted(part.name for part in ours)


@pytest.mark.parametrize("noise", [*costs.spellings(), "default"])
def test_an_ordinary_image_of_every_family_is_within_the_limits(noise: str) -> None:
    for export in EXPORT_FORMATS:
        check_cost(
            requested_job(noise, export=export),
            ServerConfig().max_seconds,
            ServerConfig().max_bytes,
        )


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize("noise", costs.spellings())
def test_no_image_takes_more_memory_than_is_estimated(noise: str) -> None:
    measured, estimated = costs.measure(noise, "512x512", 0), costs.estimated_cost(noise, "512x512")
    assert measured.bytes <= estimated.bytes


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize(
    "noise",
    ["smooth:sigma=4096,side=10240", "spectrum", "plasma", "gabor:overlap=200", "stripes:n=4096"],
)
@pytest.mark.parametrize("size", ["3001x2", "1x3001"])
def test_no_narrow_image_takes_more_memory_than_is_estimated(noise: str, size: str) -> None:
    assert costs.measure(noise, size, 0).bytes <= costs.estimated_cost(noise, size).bytes


def test_mixture_costs_as_much_as_its_most_expensive_member() -> None:
    plain, one, drawn, worst = (
        check_cost(requested_job(noise), *UNLIMITED)
        for noise in ("gabor", "gabor:overlap=200", "gabor:overlap=1..200", "gabor:overlap=9|8")
    )
    assert plain.seconds < one.seconds == drawn.seconds == worst.seconds
    assert plain.bytes < one.bytes == drawn.bytes == worst.bytes
    preset = check_cost(requested_job("default"), *UNLIMITED)
    assert preset.seconds >= check_cost(requested_job("spectrum:a=1"), *UNLIMITED).seconds


def test_third_party_family_counts_as_the_most_expensive() -> None:
    class Foreign(Uniform):
        """Has no known cost."""

    mix = Mixture((Member(Foreign()),))
    most = max(check_cost(requested_job(name), *UNLIMITED).seconds for name in FAMILY_COSTS)
    assert estimate(mix, 1000, 1000, "png").seconds >= most


@pytest.mark.parametrize(
    ("size", "noise", "option"),
    [("4000x4000", "wmm", "--max-seconds"), ("16000x1", "plasma", "--max-memory"),
     ("1x16000", "gabor:overlap=200", "--max-seconds"),
     ("16000x1", "smooth:contrast=10", "--max-seconds"),
     ("1x10000", "smooth", "--max-memory"),
     ("2900x2900", "spectrum", "--max-memory"), ("4000x4000", "fractal:points=64", "--max-seconds"),
     ("16000x64", "dead_leaves:r_min=0.005", "--max-seconds")],
)  # fmt: skip
def test_an_image_that_takes_too_much_is_refused_with_what_to_do(
    server: Server, size: str, noise: str, option: str
) -> None:
    width, _, height = size.partition("x")
    error = server.get(width=width, height=height, noise=noise, blob=1).json["error"]

    assert size in error
    assert noise in error
    assert option in error


@pytest.mark.cli
def test_options_set_the_cost_limits(tmp_path: Path) -> None:
    options = ("--max-seconds", "3", "--max-memory", str(100 << 20))
    with serving(tmp_path, *options) as server:
        slow = server.get(width=450, noise="wmm").json
        large = server.get(width=2000, noise="uniform").json
        assert server.get(width=300, noise="wmm").json["status"] == 200
    assert slow["status"] == large["status"] == 400
    assert re.search(r"\b3\b.*--max-seconds", slow["error"])
    assert re.search(r"\b174\b.*\b105\b.*--max-memory", large["error"])


@pytest.mark.cli
def test_cached_tables_stay_within_the_memory_limit(tmp_path: Path) -> None:
    limit = 128 << 20
    with serving(tmp_path, "-j", "1", "--max-memory", str(limit)) as server:
        assert server.get(width=5).status == 200
        before = resident_kib(server.process)
        for width in range(1581, 1601, 2):  # each needs a table of 20 MB
            assert server.get(width=width, height=1, noise="spectrum").status == 200
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        peak = int(re.findall(r"^VmHWM:\s+(\d+)", status, re.MULTILINE)[0])
    assert (peak - before) << 10 < limit
