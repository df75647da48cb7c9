"""Measure ``pixelgen serve`` against the generator that it serves: ``python -m benchmarks.serve``.

Run it from the root of the repository, by the Python of an environment with the extra 'serve', on
Linux. All sides make the same images: the generator, in a loop and for nobody; ``pixelgen serve``
with ``-j 1 -q``, asked with ``blob=true`` over a few connections that are kept alive; and the
generator behind a plain socket, which is what no server can do without. Each runs on one and the
same core, and serve once more on whichever it likes; the client runs on another core, if there is
one. A ratio is what an image takes over what it takes the generator alone in the same round, by the
clock and in CPU time; the clock tells little while others are at work on the machine.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

from benchmarks import report
from benchmarks.measure import PIXELGEN, cpu_of
from benchmarks.report import Comparison, Usage, option

IMAGES = {
    "300x300 PNG": "width=300",
    "300x300 PNG, RGB": "width=300&color=red",
    "300x300 JPEG": "width=300&export=jpeg",
    "300x300 PNG, perlin": "width=300&noise=perlin",
    "1000x1000 PNG": "width=1000",
    "1000x1000 PNG, perlin": "width=1000&noise=perlin",
    "32x32 PNG": "width=32",
}
_SERVE = (PIXELGEN, "serve", "--port", "0", "-j", "1", "-q", "--no-auth")
_IMAGES = (sys.executable, "-m", "benchmarks.peers.images")
SIDES = {
    "serve": _SERVE,
    "serve, all cores": _SERVE,
    "plain socket": _IMAGES,
}
CONNECTIONS = 3
_WARM = 0.3  # of the seconds of a measurement: before it
_HEAD = 1000  # bytes: more than any head here


@dataclass(frozen=True)
class Options(report.Options):
    only: str = option("", "^300x300 (PNG|JPEG)$", report.ONLY)
    seconds: float = option(2.0, 0.05, "of each side in a round")


def main() -> None:
    options = report.parse(Options, "benchmarks.serve", __doc__)
    report.show(options, compare(options), granian=report.package("granian"))


def compare(options: Options) -> Iterator[Comparison]:
    """Measure every side of every image, round by round."""
    skipped = "" if find_spec("granian") else "no granian"
    sides = {side: argv for side, argv in SIDES.items() if argv != _SERVE or not skipped}
    for name in filter(re.compile(options.only).search, IMAGES):
        rounds = [race(IMAGES[name], sides, options.seconds) for _ in range(options.rounds)]
        for side in SIDES:
            pairs = tuple((one["generator"], one[side]) for one in rounds if side in sides)
            yield Comparison(name, side, "generator", pairs, "" if side in sides else skipped)


def race(query: str, sides: Mapping[str, tuple[str, ...]], seconds: float) -> dict[str, Usage]:
    """Measure every side in turn."""
    costs = {"generator": alone(query, seconds)}
    for side, command in sides.items():
        argv = (*command, query) if command == _IMAGES else command
        with started(argv, is_bound="all cores" not in side) as server:
            assert server.stdout
            port = int(server.stdout.readline().rpartition(":")[2])
            costs[side] = asked(server.pid, port, query, seconds)
    return costs


def alone(query: str, seconds: float) -> Usage:
    """Measure the generator."""
    with started((*_IMAGES, query, str(seconds))) as process:
        answer = json.loads(process.communicate()[0])
    return Usage(answer["wall"] / answer["images"], answer["cpu"] / answer["images"])


@contextmanager
def started(argv: tuple[str, ...], *, is_bound: bool = True) -> Iterator[subprocess.Popen[str]]:
    """Run a process on the first core, if it is bound to one, and this one on the others."""
    first, *others = cores = sorted(os.sched_getaffinity(0))
    if is_bound:
        os.sched_setaffinity(0, {first})  # which a process takes over from who starts it
    try:
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        os.sched_setaffinity(0, others or cores)
        with process:
            try:
                yield process
            finally:
                process.terminate()
    finally:
        os.sched_setaffinity(0, cores)


def asked(pid: int, port: int, query: str, seconds: float) -> Usage:
    """Ask a server for images for so long, after a while to warm up."""
    ask(port, query, _WARM * seconds)
    cpu = cpu_of(pid)
    begun = time.perf_counter()
    images = ask(port, query, seconds)
    wall = time.perf_counter() - begun
    return Usage(wall / images, (cpu_of(pid) - cpu) / images)


def ask(port: int, query: str, seconds: float) -> int:
    """Ask over every connection at once, for so long; return how many images came."""
    until = time.perf_counter() + seconds
    with ThreadPoolExecutor(CONNECTIONS) as clients:
        return sum(clients.map(lambda _: ask_on_one(port, query, until), range(CONNECTIONS)))


def ask_on_one(port: int, query: str, until: float) -> int:
    """Ask over a connection, once at least; return how many images came."""
    request = f"GET /pixelgenerate?{query}&blob=true HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    buffer, images = memoryview(bytearray(1 << 20)), 0
    with socket.create_connection(("127.0.0.1", port)) as line:
        while not images or time.perf_counter() < until:
            line.sendall(request)
            take(line, buffer)
            images += 1
    return images


def take(line: socket.socket, buffer: memoryview) -> None:
    """Take an answer, whose head comes in one packet."""
    got = line.recv_into(buffer)
    head = bytes(buffer[:_HEAD]).partition(b"\r\n\r\n")[0]
    length = re.search(rb"^HTTP/1.1 200 .*^content-length: (\d+)", head, re.MULTILINE | re.DOTALL)
    assert length, head
    left = len(head) + 4 + int(length[1]) - got
    while left:
        left -= line.recv_into(buffer)


if __name__ == "__main__":
    main()
