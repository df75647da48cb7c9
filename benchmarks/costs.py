"""Measure what images take beside what serve estimates: ``python -m benchmarks.costs``.

Run it from the root of the repository, on Linux. Each image is made and encoded in a process of its
own, in RGBA and PNG: the peak is that of the first one, above what pixelgen takes by itself; the
CPU time is the mean of those that follow, so without the tables that the first one has made.
Each family is measured with its default parameters and with those that take most. A ratio is the
estimate over what was measured: below 1 the estimate is too low. Small images are well above,
because the estimate has a fixed share and allows for the most expensive encoding.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NamedTuple

from benchmarks import report
from benchmarks.report import Comparison, Usage, option
from pixelgen.engines import keep_memory
from pixelgen.job import Job
from pixelgen.pixlab.server.costs import FAMILY_COSTS, Cost, estimate
from pixelgen.registry import components

WORST = {
    "blobs": ("sigma=4096,side=10240,threshold=0.5,channels=blurred",),
    "checker": ("cell=1",),
    "dead_leaves": (
        "r_min=0.005,sigma=4,fill=spectrum_color_wmm,shape=quadrilateral,shade=linear",
    ),
    "fbm": ("octaves=10,res=256",),
    "fractal": ("points=64", "style=fractaldb,points=64"),
    "gabor": ("sigma=3,overlap=200,cut=3",),
    "gaussian": ("sigma=10",),
    "gradient": ("form=radial",),
    "patch_shuffle": ("patch=1",),
    "perlin": ("res=256,sine=64,threshold=0.5,mask=drawn",),
    "pixel_shuffle": ("sigma=4096,side=10240,stretch=true",),
    "plasma": ("h=0",),
    "rademacher": ("p=0.3",),
    "salt_pepper": ("p=0.5",),
    "shapes": ("count=1000,r_min=1",),
    "smooth": ("sigma=4096,side=10240,scale=colorrange,contrast=10",),
    "solid": ("tone=gray",),
    "spectrum": ("a=0,chroma=0.5", "sx=1,palette=true"),
    "spectrum_color": ("slope=0.5",),
    "spectrum_color_wmm": ("slope=0.5,r=0.4",),
    "stripes": ("n=4096",),
    "voronoi": ("cells=256,output=f2-f1",),
    "wmm": ("r=0.4",),
}
"""The parameters with which each family takes most, of those that change what it takes.

A blur of 0.4 of the frame, in every frame of up to 10,240 pixels a side.
"""

_MIB = 1 << 20


class Taken(NamedTuple):
    """What an image took: seconds by the clock and of CPU, and bytes of memory at the peak."""

    wall: float
    cpu: float
    bytes: int


@dataclass(frozen=True)
class Options(report.Options):
    only: str = option("", "^(uniform|perlin)$", report.ONLY)
    rounds: int = option(3, 1, "how often each image is measured")
    sizes: str = option("256x256,1024x1024,1021x1021", "16x16", "of the images")
    seconds: float = option(0.3, 0.01, "of CPU time that images are made for, at least")


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        sys.stdout.write(json.dumps(take(sys.argv[2], sys.argv[3], float(sys.argv[4]))))
        return
    options = report.parse(Options, "benchmarks.costs", __doc__)
    report.show(options, compare(options))


def compare(options: Options) -> Iterator[Comparison]:
    """Measure each family and size."""
    for family in filter(re.compile(options.only).search, spellings()):
        for size in options.sizes.split(","):
            estimated = estimated_cost(family, size)
            taken = [measure(family, size, options.seconds) for _ in range(options.rounds)]
            estimate = Usage(estimated.seconds, estimated.seconds, estimated.bytes / _MIB)
            rounds = tuple((Usage(wall, cpu, peak / _MIB), estimate) for wall, cpu, peak in taken)
            note = describe(size, estimated, rounds)
            yield Comparison(f"{family} {size}", "estimate", "measured", rounds, note=note)


def describe(size: str, estimated: Cost, rounds: tuple[tuple[Usage, Usage], ...]) -> str:
    """Tell what a pixel takes, and how the memory compares."""
    width, height = sides(size)
    used = report.middle(measured for measured, _ in rounds)
    bytes_each = used.peak * _MIB / (width * height)
    memory = report.spread(estimate.peak / measured.peak for measured, estimate in rounds)
    return (
        f"{1e9 * used.cpu / (width * height):.0f} ns/pixel, {bytes_each:.1f} bytes/pixel,"
        f" memory ratio {memory}"
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
    return estimate(job.image.family, job.image.width, job.image.height, job.format.name)


def measure(family: str, size: str, seconds: float = 0.3) -> Taken:
    """Measure an image in another process."""
    command = [sys.executable, "-m", "benchmarks.costs", "--one", family, size, str(seconds)]
    # Whoever has more processors must not get more threads.
    alone = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return Taken(*json.loads(subprocess.check_output(command, env=alone)))


def take(family: str, size: str, seconds: float) -> Taken:
    """Measure an image in this process, which must not have made any."""
    keep_memory()  # as serve does
    components("family")
    job_of("solid", "8x8").maker()(0)  # for what has to be imported
    make = job_of(family, size).maker()
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    make(0)
    peak = memory("VmHWM") - before
    begun, cpu = time.perf_counter(), time.process_time()
    for images in count(1):
        make(images)
        used = time.process_time() - cpu
        if used > seconds:
            break
    return Taken((time.perf_counter() - begun) / images, used / images, max(peak, 1))


def memory(field: str) -> int:
    """Return what the system says of this process's memory, in bytes."""
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
    assert found
    return int(found[1]) << 10


if __name__ == "__main__":
    main()
