"""Sets whose images are fetched: complete through faults and kills, and asked for once."""

import base64
import io
import json
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

from pixelgen import parts
from pixelgen.job import Job
from pixelgen.layouts import Container, Sidecar
from pixelgen.store import LocalStore
from pixelgen.store.log import seal
from pixelgen.verify import Damage, check, finished_plan
from pixelgen.writer import Run as Running
from tests.conftest import COMMAND, Done, Run, tree_digest
from tests.remote.conftest import certify
from tests.remote.faulty import Endpoint as Faults
from tests.remote.faulty import image, told
from tests.serving import Server, serving

KEY = "SECRETKEY-0123"
FAULTS = ("429", "503", "reset", "stall", "size")


class Endpoint(ThreadingHTTPServer):
    """An endpoint that gives images, but every ``often``-th time a fault, each kind in turn.

    After ``most`` images it accepts no key; it counts what it gives. Its images are those of the
    server that it stands before, if there is one.
    """

    daemon_threads = True
    request_queue_size = 100

    def __init__(self, often: int = 0, most: int = 1 << 30, behind: Server | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.often, self.most, self.behind = often, most, behind
        self.given: Counter[str] = Counter()
        self.heads: list[str] = []
        self._lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def requests(self) -> int:
        return len(self.heads)

    def next(self, head: str) -> str:
        """Take note of a request; tell what it gets."""
        with self._lock:
            self.heads.append(head)
            due, rest = divmod(self.requests, self.often) if self.often else (0, 1)
            what = "image" if rest else FAULTS[due % len(FAULTS)]
            if what == "image" and self.given["image"] >= self.most:
                what = "401"
            self.given[what] += 1
            return what

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that were killed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Endpoint

    def do_GET(self) -> None:
        what = self.server.next(f"{self.path}\n{self.headers}")
        if what in ("image", "size"):
            return self._send((64, 48) if what == "image" else (65, 48))
        if what == "stall":
            time.sleep(20)
        elif what in ("429", "503", "401"):
            extra = ("Retry-After: 0",) if what == "429" else ()
            refusal = told({"status": int(what)}, f"{what} No", "Connection: close", *extra)
            self.wfile.write(refusal)
        self.close_connection = True
        return None

    def _send(self, size: tuple[int, int]) -> None:
        kind = parse_qs(urlsplit(self.path).query)["export"][0]
        data = image(size, kind) if self.server.behind is None else self._forwarded(size)
        self.send_response(200)
        self.send_header("Content-Type", f"image/{kind.lower()}")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _forwarded(self, size: tuple[int, int]) -> bytes:
        assert self.server.behind is not None
        path = self.path.replace("width=64", f"width={size[0]}")
        reply = self.server.behind.send("GET", path, WWW_Authenticate=KEY)
        assert reply.status == 200, reply.body
        return reply.body

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as endpoint:
        yield endpoint
        endpoint.shutdown()


def command(endpoint: Endpoint, *options: object) -> list[str]:
    fixed = ["generate", "--remote", "--remote-url", endpoint.url, "-s", "64x48", "-o", "set"]
    return [*fixed, *map(str, options)]


def rows_of(manifest: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in manifest.read_text().splitlines()]


def asked(run: Run, endpoint: Endpoint, *options: object, **environment: str) -> Done:
    return run(*command(endpoint, *options), **{"PIXLAB_API_KEY": KEY} | environment)


def test_a_thousand_images_come_through_faults_and_a_kill(run: Run, tmp_path: Path) -> None:
    """One request in ten fails, and the first run is killed: what is there is not asked for."""
    at_once = 32
    with serving(tmp_path, "-q") as server, Endpoint(often=10, behind=server) as endpoint:
        options = ("-n", 1000, "-j", at_once, "--remote-timeout", 16, "--json")
        first = subprocess.Popen(
            [COMMAND, *command(endpoint, *options)], cwd=tmp_path, stderr=subprocess.PIPE,
            env=os.environ | {"PIXLAB_API_KEY": KEY},
        )  # fmt: skip
        while endpoint.given["image"] < 400 and first.poll() is None:
            time.sleep(0.01)
        first.kill()
        first.communicate()
        before = endpoint.requests
        assert not (tmp_path / "set/metadata.jsonl").exists()
        second = asked(run, endpoint, *options)
        while second.returncode in (1, 4) and endpoint.requests < 2000:  # one image had them all
            assert re.search(r"; images that came are kept \([\d,]+\)", second.stderr)
            before = endpoint.requests
            second = asked(run, endpoint, *options)
        endpoint.shutdown()

    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout)["requests"] == endpoint.requests - before
    assert 1000 <= endpoint.given["image"] <= 1000 + at_once
    assert all(endpoint.given[fault] > 10 for fault in FAULTS)
    assert run("verify", "set").stderr.startswith("1,000 images checked, all well")
    rows = rows_of(tmp_path / "set/metadata.jsonl")
    assert [row["index"] for row in rows] == list(range(1000))
    assert len({row["sha256"] for row in rows}) == 1000
    assert not list((tmp_path / "set").glob(".*"))


@pytest.mark.parametrize("layout", ["files", "webdataset"])
def test_a_batch_that_is_refused_half_way_is_kept_and_finished(
    run: Run, tmp_path: Path, layout: str
) -> None:
    options = ("-n", 20, "-j", 1, "--layout", layout)
    with Endpoint(most=7) as endpoint:
        first = asked(run, endpoint, *options)
        assert first.returncode == 4
        assert "does not accept the key (401)" in first.stderr
        assert "; images that came are kept (7), and the same command goes on" in first.stderr
        endpoint.most = 1 << 30
        second = asked(run, endpoint, *options)
        again = asked(run, endpoint, *options, PIXLAB_API_KEY="")
        endpoint.shutdown()

    assert second.returncode == again.returncode == 0, second.stderr
    assert "nothing to do" in again.stderr
    assert endpoint.requests == 20 + 1
    assert run("verify", "set").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_requests_under_way_and_keeps_what_came(
    run: Run, tmp_path: Path, number: int
) -> None:
    with Endpoint(often=8) as endpoint:
        while FAULTS[(endpoint.requests // 8 + 1) % 5] != "stall":
            endpoint.next("")
        before = endpoint.given["image"]
        first = subprocess.Popen(
            [COMMAND, *command(endpoint, "-n", "20", "-j", "1")], cwd=tmp_path, text=True,
            stderr=subprocess.PIPE, env=os.environ | {"PIXLAB_API_KEY": KEY},
        )  # fmt: skip
        while not endpoint.given["stall"] and first.poll() is None:
            time.sleep(0.01)
        first.send_signal(number)
        _, said = first.communicate(timeout=5)
        came = endpoint.given["image"] - before
        endpoint.often = 0
        second = asked(run, endpoint, "-n", 20)
        endpoint.shutdown()

    assert first.returncode == 128 + number
    assert "Traceback" not in said
    assert came == 7
    assert second.returncode == 0, second.stderr
    assert endpoint.given["image"] - before == 20


TAKEN = {
    name: part.formats or ("png",)
    for name, part in parts.known("layout").items()
    if issubclass(part, Container) and set(part.formats or ("png",)) & {"png", "jpeg"}
}  # fmt: skip
BESIDE = sorted(name for name, part in parts.known("layout").items() if issubclass(part, Sidecar))


@pytest.mark.parametrize("container", TAKEN)
def test_fetched_images_go_to_every_layout_and_are_checked_by_their_hashes(
    run: Run, tmp_path: Path, endpoint: Endpoint, container: str
) -> None:
    beside = [
        name for name in BESIDE
        if not (wanted := getattr(parts.known("layout")[name], "containers", ()))
        or container in wanted
    ]  # fmt: skip
    kind = "png" if "png" in TAKEN[container] else "jpeg"
    made = asked(
        run, endpoint, "-n", 12, "-f", kind, "--layout", ",".join([container, *beside]), "-q"
    )
    store = LocalStore(str(tmp_path / "set"))

    def damage() -> list[Damage]:
        found = check(finished_plan(store), store, Running(jobs=1))
        return [each for checked in found for each in checked.damage]

    assert made.returncode == 0, made.stderr
    assert damage() == []
    for row in rows_of(tmp_path / made.stdout.strip()):
        assert tuple(row)[-5:] == ("mode", "depth", "host", "id", "status")
        assert (row["mode"], row["host"], row["status"]) == ("RGB", "127.0.0.1", 200)
    for path in sorted((tmp_path / "set").rglob("*")):
        if path.is_file() and path.name != "pixelgen.json":
            data = path.read_bytes()
            path.write_bytes(data[:-3] + bytes([data[-3] ^ 4]) + data[-2:] if data else b"x")
            assert damage(), path
            path.write_bytes(data)


def tree_names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_sidecars_come_later_without_a_request(
    run: Run, tmp_path: Path, endpoint: Endpoint
) -> None:
    asked(run, endpoint, "-n", 9, "--layout", "files,coco,csv")
    shutil.copytree(tmp_path / "set", tmp_path / "whole")
    asked(run, endpoint, "-n", 9, "--force")
    requests = endpoint.requests
    done = run("index", "set", "--layout", "coco,csv")

    assert done.returncode == 0, done.stderr
    assert endpoint.requests == requests == 18
    assert run("verify", "set").returncode == 0
    assert tree_names(tmp_path / "set") == tree_names(tmp_path / "whole")


def test_what_cannot_be_made_again_is_not_remade(
    run: Run, tmp_path: Path, endpoint: Endpoint
) -> None:
    asked(run, endpoint, "-n", 3)
    before = tree_digest(tmp_path / "set")
    for words in (("verify", "--deep", "set"), ("repair", "set"), ("repair", "--deep", "set")):
        done = run(*words)
        assert done.returncode == 2
        assert f"came from {endpoint.url} and cannot be made again" in done.stderr
    (tmp_path / "set/images/000001.png").unlink()
    assert run("verify", "set").returncode == 3
    assert tree_digest(tmp_path / "set") != before
    with pytest.raises(ValueError, match="cannot be made here"):
        Job.parse(count=1, remote=endpoint.url)[0]


def test_an_unfinished_set_says_what_finishes_it(run: Run, tmp_path: Path) -> None:
    with Endpoint(most=2) as endpoint:
        asked(run, endpoint, "-n", 5, "-j", 1)
        done = run("verify", "set")
        endpoint.shutdown()

    assert done.returncode == 1
    assert "is not finished; run the command that makes it again\n" in done.stderr


def test_what_was_paid_for_is_counted_and_never_replaced(run: Run, tmp_path: Path) -> None:
    with Endpoint(most=2) as endpoint:
        asked(run, endpoint, "-n", 5, "-j", 1)
        planned = asked(run, endpoint, "-n", 5, "--dry-run")
        before = tree_digest(tmp_path / "set")
        others = [
            run("generate", "-n", 1, "-o", "set", "--force"),
            asked(run, endpoint, "-n", 6, "--force"),
        ]
        endpoint.shutdown()

    assert "2 images are there already\nat least 3 requests to" in planned.stdout
    for done in others:
        assert done.returncode == 3
        assert "has images that were fetched for the set there" in done.stderr
    assert tree_digest(tmp_path / "set") == before


def test_a_lost_image_is_told_with_its_way_out_before_anything_is_asked(
    run: Run, tmp_path: Path, endpoint: Endpoint
) -> None:
    asked(run, endpoint, "-n", 3)
    lost = tmp_path / "set/images/000001.png"
    lost.unlink()
    forced = asked(run, endpoint, "-n", 3, "--force")
    (tmp_path / "set/metadata.jsonl").unlink()
    checked, again = run("verify", "set"), asked(run, endpoint, "-n", 3)

    for done in (forced, again, checked):
        assert done.returncode == 3
        assert re.search("move .* set", done.stderr)
        assert "repair" not in done.stderr
    assert endpoint.requests == 3
    assert not lost.exists()


def test_a_stream_that_breaks_off_promises_nothing(run: Run) -> None:
    with Endpoint(most=2) as endpoint:
        done = asked(run, endpoint, "-n", 5, "-j", 1, "-o", "-")
        endpoint.shutdown()

    assert done.returncode == 4
    assert "kept" not in done.stderr


def test_one_endpoint_is_one_however_it_is_spelled(run: Run, endpoint: Endpoint) -> None:
    asked(run, endpoint, "-n", 1, "--remote-url", endpoint.url.replace("127.0.0.1", "localhost"))
    loud = endpoint.url.replace("127.0.0.1", "LOCALHOST") + "/"
    done = asked(run, endpoint, "-n", 1, "--remote-url", loud)

    assert done.returncode == 0, done.stderr
    assert endpoint.requests == 1
    assert Job.parse(remote="https://API.pixlab.io:443", count=1).remote == "https://api.pixlab.io"


def test_a_torn_spool_is_asked_for_again_and_nothing_else(run: Run, tmp_path: Path) -> None:
    with Endpoint(most=6) as endpoint:
        asked(run, endpoint, "-n", 12, "-j", 1)
        spool = tmp_path / "set/.pixelgen.fetched"
        lines = spool.read_bytes().splitlines(keepends=True)
        assert len(lines) == 6
        lines[2] = lines[2].replace(b"A", b"B", 1)
        spool.write_bytes(b"".join(lines)[:-100])
        endpoint.most = 1 << 30
        second = asked(run, endpoint, "-n", 12, "-j", 1)
        endpoint.shutdown()

    assert second.returncode == 0, second.stderr
    assert endpoint.given["image"] == 12 + 2
    assert not spool.exists()
    assert run("verify", "set").returncode == 0


def test_one_image_goes_to_a_pipe_and_more_as_a_tar_stream(run: Run, endpoint: Endpoint) -> None:
    def piped(*options: str) -> bytes:
        words = [COMMAND, "generate", "--remote", "--remote-url", endpoint.url, "-s", "64x48"]
        return subprocess.run(
            [*words, *options], check=True, stdout=subprocess.PIPE,
            env=os.environ | {"PIXLAB_API_KEY": KEY},
        ).stdout  # fmt: skip

    with Image.open(io.BytesIO(piped("-n", "1", "-o", "-"))) as single:
        assert single.size == (64, 48)
    with tarfile.open(fileobj=io.BytesIO(piped("-n", "3", "--blob"))) as tar:
        assert tar.getnames() == ["000000.png", "000001.png", "000002.png"]
    with tarfile.open(fileobj=io.BytesIO(piped("-n", "2", "-o", "-", "--layout", "tar"))) as tar:
        row = json.loads(tar.extractfile("000001.json").read())  # type: ignore[union-attr]
        assert row["host"] == "127.0.0.1"


def test_the_command_of_the_readme_fetches(run: Run, tmp_path: Path, endpoint: Endpoint) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    found = re.search(r"^pixelgen (generate --remote -n 100 .+)$", readme, re.M)
    assert found
    words = [*shlex.split(found[1].replace("7/min", "9999/s").replace("300x300", "64x48"))]
    done = run(*words, PIXLAB_API_KEY=KEY, PIXELGEN_REMOTE_URL=endpoint.url)

    assert done.returncode == 0, done.stderr
    assert all("color=%23cef48e" in head for head in endpoint.heads)
    with Image.open(tmp_path / "negatives/images/000099.jpg") as last:
        assert last.format == "JPEG"


def test_a_set_of_none_is_empty_and_asks_for_nothing(run: Run, endpoint: Endpoint) -> None:
    done = asked(run, endpoint, "-n", 0)

    assert done.returncode == 0, done.stderr
    assert endpoint.requests == 0
    assert run("verify", "set").returncode == 0


def test_a_dry_run_asks_for_nothing(run: Run, tmp_path: Path, endpoint: Endpoint) -> None:
    done = asked(run, endpoint, "-n", 500, "--dry-run", PIXLAB_API_KEY="")

    assert done.returncode == 0, done.stderr
    assert f"500 images of 64x48 png, from {endpoint.url}" in done.stdout
    assert "at most about 6,144,000 bytes" in done.stdout
    assert f"at least 500 requests to {endpoint.url}" in done.stdout
    assert endpoint.requests == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--seed", "0"), "the remote endpoint knows no seed; leave it out"),
     (("--density", "0.5", "--color", "red"), "knows no density"),
     (("--family", "uniform"), "knows no family"), (("--mode", "L"), "knows no mode"),
     (("--depth", "16"), "knows no depth"), (("--engine", "serial"), "leave out --engine"),
     (("-f", "qoi"), "gives png, jpeg, bmp, tiff, gif"),
     (("-f", "jpeg:quality=90"), "without options; not jpeg:quality=90"),
     (("--checksum", "none"), "leave out --checksum none"),
     (("--color", "#11223344"), "knows opaque colors, and tr"),
     (("--color", "tr", "-f", "jpeg"), "cannot hold an alpha channel"),
     *((("--remote-timeout", text), "--remote-timeout") for text in ("nan", "inf", "1e10", "0")),
     (("--remote-url", ""), "--remote-url is empty"),
     (("--remote-rate", "7"), "write it as 7/min"),
     (("--remote-rate", "0/s"), "write it as 7/min"),
     (("--remote-url", "ftp://a"), "is no address"),
     (("--remote-url", "https://a b"), "is no address"),
     (("--remote-url", "http://pixlab.io"), "plain http would show the key to the network"),
     (("--remote-url", "https://u:p@pixlab.io"), "has no user, no password"),
     (("--remote-url", "https://pixlab.io/?key=1"), "no query")],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_before_anything_is(
    run: Run, tmp_path: Path, endpoint: Endpoint, options: tuple[str, ...], message: str
) -> None:
    done = asked(run, endpoint, "-n", 1, *options)

    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert endpoint.requests == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--remote-url=https://a", "--remote-rate=1/s", "--key=x"])
def test_what_is_about_the_remote_is_of_no_use_without_it(run: Run, option: str) -> None:
    done = run("generate", "-n", 1, option)

    assert done.returncode == 2
    assert f"{option.partition('=')[0]} is about --remote; give that, too" in done.stderr


def keyed(run: Run, endpoint: Endpoint, *options: str, **environment: str) -> tuple[Done, str]:
    """Ask for an image; return also the key that came along."""
    done = asked(run, endpoint, "-n", 1, *options, **environment)
    last = endpoint.heads[-1] if done.returncode == 0 else ""
    return done, last.partition("WWW-Authenticate: ")[2].partition("\n")[0].strip()


def test_the_key_is_the_first_that_is_found(run: Run, tmp_path: Path, endpoint: Endpoint) -> None:
    config = tmp_path / "config/pixelgen"
    config.mkdir(parents=True)
    for path, key in ((tmp_path / "file", "of-file"), (config / "key", "of-config")):
        path.write_text(f"{key}\n")
        path.chmod(0o600)
    home = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "PIXLAB_API_KEY": ""}

    assert keyed(run, endpoint, "-o", "1", **home)[1] == "of-config"
    assert keyed(run, endpoint, "-o", "2", "--key-file", "file", **home)[1] == "of-file"
    set_too = home | {"PIXLAB_API_KEY": "of-environment"}
    assert keyed(run, endpoint, "-o", "3", "--key-file", "file", **set_too)[1] == "of-environment"
    done, key = keyed(run, endpoint, "-o", "4", "--key", "of-option", **set_too)
    assert key == "of-option"
    assert done.stderr.startswith("warning: --key is kept in shell histories")
    piped = subprocess.run(
        [COMMAND, *command(endpoint, "-n", "1", "--key-file", "-")], check=True, cwd=tmp_path,
        input=b"of-input\n", env=os.environ | home,
    )  # fmt: skip
    assert piped.returncode == 0
    assert "WWW-Authenticate: of-input\n" in endpoint.heads[-1]


@pytest.mark.parametrize(
    ("option", "key", "message"),
    [("", "", "there is no key: set PIXLAB_API_KEY"), ("--key=", "x", "visible ASCII"),
     ("--key-file=open", "", "others can read the key in open; run: chmod 600 open"),
     ("--key-file=none", "", "cannot read the key in none"),
     ("--key-file=blank", "", "there is no key in blank"),
     ("--key-file=.", "", "the key in ."), ("", "a b", "visible ASCII"),
     ("", "a\r\nX: y", "visible ASCII"), ("", "x" * 513, "visible ASCII")],
)  # fmt: skip
def test_without_a_key_that_is_one_nothing_is_asked_or_written(
    run: Run, tmp_path: Path, option: str, key: str, message: str
) -> None:
    for name, mode in (("open", 0o644), ("blank", 0o600)):
        (tmp_path / name).write_text("" if name == "blank" else "key")
        (tmp_path / name).chmod(mode)
    with Endpoint() as endpoint:
        options = (option,) if option else ()
        done = asked(
            run, endpoint, "-n", 1, *options, XDG_CONFIG_HOME=str(tmp_path), PIXLAB_API_KEY=key
        )
        endpoint.shutdown()

    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert endpoint.requests == 0
    assert not (tmp_path / "set").exists()


def test_only_so_many_requests_are_under_way_and_each_is_counted(run: Run, tmp_path: Path) -> None:
    under_way: list[int] = []
    lock = threading.Lock()

    class Slow(_Handler):
        def do_GET(self) -> None:
            with lock:
                under_way.append((under_way[-1] if under_way else 0) + 1)
            time.sleep(0.05)
            with lock:
                under_way.append(under_way[-1] - 1)
            super().do_GET()

    with Endpoint() as endpoint:
        endpoint.RequestHandlerClass = Slow
        done = asked(run, endpoint, "-n", 12)
        endpoint.shutdown()

    assert done.returncode == 0, done.stderr
    assert max(under_way) == 2
    assert ", 12 requests" in done.stderr


def test_the_remote_adds_nothing_to_the_start_of_the_local_command(run: Run) -> None:
    for words in (["--help"], ["generate", "--help"], ["generate", "-n", "1", "-s", "8"]):
        loaded = run(*words, PYTHONPROFILEIMPORTTIME="1").stderr
        names = set(re.findall(r"\|\s+(\S+)$", loaded, re.MULTILINE))
        assert "click" in names
        assert not {"urllib3", "ssl", "http.client", "pixelgen.remote"} & names
        if "--help" in words:
            assert not {"pathlib", "ipaddress", "urllib.parse", "numpy"} & names


class Tunnel(ThreadingTCPServer):
    """A proxy that takes CONNECT, and leads all to one port of this machine."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnelled)
        self.port, self.heads = port, b""
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Tunnelled(BaseRequestHandler):
    server: Tunnel
    request: socket.socket

    def handle(self) -> None:
        self.server.heads += self.request.recv(1 << 16)
        with socket.create_connection(("127.0.0.1", self.server.port)) as far:
            self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=self._copy, args=(far, self.request), daemon=True)
            back.start()
            self._copy(self.request, far)
            back.join()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            for data in iter(partial(source.recv, 1 << 16), b""):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


def test_it_goes_through_the_proxy_that_the_environment_names(run: Run, tmp_path: Path) -> None:
    """The proxy is told the host and no key, and the certificate must still be the host's."""
    log = tmp_path / "log"
    ca = certify(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "good.pem")
    with Tunnel(Faults(log, context).port) as tunnel:
        place = f"user:p%40w@127.0.0.1:{tunnel.server_address[1]}"
        for host, proxy, code in (
            ("good.example", f"http://{place}", 0), ("good.example", place, 0),
            ("other.example", place, 4), ("good.example", f"socks5://{place}", 4),
        ):  # fmt: skip
            shutil.rmtree(tmp_path / host, ignore_errors=True)
            done = run(
                "generate", "--remote", "--remote-url", f"https://{host}/ok", "-n", 1, "-s",
                "64x48", "-o", host, PIXLAB_API_KEY=KEY, https_proxy=proxy,
                SSL_CERT_FILE=str(ca), no_proxy="",
            )  # fmt: skip
            assert done.returncode == code, done.stderr

        tunnel.shutdown()

    assert tunnel.heads.startswith(b"CONNECT good.example:443 HTTP/1.")
    assert base64.b64encode(b"user:p@w") in tunnel.heads
    assert KEY.encode() not in tunnel.heads
    assert KEY in log.read_text()


def test_sets_of_many_threads_are_whole(run: Run, tmp_path: Path, endpoint: Endpoint) -> None:
    def one(number: int) -> int:
        return asked(run, endpoint, "-n", 30, "-j", 8, "-o", f"set{number}", "-q").returncode

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(one, range(3))) == [0, 0, 0]
    assert endpoint.requests == 90
    for number in range(3):
        assert run("verify", f"set{number}").returncode == 0


def test_images_that_were_paid_for_for_another_set_are_not_dropped(
    run: Run, tmp_path: Path, endpoint: Endpoint
) -> None:
    (tmp_path / "set").mkdir()
    spool = tmp_path / "set/.pixelgen.fetched"
    spool.write_bytes(seal(["0" * 64, 0, "", "AAAA"]))
    before = spool.read_bytes()
    done = run("generate", "-n", 3, "-s", 8, "--remote", "--remote-url", endpoint.url, "-o", "set",
               PIXLAB_API_KEY="abcdefghijklmnop")  # fmt: skip

    assert done.returncode == 3
    assert "for another set; move it away" in done.stderr
    assert spool.read_bytes() == before
