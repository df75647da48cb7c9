"""Compare families with the originals that they cite: ``python -m benchmarks.originals``.

Prints the table of ``docs/originals.md``. Ends with 1 if a figure is out of its tolerance. Images
are drawn only, by one process; all of them take some minutes. Run it from the root of the
repository, in an environment with pixelgen.
"""

import argparse
import re
import sys
from functools import lru_cache

import numpy as np

from benchmarks.originals.figures import FIGURES, Figure
from benchmarks.originals.statistics import STATISTICS, Images
from pixelgen.job import Job

HEAD = """\
| family | pixels | statistic | original | ours | tolerance | original of |
|---|---|---|---|---|---|---|
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.originals", description=__doc__)
    parser.add_argument("--only", default="", metavar="REGEX", help="families to measure")
    only = parser.parse_args().only
    sys.stdout.write(HEAD)
    is_close = True
    for figure in FIGURES:
        if re.search(only, figure.member):
            ours = measure(figure)
            is_close &= abs(ours - figure.original) <= figure.tolerance
            sys.stdout.write(row(figure, ours) + "\n")
            sys.stdout.flush()
    return 0 if is_close else 1


def measure(figure: Figure) -> float:
    """Return the statistic of pixelgen's images."""
    images = draw(figure.member, figure.size, figure.images, figure.color)
    return STATISTICS[figure.statistic](images)


@lru_cache(maxsize=1)
def draw(member: str, size: int, count: int, color: str | None) -> Images:
    """Draw images of seed 0; those of the last call are kept."""
    return np.stack([*Job(count=count, size=size, family=member, color=color)])


def row(figure: Figure, ours: float) -> str:
    """Return a row of the table."""
    cells = (f"`{figure.member}`", figure.size, figure.statistic, f"{figure.original:g}",
             f"{ours:.4g}", f"±{figure.tolerance:g}", figure.source)  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
