"""Compare datasets of negatives by the false positives of models trained with them.

``python -m benchmarks.usefulness DATASET…`` prints Markdown tables. A DATASET is one that pixelgen
wrote, or a folder of images with the folders in it; each image is resized to 25x25. The first
dataset is the baseline. With each seed, small models are trained to find objects, with as many
negatives from each dataset. Their thresholds keep 95 % of held-out objects. What they take for
objects in crops of photographs that no model has seen are false positives.

Two rows are for reference: crops of other photographs, and of the scenes that objects are in.
Run it from the root of the repository, in an environment with pixelgen, scikit-learn and
scikit-image.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.usefulness import options as shared
from benchmarks.usefulness.images import read_negatives
from benchmarks.usefulness.options import FEWEST, add_options, choose_tasks, run_seeds
from benchmarks.usefulness.ratios import compare
from benchmarks.usefulness.tables import dataset_names, keep, print_setup, print_tables
from benchmarks.usefulness.trials import Setup, run_trial
from pixelgen.errors import BadValue, PixelgenError


@dataclass(frozen=True)
class Options(shared.Options):
    """The command line."""

    datasets: Sequence[str]


def main() -> int:
    options = parse()
    try:
        setup = prepare(options)
    except PixelgenError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    print_setup(setup, options.seeds)
    comparison = compare([*run_seeds(partial(run_trial, setup), options)])
    print_tables(dataset_names(setup), setup.tasks, comparison)
    if options.json:
        keep(Path(options.json), setup, comparison)
    return 0


def parse() -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.usefulness", description=__doc__)
    parser.add_argument("datasets", nargs="+", metavar="DATASET", help="the first is the baseline")
    add_options(parser)
    return Options(**vars(parser.parse_args()))


def prepare(options: Options) -> Setup:
    """Read all images.

    Raises:
        BadValue: Where packages are missing, or datasets, photographs or tasks do not suffice.
        PixelgenError: Where a dataset is not finished, or damaged.
    """
    tasks = choose_tasks(options.only)
    negatives = [read_negatives(path) for path in options.datasets]
    smallest = min(negatives, key=lambda each: len(each.patches))
    if len(smallest.patches) < FEWEST:
        raise BadValue(
            f"{smallest.name} has {len(smallest.patches)} images: at least {FEWEST} are needed;"
            " give a larger dataset"
        )
    photographs = shared.read_enough_photographs(options.photographs, options.scenes)
    count = min(options.negatives, len(smallest.patches))
    return Setup(negatives, photographs, tasks, count, options.scenes)


if __name__ == "__main__":
    sys.exit(main())
