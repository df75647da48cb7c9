"""Compare families with the originals that they cite: ``python -m benchmarks.originals``.

Prints a table of ``docs/originals.md``: the ``figures``, or the trivial ``cues``, which need
scikit-learn and photographs: those in scikit-image and scikit-learn, or those of ``--photographs``.
Ends with 1 if a figure is out of its tolerance, or if a classifier tells ours from photographs
better than the original. Images are drawn only, by one process; all of them take some minutes. Run
it from the root of the repository, in an environment with pixelgen.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks.originals.cues import (
    ORIGINALS,
    SETS,
    Comparison,
    Original,
    compare,
    find_photographs,
)
from benchmarks.originals.figures import FIGURES, Figure
from benchmarks.originals.statistics import STATISTICS, Images
from pixelgen.job import Job

HEAD = """\
| family | pixels | statistic | original | ours | tolerance | original of |
|---|---|---|---|---|---|---|
"""
CUES_HEAD = f"""\
| family | pixels | {" | ".join(SETS)} | difference | original of |
|---|---|{"---|" * len(SETS)}---|---|
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.originals", description=__doc__)
    parser.add_argument("table", nargs="?", default="figures", choices=("figures", "cues"))
    parser.add_argument("--only", default="", metavar="REGEX", help="families to measure")
    parser.add_argument("--photographs", type=Path, metavar="DIR", help="for the cues")
    args = parser.parse_args()
    if args.table == "figures":
        return print_figures(args.only)
    photographs = find_photographs(args.photographs)
    if len(photographs) < 2:
        parser.error(
            f"{len(photographs)} photographs found; at least 2 are needed: install scikit-image and"
            " scikit-learn, or give a folder of photographs: --photographs DIR"
        )
    return print_cues(args.only, photographs)


def print_figures(only: str) -> int:
    """Print the table of figures; return 1 if one is out of its tolerance."""
    sys.stdout.write(HEAD)
    is_close = True
    for figure in FIGURES:
        if re.search(only, figure.member):
            ours = measure(figure)
            is_close &= abs(ours - figure.original) <= figure.tolerance
            sys.stdout.write(row(figure, ours) + "\n")
            sys.stdout.flush()
    return 0 if is_close else 1


def print_cues(only: str, photographs: Sequence[Path]) -> int:
    """Print the table of cues; return 1 if ours have one that the original lacks."""
    sys.stdout.write(CUES_HEAD)
    is_close = True
    for original in ORIGINALS:
        if re.search(only, original.member):
            compared = compare(original, photographs)
            is_close &= compared["all"].difference <= compared["all"].margin
            sys.stdout.write(cues_row(original, compared) + "\n")
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


def cues_row(original: Original, compared: dict[str, Comparison]) -> str:
    """Return a row of the table of cues: mean areas of the original and ours, for each set."""
    areas = (f"{each.original.mean():.3f} / {each.ours.mean():.3f}" for each in compared.values())
    member, seen = original.member.replace("|", r"\|"), compared["all"]
    cells = (f"`{member}`", original.size, *areas,
             f"{seen.difference:+.3f} ±{seen.margin:.3f}", original.source)  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
