"""Make the images of a request's job, one after the other: QUERY SECONDS, or QUERY alone.

For so many seconds, of which the seconds and the images are printed as JSON; or else for whoever
connects to the port that is printed, an image for each request, sent as it is by a plain socket.
"""

import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from threading import Lock, Thread

from pixelgen.engines import keep_memory
from pixelgen.formats import Data
from pixelgen.pixlab.server.params import MAX_PIXELS, parse_job
from pixelgen.pixlab.server.parsing import parse_query

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"


def main() -> None:
    query, *seconds = sys.argv[1:]
    keep_memory()  # as the workers of pixelgen generate do
    make = parse_job("/pixelgenerate", parse_query(query.encode()), MAX_PIXELS).maker()
    make(0)
    if seconds:
        report(make, float(seconds[0]))
    else:
        serve(make)


def report(make: Callable[[int], Data], seconds: float) -> None:
    """Make images for so long."""
    begun, cpu = time.perf_counter(), time.process_time()
    for images in count(1):
        make(images)
        wall = time.perf_counter() - begun
        if wall > seconds:
            break
    taken = {"images": images, "wall": wall, "cpu": time.process_time() - cpu}
    sys.stdout.write(json.dumps(taken))


def serve(make: Callable[[int], Data]) -> None:
    """Send images on every connection, until a signal ends it."""
    numbers, lock = count(1), Lock()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            line, _ = listener.accept()
            Thread(target=answer, args=(line, make, numbers, lock), daemon=True).start()


def answer(
    line: socket.socket, make: Callable[[int], Data], numbers: Iterator[int], lock: Lock
) -> None:
    """Answer each request on a connection, which comes in one packet."""
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with line:
        while line.recv(1 << 16):
            with lock:  # the file is valid until the next call
                image = make(next(numbers))
                line.sendall(ANSWER % len(image))
                line.sendall(image)


if __name__ == "__main__":
    main()
