"""Options of ``--remote``: which key is sent and how, how many requests, and when none."""

import base64
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest

from pixelgen.job import Job
from tests.pixlab.client.conftest import write_certificates
from tests.support.command import COMMAND, Done, Run
from tests.support.faulty_server import FaultyServer
from tests.support.pixlab_endpoint import KEY, Endpoint, Handler, remote_command, run_remote
from tests.support.serving import TIMEOUT


def test_dry_run_makes_no_request(run: Run, tmp_path: Path, endpoint: Endpoint) -> None:
    done = run_remote(run, endpoint, "-n", 500, "--dry-run", PIXLAB_API_KEY="")

    assert done.returncode == 0, done.stderr
    for fact in ("500 images", "64x48", "png", endpoint.url, "6,144,000 bytes", "500 requests"):
        assert fact in done.stdout
    assert endpoint.requests == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "named"),
    [(("--seed", "0"), ["seed"]), (("--density", "0.5", "--color", "red"), ["density"]),
     (("--family", "uniform"), ["family"]), (("--mode", "L"), ["mode"]),
     (("--depth", "16"), ["depth"]), (("--engine", "serial"), ["--engine"]),
     (("-f", "qoi"), ["png, jpeg, bmp, tiff, gif"]),
     (("-f", "jpeg:quality=90"), ["jpeg:quality=90"]),
     (("--checksum", "none"), ["--checksum none"]),
     (("--color", "#11223344"), ["color", "tr"]),
     (("--color", "tr", "-f", "jpeg"), ["jpeg", "alpha"]),
     *((("--remote-timeout", text), ["--remote-timeout"]) for text in ("nan", "inf", "1e10", "0")),
     (("--remote-url", ""), ["--remote-url"]),
     (("--remote-rate", "7"), ["'7'", "7/min"]), (("--remote-rate", "0/s"), ["'0/s'", "7/min"]),
     (("--remote-url", "ftp://a"), ["ftp://a", "address"]),
     (("--remote-url", "https://a b"), ["https://a b", "address"]),
     (("--remote-url", "http://pixlab.io"), ["http", "key"]),
     (("--remote-url", "https://u:p@pixlab.io"), ["user", "password"]),
     (("--remote-url", "https://pixlab.io/?key=1"), ["query"])],
)  # fmt: skip
def test_invalid_options_are_refused_before_any_request(
    run: Run, tmp_path: Path, endpoint: Endpoint, options: tuple[str, ...], named: list[str]
) -> None:
    done = run_remote(run, endpoint, "-n", 1, *options)

    assert done.returncode == 2
    assert [each for each in named if each not in done.stderr] == []
    assert len(done.stderr.splitlines()) == 1
    assert endpoint.requests == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--remote-url=https://a", "--remote-rate=1/s", "--key=x"])
def test_remote_options_need_remote(run: Run, option: str) -> None:
    done = run("generate", "-n", 1, option)

    assert done.returncode == 2
    assert option.partition("=")[0] in done.stderr
    assert re.search(r"--remote\b(?!-)", done.stderr)


def run_for_key(
    run: Run, endpoint: Endpoint, *options: str, **environment: str
) -> tuple[Done, str]:
    """Fetch an image; return also the key that was sent."""
    done = run_remote(run, endpoint, "-n", 1, *options, **environment)
    last = endpoint.request_heads[-1] if done.returncode == 0 else ""
    return done, last.partition("WWW-Authenticate: ")[2].partition("\n")[0].strip()


@pytest.mark.slow
def test_first_key_found_is_used(run: Run, tmp_path: Path, endpoint: Endpoint) -> None:
    config = tmp_path / "config/pixelgen"
    config.mkdir(parents=True)
    for path, key in ((tmp_path / "file", "of-file"), (config / "key", "of-config")):
        path.write_text(f"{key}\n")
        path.chmod(0o600)
    home = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "PIXLAB_API_KEY": ""}

    assert run_for_key(run, endpoint, "-o", "1", **home)[1] == "of-config"
    assert run_for_key(run, endpoint, "-o", "2", "--key-file", "file", **home)[1] == "of-file"
    set_too = home | {"PIXLAB_API_KEY": "of-environment"}
    assert (
        run_for_key(run, endpoint, "-o", "3", "--key-file", "file", **set_too)[1]
        == "of-environment"
    )
    done, key = run_for_key(run, endpoint, "-o", "4", "--key", "of-option", **set_too)
    assert key == "of-option"
    assert re.search("^warning: --key\\b", done.stderr)
    piped = subprocess.run(
        [COMMAND, *remote_command(endpoint, "-n", "1", "--key-file", "-")],
        check=True, cwd=tmp_path, input=b"of-input\n", env=os.environ | home,
    )  # fmt: skip
    assert piped.returncode == 0
    assert "WWW-Authenticate: of-input\n" in endpoint.request_heads[-1]


@pytest.mark.parametrize(
    ("option", "key", "named"),
    [("", "", "PIXLAB_API_KEY"), ("--key=", "x", "visible ASCII"),
     ("--key-file=open", "", "chmod 600 open"), ("--key-file=none", "", "none"),
     ("--key-file=blank", "", "blank"), ("--key-file=.", "", " ."), ("", "a b", "visible ASCII"),
     ("", "a\r\nX: y", "visible ASCII"), ("", "x" * 513, "512 visible ASCII")],
)  # fmt: skip
def test_without_a_valid_key_nothing_is_requested_or_written(
    run: Run, tmp_path: Path, option: str, key: str, named: str
) -> None:
    for name, mode in (("open", 0o644), ("blank", 0o600)):
        (tmp_path / name).write_text("" if name == "blank" else "key")
        (tmp_path / name).chmod(mode)
    with Endpoint() as endpoint:
        options = (option,) if option else ()
        done = run_remote(
            run, endpoint, "-n", 1, *options, XDG_CONFIG_HOME=str(tmp_path), PIXLAB_API_KEY=key
        )
        endpoint.shutdown()

    assert done.returncode == 2
    assert named in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert endpoint.requests == 0
    assert not (tmp_path / "set").exists()


def test_spellings_of_an_address_are_one_endpoint(run: Run, endpoint: Endpoint) -> None:
    run_remote(
        run, endpoint, "-n", 1, "--remote-url", endpoint.url.replace("127.0.0.1", "localhost")
    )
    loud = endpoint.url.replace("127.0.0.1", "LOCALHOST") + "/"
    done = run_remote(run, endpoint, "-n", 1, "--remote-url", loud)

    assert done.returncode == 0, done.stderr
    assert endpoint.requests == 1
    assert Job.parse(remote="https://API.pixlab.io:443", count=1).remote == "https://api.pixlab.io"


def test_concurrency_is_limited_and_requests_are_counted(run: Run, tmp_path: Path) -> None:
    in_progress, most, lock = 0, 0, threading.Lock()
    two = threading.Event()

    class Meeting(Handler):
        def do_GET(self) -> None:  # noqa: N802
            nonlocal in_progress, most
            with lock:
                in_progress += 1
                most = max(most, in_progress)
            if in_progress > 1:
                two.set()
            elif self.server.requests:  # the first may be fetched alone
                two.wait(TIMEOUT)
            super().do_GET()
            with lock:
                in_progress -= 1

    with Endpoint() as endpoint:
        endpoint.RequestHandlerClass = Meeting
        done = run_remote(run, endpoint, "-n", 12, "--remote-timeout", 9 * TIMEOUT, "--json")
        endpoint.shutdown()

    assert done.returncode == 0, done.stderr
    assert most == 2
    assert json.loads(done.stdout)["requests"] == 12


def test_client_is_not_imported_by_local_commands(run: Run) -> None:
    for words in (["--help"], ["generate", "--help"], ["generate", "-n", "1", "-s", "8"]):
        loaded = run(*words, PYTHONPROFILEIMPORTTIME="1").stderr
        names = set(re.findall(r"\|\s+(\S+)$", loaded, re.MULTILINE))
        assert "click" in names
        assert not {"urllib3", "ssl", "http.client", "pixelgen.pixlab.client"} & names
        if "--help" in words:
            assert not {"pathlib", "ipaddress", "urllib.parse", "numpy"} & names


class Tunnel(ThreadingTCPServer):
    """A proxy that accepts CONNECT, and forwards everything to one port of this machine."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnelled)
        self.port, self.request_heads = port, b""
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Tunnelled(BaseRequestHandler):
    server: Tunnel
    request: socket.socket

    def handle(self) -> None:
        self.server.request_heads += self.request.recv(1 << 16)
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


@pytest.mark.slow
def test_requests_use_the_proxy_of_the_environment(run: Run, tmp_path: Path) -> None:
    """The proxy sees the host and no key, and the certificate must still be the host's."""
    log = tmp_path / "log"
    ca = write_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "good.pem")
    with Tunnel(FaultyServer(log, context).port) as tunnel:
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

    assert tunnel.request_heads.startswith(b"CONNECT good.example:443 HTTP/1.")
    assert base64.b64encode(b"user:p@w") in tunnel.request_heads
    assert KEY.encode() not in tunnel.request_heads
    assert KEY in log.read_text()
