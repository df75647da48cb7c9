"""Draw images with whichever pixelgen is on the path: what it took, and the SHA-256 of all.

SPEC SIDE FORMAT UNTIMED IMAGES SECONDS: the first UNTIMED images import modules and build tables;
then at least IMAGES are timed, for at least SECONDS of CPU time. FORMAT is empty where pixels are
not encoded. Trees of earlier versions run this too, so it uses little of pixelgen, and nothing else
of the benchmarks.
"""

import hashlib
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pixelgen.engines import keep_memory
from pixelgen.formats import Data
from pixelgen.generator import Generator
from pixelgen.job import Job


def maker(spec: str, side: int, encoding: str) -> Callable[[int], Data]:
    """Return what draws image i, and encodes it if there is a format."""
    job = Job.parse(
        count=1 << 30, width=side, height=side, seed=1, family=spec, format=encoding or "png"
    ).scan_sources()
    if encoding:
        return job.maker()
    generator = Generator(job.image, job.sources)
    return lambda index: np.ascontiguousarray(generator.render(index).pixels).data


def peak() -> float:
    """Return the most memory that this process has had, in MiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    keep_memory()  # as pixelgen's workers do
    make = maker(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    untimed, images, seconds = int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6])
    digest = hashlib.sha256()
    for index in range(untimed):
        digest.update(make(index))
    drawn, wall, cpu = 0, 0.0, 0.0
    while drawn < images or cpu < seconds:
        wall_before, cpu_before = time.perf_counter(), time.process_time()
        made = make(untimed + drawn)
        cpu += time.process_time() - cpu_before
        wall += time.perf_counter() - wall_before
        digest.update(made)
        drawn += 1
    print(json.dumps([drawn, wall / drawn, cpu / drawn, peak(), digest.hexdigest()]))  # noqa: T201
