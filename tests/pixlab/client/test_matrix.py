"""Whatever an endpoint does: the right exit code and message, in time, and no files left behind.

Each case is a fault of :mod:`tests.support.faulty_server`, against the command as users run it.
Python's own audit events show which hosts it connected to; logging is at its most verbose.
"""

import json
import os
import re
import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from tests.pixlab.client.conftest import FaultyProcess
from tests.support.command import COMMAND, MEASURED
from tests.support.faulty_server import CASES, SIZE

LONG_TIMEOUT = 240.0  # seconds for an image, all tries and waits included: no machine is that slow
SHORT_TIMEOUT = 8.0  # a try may take a quarter of it
STALLING = {
    "stalled_headers", "stalled_body", "slow_body", "slow_body_then_close", "slow_headers",
}  # fmt: skip
"""Faults that last until the client leaves, so only its deadline ends them."""
KEY = f"SECRETKEY-{secrets.token_hex(8)}"

WATCH = """
import logging, os, sys
logging.basicConfig(level=logging.DEBUG)
def record(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        with open(os.environ["WATCHED"], "a") as file:
            print(arguments[1] if event == "socket.connect" else arguments[:2], file=file)
sys.addaudithook(record)
"""

ALLOWED_HOSTS = r"127\.0\.0\.1|no-such-host\.invalid"
TIMED_OUT = r"longer than \d+ s|no data came"
CUT = "cut short|connection was lost"
NOT_HTTP = "not valid HTTP"
NOT_PNG = "not a PNG"
BAD_LENGTH = "Content-Length"
REDIRECT = "redirect"
UNTRUSTED = r"certificate.*127\.0\.0\.1"
NOT_FOLLOWED = "not followed"
ALL_TRIES = 5  # of a request that may do better the next time

# Exit code, part of the message, and the number of requests (None: as many as time allows).
BLOB: dict[str, tuple[int, str, int | None]] = {
    "ok": (0, "", 1),
    "rate_once": (0, "", 2),
    "fault_twice": (0, "", 3),
    "wrong_once": (0, "", 2),
    "stalled_headers": (1, TIMED_OUT, None),
    "stalled_body": (1, TIMED_OUT, None),
    "slow_body": (1, TIMED_OUT, None),
    "slow_body_then_close": (1, TIMED_OUT, None),
    "slow_headers": (1, TIMED_OUT, None),
    "endless": (4, "90,112 bytes", 1),
    "reset": (1, CUT, ALL_TRIES),
    "short_body": (1, CUT, ALL_TRIES),
    "short_image": (4, "PNG.*no end.*IEND", 2),
    "half_image": (4, "PNG.*no end.*IEND", 2),
    "png_without_end": (4, "PNG.*no end.*IEND", 2),
    "png_with_more": (4, r"PNG.*after.*IEND.*\b4\b", 2),
    "two_pngs": (4, "PNG.*after.*IEND", 2),
    "png_of_half_rows": (4, "3,120", 2),
    "jpeg_without_end": (4, "JPEG.*no end.*EOI", 2),
    "jpeg_with_more": (4, r"JPEG.*after.*EOI.*\b4\b", 2),
    "empty": (4, NOT_PNG, 2),
    "bomb": (4, "90,112 bytes|compress", 1),
    "wrong_size": (4, "PNG.*65x48.*64x48", 2),
    "huge_image": (4, "90,112 bytes", 1),
    "huge_claim": (4, "PNG.*60000x60000.*64x48", 2),
    "other_format": (4, NOT_PNG, 2),
    "many_headers": (4, NOT_HTTP, 1),
    "long_header": (4, NOT_HTTP, 1),
    "garbage": (4, NOT_HTTP, 1),
    "chunk_without_end": (4, NOT_HTTP, 1),
    "huge_length": (1, CUT, ALL_TRIES),
    "bad_length": (4, BAD_LENGTH, 1),
    "no_number_length": (4, BAD_LENGTH, 1),
    "two_lengths": (4, BAD_LENGTH, 1),
    "length_too_small": (4, "PNG.*no end.*IEND", 2),
    "chunks": (0, "", 1),
    "chunks_without_last": (1, CUT, ALL_TRIES),
    "chunk_cut": (1, CUT, ALL_TRIES),
    "packed_chunks": (4, "Transfer-Encoding.*chunked", 1),
    "closed": (0, "", 1),
    "closed_early": (4, "PNG.*no end.*IEND", 2),
    "wrong_type": (0, "", 1),
    "part": (4, "206", 1),
    "status_is_text": (4, "status.*number", 1),
    "fault": (1, "500.*oops", ALL_TRIES),
    "fault_in_html": (1, "503", ALL_TRIES),
    "rate_for_a_day": (1, r"429.*\b\d+,\d+ s.*--remote-timeout", 1),
    "rate_in_html": (1, r"429.*\b\d+ s.*--remote-timeout", 1),
    "key_refused": (4, "key.*401.*Invalid key", 1),
    "status_in_json": (4, "key.*403.*no", 1),
    "bad_request": (4, r"400.*\[31mbad width", 1),
    "html": (4, NOT_PNG, 2),
    "cut_json": (4, "JSON", 1),
    "deep_json": (4, "90,112 bytes|JSON", 1),
    "list_json": (4, "JSON", 1),
    "json_for_image": (4, "JSON.*image", 1),
    "redirect_loop": (4, REDIRECT, 1),
    "redirect_elsewhere": (4, REDIRECT, 1),
    "redirect_to_file": (4, REDIRECT, 1),
    "key_echoed": (4, r"400.*what is \*\*\*\?", 1),
}
LINK: dict[str, tuple[int, str, int | None]] = {
    "link_followed": (0, "", 2),
    "ok": (4, "not JSON", 1),
    "link_to_nothing": (4, "404", 2),
    "link_redirected": (4, REDIRECT, 2),
    "link_to_file": (4, f"file://.*{NOT_FOLLOWED}", 1),
    "link_in_plain_http": (4, rf"http://10\.0\.0\.1\b.*{NOT_FOLLOWED}", 1),
    "link_to_metadata": (4, rf"http://192\.0\.2\.1\b.*{NOT_FOLLOWED}", 1),
    "link_to_unlisted": (4, rf"https://example\.org\b.*{NOT_FOLLOWED}", 1),
    "link_to_other_bucket": (4, rf"https://s3\.amazonaws\.com\b.*{NOT_FOLLOWED}", 1),
    "link_out_of_bucket": (4, r"link.*\.\.", 1),
    "link_with_suffix": (4, rf"https://evilpixlab\.xyz\b.*{NOT_FOLLOWED}", 1),
    "link_to_other_port": (4, NOT_FOLLOWED, 1),
    "link_with_user": (4, NOT_FOLLOWED, 1),
    "link_is_number": (4, "no link", 1),
    "link_missing": (4, "no link", 1),
    "link_with_nul": (4, "link.*URL", 1),
    "link_with_space": (4, "link.*URL", 1),
    "key_refused": (4, "key.*401", 1),
}
NETWORK: dict[str, tuple[int, str]] = {
    "https://127.0.0.1:{good}/ok": (0, ""),
    "https://127.0.0.1:{unknown}/ok": (4, UNTRUSTED),
    "https://127.0.0.1:{wrong}/ok": (4, UNTRUSTED),
    "https://127.0.0.1:{expired}/ok": (4, UNTRUSTED),
    "https://127.0.0.1:{http}/ok": (1, TIMED_OUT),
    "http://127.0.0.1:1/ok": (1, r"127\.0\.0\.1.*refused"),
    "https://no-such-host.invalid/ok": (1, r"no-such-host\.invalid.*resolve"),
}


class Done(NamedTuple):
    """How the command ended: exit code, stderr, peak KiB, its folder and where it went."""

    code: int
    stderr: str
    peak: int
    folder: Path
    watched: str


def run_watched(
    faulty: FaultyProcess, folder: Path, url: str, *options: str, **environment: str
) -> Done:
    """Run ``generate --remote``, watched, in the network of the endpoint."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(WATCH)
    command = [COMMAND, "generate", "--remote", "-n", "1", "-s", "{}x{}".format(*SIZE), "-o", "set",
               "--remote-url", url, "--remote-timeout", str(LONG_TIMEOUT), *options]  # fmt: skip
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(
        [*faulty.prefix, sys.executable, "-c", MEASURED, *command],
        check=False, cwd=folder, capture_output=True, text=True, timeout=2 * LONG_TIMEOUT,
        env=os.environ | {
            "PIXLAB_API_KEY": KEY, "PYTHONPATH": path, "WATCHED": "watched",
            "SSL_CERT_FILE": str(faulty.ca), "PYTHONDONTWRITEBYTECODE": "1",
        } | environment,
    )  # fmt: skip
    assert KEY not in done.stdout + done.stderr
    watched = folder / "watched"
    return Done(
        done.returncode, done.stderr, int(done.stdout.split()[-1]), folder,
        watched.read_text() if watched.exists() else "",
    )  # fmt: skip


def problems(done: Done, code: int, message: str) -> list[str]:
    """Return what is wrong with how a command ended."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("pixelgen: ")]
    left = [path for path in done.folder.rglob("*") if path.is_file()]
    left = [path for path in left if path.name not in ("sitecustomize.py", "watched")]
    other_hosts = [line for line in done.watched.splitlines() if not re.search(ALLOWED_HOSTS, line)]
    checks = {
        f"exit {done.code}, not {code}": done.code != code,
        f"no message: {message}": bool(message) and not re.search(message, "\n".join(lines)),
        "a traceback": "Traceback" in done.stderr,
        "more than a line": len(lines) != (code != 0),
        f"{done.peak >> 10} MiB": done.peak > 150 << 10,
        f"left: {left}": bool(left) and code != 0,
        f"went to {other_hosts}": bool(other_hosts),
        "the key in a file": any(KEY.encode() in path.read_bytes() for path in left),
    }
    if code == 0:
        with Image.open(done.folder / "set/images/000000.png") as image:
            image.load()
            checks["not the image"] = image.size != SIZE
    wrong = [problem for problem, failed in checks.items() if failed]
    return [*lines, *wrong] if wrong else []


def run_concurrently(
    runs: dict[str, tuple[FaultyProcess, Path, str, *tuple[str, ...]]],
) -> dict[str, Done]:
    """Make runs that mostly wait, some at a time."""
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(runs, pool.map(lambda run: run_watched(*run), runs.values()), strict=True))


def seconds_for(name: str) -> float:
    """Return the time for an image: less than a minute for what is to be tried a minute later."""
    return SHORT_TIMEOUT if name in STALLING else 60 if name == "rate_in_html" else LONG_TIMEOUT


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize("mode", ["blob", "link"])
def test_every_fault_ends_in_one_line_in_time_and_leaves_nothing(
    faulty: FaultyProcess, tmp_path: Path, mode: str
) -> None:
    expected = BLOB if mode == "blob" else LINK
    base = f"http://127.0.0.1:{faulty.ports['http']}"
    before = {name: len(faulty.requests(name)) for name in expected}
    done = run_concurrently({
        name: (
            faulty, tmp_path / name, f"{base}/{name}", "--remote-mode", mode,
            "--remote-timeout", str(seconds_for(name)),
            "-f", "jpeg" if name.startswith("jpeg_") else "png",
        )
        for name in expected
    })  # fmt: skip
    found = {name: problems(done[name], *expected[name][:2]) for name in expected}
    for name, (*_, requests) in expected.items():
        seen = len(faulty.requests(name)) - before[name]
        if requests not in (None, seen):
            found[name].append(f"{seen} requests, not {requests}")

    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_every_case_of_the_faulty_server_is_tested() -> None:
    assert set(CASES) == BLOB.keys() | LINK.keys()


@pytest.mark.cli
@pytest.mark.slow
def test_network_errors_are_reported(faulty: FaultyProcess, tmp_path: Path) -> None:
    done = run_concurrently({
        url: (
            faulty, tmp_path / str(number), url.format(**faulty.ports),
            "--remote-timeout",
            str(SHORT_TIMEOUT if NETWORK[url][1] == TIMED_OUT else LONG_TIMEOUT),
        )
        for number, url in enumerate(NETWORK)
    })  # fmt: skip
    found = {url: problems(done[url], *NETWORK[url]) for url in NETWORK}

    assert {url: wrong for url, wrong in found.items() if wrong} == {}


@pytest.mark.cli
def test_key_is_sent_in_the_header_and_to_no_link(faulty: FaultyProcess, tmp_path: Path) -> None:
    base = f"http://127.0.0.1:{faulty.ports['http']}/link_followed"
    done = run_watched(faulty, tmp_path / "a", base, "--remote-mode", "link", "--color", "#cef48e")
    first, followed = faulty.requests("link_followed")[-2:]

    assert done.code == 0
    assert first.startswith(
        "GET /link_followed/pixelgenerate?width=64&height=48&export=PNG&color=%23cef48e HTTP"
    )
    assert f"WWW-Authenticate: {KEY}\r\n" in first
    assert "Accept-Encoding: identity" in first
    assert "/media/" in followed
    assert KEY not in followed
    row = json.loads((done.folder / "set/metadata.jsonl").read_text())
    assert (row["host"], row["id"], row["status"]) == ("127.0.0.1", "24p1.png", 200)


@pytest.mark.cli
def test_key_is_sent_in_the_query_on_request(faulty: FaultyProcess, tmp_path: Path) -> None:
    base = f"http://127.0.0.1:{faulty.ports['http']}/ok"
    done = run_watched(faulty, tmp_path / "a", base, "--remote-auth", "query")
    request = faulty.requests("ok")[-1]

    assert done.code == 0, done.stderr
    assert f"&key={KEY} HTTP" in request
    assert "WWW-Authenticate" not in request
