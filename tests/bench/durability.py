"""Measure what each durability costs: ``python -m tests.bench.durability``.

Run it from the root of the repository, by the Python of an environment with pixelgen. A ratio is
the wall time of a set made under a durability over that of the same set under ``none`` in the same
round, start-up included; a round makes one after the other, each in a fresh directory of the disk
that ``--scratch`` names, with everything synced before.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.bench.measure import timed
from tests.bench.rows import PIXELGEN

DURABILITIES = ("none", "commit", "each")
SETS = {
    "300x300 PNG, files": ("-s", "300"),
    "300x300 PNG, tar": ("-s", "300", "--layout", "tar:per_shard=100"),
    "32x32 PNG, files": ("-s", "32"),
}


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.bench.durability", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="images of a set (default: 1000)")
    parser.add_argument("--rounds", type=int, default=9, help="of each set (default: 9)")
    parser.add_argument("--scratch", type=Path, help="where to write (default: the system's place)")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for row in report(options):
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()


def report(options: argparse.Namespace) -> Iterator[str]:
    """Yield the table, a row a set, as it is measured."""
    yield f"{'time over none (min..max)':<26}{'commit':>22}{'each':>22}"
    for name, words in SETS.items():
        rounds = [race(words, options) for _ in range(options.rounds)]
        costs = ([one[each] / one["none"] for one in rounds] for each in DURABILITIES[1:])
        yield f"{name:<26}" + "".join(f"{spread(cost):>22}" for cost in costs)


def spread(ratios: list[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})"


def race(words: tuple[str, ...], options: argparse.Namespace) -> dict[str, float]:
    """Make a set under each durability in turn; return the seconds that each took."""
    seconds = {}
    for durability in DURABILITIES:
        with tempfile.TemporaryDirectory(dir=options.scratch) as out:
            os.sync()
            command = [PIXELGEN, "generate", "-n", str(options.count), *words, "-q"]
            command += ["--durability", durability, "-o", f"{out}/set"]
            seconds[durability] = timed(command, Path(os.devnull)).wall
    return seconds


if __name__ == "__main__":
    main()
