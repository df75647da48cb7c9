"""Measure the engines beside each other: ``python -m tests.bench.engines``.

Two workers beside one, and every engine beside another. A round runs all in turn, each into a fresh
directory; ratios are of wall times in the same round, start-up included. The second table is of
many shards of one small image each: what a shard costs by itself.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench.measure import timed
from tests.bench.rows import PIXELGEN
from tests.engines.cluster import cluster


class Way(NamedTuple):
    """An engine with so many workers."""

    engine: str
    jobs: int

    def __str__(self) -> str:
        return f"{self.engine} × {self.jobs}"


WAYS = (Way("serial", 1), Way("local", 1), Way("local", 2), Way("dask", 1), Way("dask", 2),
        Way("cluster", 2))  # fmt: skip
PAIRS = (("local × 1", "local × 2"), ("dask × 1", "dask × 2"), ("local × 2", "serial × 1"),
         ("dask × 2", "local × 2"), ("cluster × 2", "local × 2"))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.bench.engines", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=20_000, help="of 64x64, in 20 shards")
    parser.add_argument("--shards", type=int, default=400, help="of one image of 8x8")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="pixelgen-bench-") as scratch,
        cluster(Path(scratch) / "dask", 2, {}) as started,
    ):
        for title, job in (
            (f"{options.images:,} images of 64x64 in 20 shards",
             ["-n", options.images, "-s", 64, "--layout", f"tar:per_shard={options.images // 20}"]),
            (f"{options.shards:,} shards of one image of 8x8",
             ["-n", options.shards, "-s", 8, "--layout", "tar:per_shard=1"]),
        ):  # fmt: skip
            say(f"{title}, {options.rounds} rounds")
            spent = race(Path(scratch), [*map(str, job)], started.engine, options.rounds)
            for way, seconds in spent.items():
                say(f"  {way:<14} median {median(seconds):.2f} s")
            for slow, fast in PAIRS:
                say(f"  {slow} : {fast}  {spread(spent[slow], spent[fast])}")


def race(scratch: Path, job: Sequence[str], address: str, rounds: int) -> dict[str, list[float]]:
    """Run all ways in turn, round by round; return the seconds of each."""
    spent: dict[str, list[float]] = {str(way): [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            engine = address if way.engine == "cluster" else way.engine
            with ExitStack() as stack:
                out = stack.enter_context(tempfile.TemporaryDirectory(dir=scratch))
                command = [PIXELGEN, "generate", *job, "--engine", engine, "-j", str(way.jobs)]
                used = timed([*command, "-q", "-o", f"{out}/set"], Path(out) / "stdout")
                spent[str(way)].append(used.wall)
                time.sleep(0.1)
    return spent


def spread(slow: Sequence[float], fast: Sequence[float]) -> str:
    """Write the ratios of the rounds: the median, the least and the most."""
    ratios = sorted(one / other for one, other in zip(slow, fast, strict=True))
    return f"{median(ratios):.2f} ({ratios[0]:.2f}..{ratios[-1]:.2f})"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
