"""Measure the engines beside each other: ``python -m benchmarks.engines``.

Run it from the root of the repository, by the Python of an environment with the extra 'dask', on
Linux. Two workers beside one, and every engine beside another. A round runs all in turn, each into
a fresh directory, with everything synced before; ratios are of the same round, start-up included
but for that of the cluster, which runs already. The second set is of many shards of one small image
each: what a shard costs by itself.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from benchmarks import report
from benchmarks.measure import cpu_of, generated
from benchmarks.report import Comparison, Usage, option
from tests.support.dask_cluster import Cluster, cluster
from tests.support.faults import living


class Way(NamedTuple):
    """An engine with so many workers."""

    engine: str
    jobs: int

    def __str__(self) -> str:
        return f"{self.engine} × {self.jobs}"


SERIAL, LOCAL_1, LOCAL_2 = Way("serial", 1), Way("local", 1), Way("local", 2)
DASK = DASK_1, DASK_2, CLUSTER = Way("dask", 1), Way("dask", 2), Way("cluster", 2)
PAIRS = ((LOCAL_1, LOCAL_2), (DASK_1, DASK_2), (LOCAL_2, SERIAL), (DASK_2, LOCAL_2),
         (CLUSTER, LOCAL_2))  # fmt: skip


@dataclass(frozen=True)
class Options(report.Options):
    only: str = option("", "64x64", report.ONLY)
    images: int = option(20_000, 20, "images of 64x64, in 20 shards")
    shards: int = option(400, 2, "shards of one image of 8x8")
    scratch: str = option("", "", "where to write, if not in the system's place")


def main() -> None:
    options = report.parse(Options, "benchmarks.engines", __doc__)
    report.show(options, compare(options), distributed=report.package("distributed"))


def compare(options: Options) -> Iterator[Comparison]:
    """Compare the pairs that are wanted, on each dataset."""
    missing = "" if find_spec("distributed") else "no distributed"
    with ExitStack() as stack:
        started = None
        if not missing:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pixelgen-bench-"))
            started = stack.enter_context(cluster(Path(folder, "dask"), 2, {}))
        for name, words in sets(options).items():
            wanted = [pair for pair in PAIRS if re.search(options.only, f"{name} {pair[0]}")]
            able = [pair for pair in wanted if not (missing and set(DASK) & set(pair))]
            ways = dict.fromkeys(way for pair in able for way in pair)
            rounds = [
                {way: run(way, started, options.scratch, *words) for way in ways}
                for _ in range(options.rounds)
            ]
            for side, base in wanted:
                skipped = "" if (side, base) in able else missing
                pairs = () if skipped else tuple((one[base], one[side]) for one in rounds)
                yield Comparison(name, str(side), str(base), pairs, skipped)


def sets(options: Options) -> dict[str, tuple[object, ...]]:
    """Return the options of each dataset by its name."""
    per_shard = max(options.images // 20, 1)
    return {
        f"{options.images:,} of 64x64, 20 shards":
            ("-n", options.images, "-s", 64, "--layout", f"tar:per_shard={per_shard}"),
        f"{options.shards:,} shards of one of 8x8":
            ("-n", options.shards, "-s", 8, "--layout", "tar:per_shard=1"),
    }  # fmt: skip


def run(way: Way, started: Cluster | None, scratch: str, *words: object) -> Usage:
    """Make a dataset; a cluster's CPU time counts, though its processes were there before."""
    if way != CLUSTER:
        return generated(scratch, *words, "--engine", way.engine, "-j", way.jobs)
    assert started
    leaders = started.scheduler, *started.workers
    members = [pid for each in leaders for pid in living(each.pid)]
    before = sum(map(cpu_of, members))
    used = generated(scratch, *words, "--engine", started.engine, "-j", way.jobs)
    return replace(used, cpu=used.cpu + sum(map(cpu_of, members)) - before)


if __name__ == "__main__":
    main()
