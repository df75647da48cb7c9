"""Measure what images take beside what serve estimates: ``python -m tests.bench.costs``.

Run it from the root of the repository, on Linux. Each image is made and encoded in a process of its
own, in RGBA and PNG: the peak is that of the first one, above what pixelgen takes by itself; the
CPU time is the mean of those that follow, so without the tables that the first one has made.
Each family is measured with its default parameters and with those that take most. A ratio is the
estimate over what was measured: below 1 the estimate is too low. Small images are well above,
because the estimate has a fixed share and allows for the most expensive encoding.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from pixelgen.engines import keep_memory
from pixelgen.job import Job
from pixelgen.parts import known
from pixelgen.serve.costs import FAMILY_COSTS, Cost, estimate

WORST = {
    "blobs": ("sigma=4096",),
    "checker": ("cell=1",),
    "dead_leaves": ("r_min=0.005,sigma=4,fill=spectrum,shape=quadrilateral",),
    "fbm": ("octaves=10,res=256",),
    "fractal": ("points=64",),
    "gabor": ("kernels=4096,sigma=64",),
    "gaussian": ("sigma=10",),
    "gradient": ("form=radial",),
    "patch_shuffle": ("patch=1",),
    "perlin": ("res=256,sine=64,threshold=0.5",),
    "pixel_shuffle": ("sigma=4096,stretch=true",),
    "plasma": ("h=0",),
    "rademacher": ("p=0.3",),
    "salt_pepper": ("p=0.5",),
    "shapes": ("count=1000,r_min=1",),
    "smooth": ("sigma=4096,scale=colorrange,contrast=10",),
    "solid": ("tone=gray",),
    "spectrum": ("a=0", "sx=1"),
    "spectrum_color": ("a=0,chroma=1",),
    "stripes": ("n=4096",),
    "voronoi": ("cells=256,output=f2-f1",),
    "wmm": ("r=0.3",),
}
"""The parameters with which each family takes most, of those that change what it takes."""

SIZES = ("256x256", "1024x1024", "1021x1021")
_ENOUGH = 0.3  # seconds of CPU time to measure


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.bench.costs", description=__doc__)
    parser.add_argument("--families", default="", metavar="REGEX", help="only these")
    parser.add_argument("--sizes", default=",".join(SIZES), help="(default: %(default)s)")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        sys.stdout.write(json.dumps(take(*options.one)))
        return
    for row in report(options.families, options.sizes.split(",")):
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()


def report(families: str, sizes: list[str]) -> Iterator[str]:
    """Yield the table, a row for each family and size, as it is measured."""
    yield f"{'family':<56}{'size':>10}{'ns/pixel':>10}{'ratio':>7}{'bytes/pixel':>13}{'ratio':>7}"
    for family in filter(re.compile(families).search, spellings()):
        for size in sizes:
            measured, estimated = measure(family, size), estimated_cost(family, size)
            width, height = sides(size)
            time_each, bytes_each = (each / (width * height) for each in measured)
            yield (
                f"{family:<56}{size:>10}{1e9 * time_each:>10.0f}"
                f"{estimated.seconds / measured.seconds:>7.1f}{bytes_each:>13.1f}"
                f"{estimated.bytes / measured.bytes:>7.1f}"
            )


def spellings() -> list[str]:
    """Return each family with its default parameters, and with its worst ones."""
    worst = [f"{name}:{parameters}" for name, several in WORST.items() for parameters in several]
    return sorted([*FAMILY_COSTS, *worst])


def sides(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    return int(width), int(height)


def job_of(family: str, size: str) -> Job:
    width, height = sides(size)
    return Job.parse(
        count=1 << 20, width=width, height=height, seed=1, mode="RGBA", family=family, format="png"
    )


def estimated_cost(family: str, size: str) -> Cost:
    job = job_of(family, size)
    return estimate(job.family, job.width, job.height, job.format.name)


def measure(family: str, size: str) -> Cost:
    """Measure an image in another process."""
    command = [sys.executable, "-m", "tests.bench.costs", "--one", family, size]
    # Whoever has more processors must not get more threads.
    alone = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return Cost(*json.loads(subprocess.check_output(command, env=alone)))


def take(family: str, size: str) -> Cost:
    """Measure an image in this process, which must not have made any."""
    keep_memory()  # as serve does
    known("family")
    job_of("solid", "8x8").maker()(0)  # for what has to be imported
    make = job_of(family, size).maker()
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    make(0)
    peak = memory("VmHWM") - before
    begun = time.process_time()
    for images in count(1):
        make(images)
        seconds = time.process_time() - begun
        if seconds > _ENOUGH:
            break
    return Cost(seconds / images, max(peak, 1))


def memory(field: str) -> int:
    """Return what the system says of this process's memory, in bytes."""
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
    assert found
    return int(found[1]) << 10


if __name__ == "__main__":
    main()
