"""Measure WebDataset shards against webdataset's own writer: ``python -m benchmarks.webdataset``.

Run it from the root of the repository, by the Python of an environment with the extra 'test'. A
ratio is what a side took over what ``pixelgen generate --layout webdataset`` took in one round,
start-up included; a round makes one after the other, each in a fresh directory of the disk that
``--scratch`` names, with everything synced before. ``ShardWriter`` gets the pixels that pixelgen
draws and has Pillow encode them, or gets them encoded by pixelgen; it writes the same members and
the same manifest, and nobody hashes. ``os.write`` writes as many bytes into as many files.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks import report
from benchmarks.measure import PEERS, PIXELGEN, list_sizes, timed
from benchmarks.report import Comparison, Usage, option

SIDES = {
    "ShardWriter, pixels": ("shardwriter.py", "{n}", "{size}", "{out}", "pixels"),
    "ShardWriter, encoded": ("shardwriter.py", "{n}", "{size}", "{out}", "encoded"),
    "os.write": ("raw.py", "{sizes}", "{out}", "{jobs}"),
}


@dataclass(frozen=True)
class Options(report.Options):
    count: int = option(100_000, 9, "images")
    size: int = option(32, 32, "sides in pixels")
    jobs: int = option(1, 1, "pixelgen's workers, and the writers beside them; ShardWriter is one")
    scratch: str = option("", "", "where to write, if not in the system's place")


def main() -> None:
    options = report.parse(Options, "benchmarks.webdataset", __doc__)
    report.show(options, compare(options), webdataset=report.package("webdataset"))


def compare(options: Options) -> Iterator[Comparison]:
    """Make the shards by each side in turn, round by round."""
    skipped = "" if find_spec("webdataset") else "no webdataset"
    wanted = [*filter(re.compile(options.only).search, SIDES)]
    able = [side for side in wanted if not skipped or side == "os.write"]
    rounds = [race(options, able) for _ in range(options.rounds)]
    for side in wanted:
        pairs = tuple((one["pixelgen"], one[side]) for one in rounds if side in able)
        name = f"{options.count:,} of {options.size}x{options.size}, -j {options.jobs}"
        yield Comparison(name, side, "pixelgen", pairs, "" if side in able else skipped)


def race(options: Options, sides: list[str]) -> dict[str, Usage]:
    """Make the shards by each side once."""
    with tempfile.TemporaryDirectory(dir=options.scratch or None) as ours:
        command = [PIXELGEN, "generate", "-q", "-n", str(options.count), "-s", str(options.size)]
        command += ["-j", str(options.jobs), "--layout", "webdataset:per_shard=1000"]
        command += ["-o", f"{ours}/set", "--durability", "none", "--checksum", "none"]
        os.sync()
        taken = {"pixelgen": timed(command)}
        sizes = Path(ours, "sizes")
        list_sizes(Path(ours, "set"), sizes)
        words = {"n": options.count, "size": options.size, "sizes": sizes, "jobs": options.jobs}
        for side in sides:
            script, *arguments = SIDES[side]
            with tempfile.TemporaryDirectory(dir=options.scratch or None) as out:
                os.sync()
                filled = [word.format(out=out, **words) for word in arguments]
                taken[side] = timed([sys.executable, str(PEERS / script), *filled])
    return taken


if __name__ == "__main__":
    main()
