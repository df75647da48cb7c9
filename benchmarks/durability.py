"""Measure what each durability costs: ``python -m benchmarks.durability``.

Run it from the root of the repository, by the Python of an environment with pixelgen. A ratio is
the time of a dataset under a durability over its time under ``none`` in the same
round, start-up included; a round makes one after the other, each in a fresh directory of the disk
that ``--scratch`` names, with everything synced before.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import report
from benchmarks.measure import generated
from benchmarks.report import Comparison, option

DURABILITIES = ("none", "commit", "each")
SETS = {
    "300x300 PNG, files": ("-s", "300"),
    "300x300 PNG, tar": ("-s", "300", "--layout", "tar:per_shard=100"),
    "32x32 PNG, files": ("-s", "32"),
}


@dataclass(frozen=True)
class Options(report.Options):
    rounds: int = option(9, 1, "how often each set is made")
    count: int = option(1000, 2, "images of a set")
    scratch: str = option("", "", "where to write, if not in the system's place")


def main() -> None:
    options = report.parse(Options, "benchmarks.durability", __doc__)
    report.show(options, compare(options))


def compare(options: Options) -> Iterator[Comparison]:
    """Make each dataset under each durability in turn, round by round."""
    for name in filter(re.compile(options.only).search, SETS):
        words = (*SETS[name], "-n", options.count, "--durability")
        rounds = [
            {each: generated(options.scratch, *words, each) for each in DURABILITIES}
            for _ in range(options.rounds)
        ]
        for each in DURABILITIES[1:]:
            pairs = tuple((one["none"], one[each]) for one in rounds)
            yield Comparison(name, each, "none", pairs)


if __name__ == "__main__":
    main()
