"""Measure the memory that large images take: ``python -m benchmarks.memory``.

Run it from the root of the repository, on Linux. Each family draws an image in RGB of 8 bits in a
fresh process. Its peak is that above the peak of a process that draws one of 16×16 pixels; beside
it is how many times the bytes of the pixels that is, which pixelgen promises for every family.
Families that take images apart draw one before. With ``--format`` the image is encoded as well.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks import report
from benchmarks.report import Usage, duration, middle, option, say
from benchmarks.versions import DrawError, Task, draw
from pixelgen import registry

MORE = (
    "blobs:channels=blurred", "dead_leaves:fill=spectrum_color_wmm,shade=linear",
    "dead_leaves:r_min=0.005,shape=circle,sigma=4", "fractal:style=fractaldb",
    "gaussian:sigma=10", "perlin:threshold=0.5,mask=drawn", "pixel_shuffle:sigma=10,stretch=true",
    "smooth:contrast=10,scale=colorrange", "smooth:sigma=40", "smooth:sigma=400",
    "spectrum:palette=true", "spectrum:chroma=0.5", "voronoi:output=f2-f1",
)  # fmt: skip
"""Specifications that take another way than the default parameters of their family."""

FEWER_ROUNDS = {
    name: f"{name}:rounds=2" for name in ("spectrum_color", "spectrum_color_wmm", "wmm")
}
"""Families that draw in ten rounds: two take as much memory, and minutes less."""

_SMALL = "16"
_MIB = 1 << 20


@dataclass(frozen=True)
class Options(report.Options):
    rounds: int = option(1, 1, "how often each is measured; the table has the medians")
    families: str = option("", "uniform", "specifications; all families, some in several ways")
    size: str = option("4096", "512", "side of the images")
    format: str = option("", "", "a format that each image is encoded in")
    tree: str = option(".", ".", "the root of the source tree that draws")


class Peak(NamedTuple):
    """What an image took: MiB at the peak, times the bytes of its pixels, seconds of CPU time."""

    family: str
    mib: float
    times: float
    cpu: float

    def __str__(self) -> str:
        return f"| `{self.family}` | {self.mib:,.0f} | {self.times:.1f} | {duration(self.cpu)} |"


def main() -> None:
    options = report.parse(Options, "benchmarks.memory", __doc__)
    machine = report.this_machine({})
    way = f", and {options.format}" if options.format else ""
    say(f"{machine}\n")
    say(f"| {options.size}×{options.size} RGB{way} | peak, MiB | times the pixels | CPU time |")
    say("|---|---|---|---|")
    peaks = []
    try:
        for peak in measure(options):
            say(str(peak))
            peaks.append(peak._asdict())
    except DrawError as error:
        sys.exit(str(error))
    if options.json:
        record = {"command": sys.orig_argv[1:], "machine": asdict(machine), "peaks": peaks}
        Path(options.json).write_text(json.dumps(record, indent=1) + "\n")


def measure(options: Options) -> Iterator[Peak]:
    """Measure each specification."""
    pixels = int(options.size) ** 2 * 3
    for spec in options.families.split() or specifications():
        if re.search(options.only, spec):
            family = spec.partition(":")[0]  # wide blurs do not fit into small images
            least = peak_of(Task(family, _SMALL, options.format), options).peak
            taken = peak_of(Task(spec, options.size, options.format), options)
            above = max(taken.peak - least, 0)
            yield Peak(spec, above, above * _MIB / pixels, taken.cpu)


def specifications() -> list[str]:
    """Return all families, and some of them in other ways."""
    names = (FEWER_ROUNDS.get(name, name) for name in registry.components("family"))
    return sorted([*names, *MORE])


def peak_of(task: Task, options: Options) -> Usage:
    """Return what a process takes that draws one image."""
    return middle(draw(options.tree, task, 0, 1, 0).usage for _ in range(options.rounds))


if __name__ == "__main__":
    main()
