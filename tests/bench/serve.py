"""Measure ``pixelgen serve`` against the generator that it serves: ``python -m tests.bench.serve``.

Run it from the root of the repository, by the Python of an environment with pixelgen[serve], on
Linux. All sides make the same images: the generator, in a loop and for nobody; ``pixelgen serve``
with ``-j 1 -q``, asked with ``blob=true`` over a few connections that are kept alive; and the
generator behind a plain socket, which is what no server can do without. Each runs on one and the
same core, and serve once more on whichever it likes; the client runs on another core, if there is
one. A ratio is what an image takes over what it takes the generator alone in the same round, by the
clock and in CPU time; the clock tells little while others are at work on the machine.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.bench.durability import spread
from tests.bench.rows import PIXELGEN

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
_IMAGES = (sys.executable, "-m", "tests.bench.peers.images")
SIDES = {
    "serve": _SERVE,
    "serve, all cores": _SERVE,
    "plain socket": _IMAGES,
}
CONNECTIONS = 3
_WARM = 0.3  # of the seconds of a measurement: before it
_HEAD = 1000  # bytes: more than any head here
_TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """What an image took: seconds by the clock, and of CPU time."""

    wall: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.bench.serve", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a side (default: 2)")
    parser.add_argument("--rounds", type=int, default=5, help="of each image (default: 5)")
    parser.add_argument("--images", default="", metavar="REGEX", help="only these")
    options = parser.parse_args()
    for row in report(options):
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()


def report(options: argparse.Namespace) -> Iterator[str]:
    """Yield the table, a row for each image and side, as it is measured."""
    yield f"{'over generator (min..max)':<42}{'time':>22}{'CPU time':>22}"
    for name in filter(re.compile(options.images).search, IMAGES):
        rounds = [race(IMAGES[name], options.seconds) for _ in range(options.rounds)]
        for side in SIDES:
            walls = spread([one[side].wall / one["generator"].wall for one in rounds])
            cpus = spread([one[side].cpu / one["generator"].cpu for one in rounds])
            yield f"{name:<24}{side:<18}{walls:>22}{cpus:>22}"


def race(query: str, seconds: float) -> dict[str, Cost]:
    """Measure every side in turn."""
    costs = {"generator": alone(query, seconds)}
    for side, command in SIDES.items():
        argv = (*command, query) if command == _IMAGES else command
        with started(argv, is_bound="all cores" not in side) as server:
            assert server.stdout
            port = int(server.stdout.readline().rpartition(":")[2])
            costs[side] = asked(server.pid, port, query, seconds)
    return costs


def alone(query: str, seconds: float) -> Cost:
    """Measure the generator."""
    with started((*_IMAGES, query, str(seconds))) as process:
        told = json.loads(process.communicate()[0])
    return Cost(told["wall"] / told["images"], told["cpu"] / told["images"])


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


def asked(pid: int, port: int, query: str, seconds: float) -> Cost:
    """Ask a server for images for so long, after a while to warm up."""
    ask(port, query, _WARM * seconds)
    cpu = cpu_of(pid)
    begun = time.perf_counter()
    images = ask(port, query, seconds)
    wall = time.perf_counter() - begun
    return Cost(wall / images, (cpu_of(pid) - cpu) / images)


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


def cpu_of(pid: int) -> float:
    """Return the CPU time that a process has taken, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    main()
