"""Measure what a dataset of very many small images costs: ``python -m benchmarks.scale``.

Run it from the root of the repository, by the Python of an environment with pixelgen. It makes
images of 8x8 in WebDataset shards, verifies them, and adds a table of them by ``index``. A ratio is
the time of such a command over that of ``sha256sum -c SHA256SUMS`` in the same round, which reads
the same files. The end of a row has the memory of the command's largest process, with so many
images and with 1,000. A million images need 4 GB below the directory that ``--scratch`` names.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import report
from benchmarks.measure import PIXELGEN, timed
from benchmarks.report import Comparison, Usage, middle, option

SHA256SUM = "sha256sum"
COMMANDS = {
    "generate": (PIXELGEN, "generate", "-q", "-n", "{n}", "-s", "8", "--layout", "tar", "-o"),
    SHA256SUM: ("sh", "-c", 'cd "$0" && exec sha256sum --quiet -c SHA256SUMS'),
    "verify": (PIXELGEN, "verify", "-q"),
    "index": (PIXELGEN, "index", "-q", "--layout", "csv"),
}
FEW = 1000


@dataclass(frozen=True)
class Options(report.Options):
    rounds: int = option(1, 1, "how often all is done")
    images: int = option(1_000_000, 16, "images of the dataset")
    scratch: str = option("", "", "where to write, if not in the system's place")


def main() -> None:
    options = report.parse(Options, "benchmarks.scale", __doc__)
    report.show(options, compare(options))


def compare(options: Options) -> Iterator[Comparison]:
    """Run all commands with many images and with few, round by round."""
    counts = options.images, min(FEW, options.images)
    rounds = [[run_all(options.scratch, count) for count in counts] for _ in range(options.rounds)]
    for name in COMMANDS:
        if name == SHA256SUM or not re.search(options.only, name):
            continue
        many, few = (middle(one[name] for one in each).peak for each in zip(*rounds, strict=True))
        yield Comparison(
            f"{options.images:,} of 8x8",
            name,
            SHA256SUM,
            tuple((many[SHA256SUM], many[name]) for many, _ in rounds),
            note=f"{many:.0f} MiB, of {counts[1]:,} images {few:.0f} MiB",
        )


def run_all(scratch: str, count: int) -> dict[str, Usage]:
    """Run the commands one after the other on a fresh dataset, and return what each took."""
    with tempfile.TemporaryDirectory(dir=scratch or None) as folder:
        taken = {}
        for name, words in COMMANDS.items():
            os.sync()
            taken[name] = timed([*(word.format(n=count) for word in words), f"{folder}/set"])
    return taken


if __name__ == "__main__":
    main()
