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
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tqdm import tqdm

from benchmarks.usefulness.images import read_negatives, read_photographs
from benchmarks.usefulness.ratios import compare
from benchmarks.usefulness.tables import keep, print_setup, print_tables
from benchmarks.usefulness.tasks import TASKS
from benchmarks.usefulness.trials import Setup, Trial, run_trial
from pixelgen.engines.machine import cores
from pixelgen.errors import BadValue, PixelgenError

_FEWEST = 10  # images of a dataset
_PACKAGES = ("scikit-learn", "scikit-image")
_MODULES = ("sklearn", "skimage")


@dataclass(frozen=True)
class Options:
    """The command line."""

    datasets: Sequence[str]
    photographs: str
    seeds: int
    negatives: int
    scenes: int
    only: re.Pattern[str]
    jobs: int
    json: str


def main() -> int:
    options = parse()
    try:
        setup = prepare(options)
    except PixelgenError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    print_setup(setup, options.seeds)
    comparison = compare([*run_trials(setup, options)])
    print_tables(setup, comparison)
    if options.json:
        keep(Path(options.json), setup, comparison)
    return 0


def parse() -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.usefulness", description=__doc__)
    parser.add_argument("datasets", nargs="+", metavar="DATASET", help="the first is the baseline")
    add = parser.add_argument
    add("--photographs", default="", metavar="DIR", help="more photographs, beside the packages'")
    add("--seeds", type=at_least(2), default=12, help="repetitions (default: 12)")
    add("--negatives", type=at_least(_FEWEST), default=1000, help="of each at most (default: 1000)")
    add("--scenes", type=at_least(1), default=3, help="photographs with objects (default: 3)")
    add(
        "--only",
        type=pattern,
        default=re.compile(""),
        metavar="REGEX",
        help="only the tasks that match",
    )
    add("--jobs", type=at_least(1), default=cores(), help="processes (default: one a core)")
    add("--json", default="", metavar="FILE", help="keep the rates of all seeds")
    return Options(**vars(parser.parse_args()))


def at_least(smallest: int) -> Callable[[str], int]:
    """Return a reader of whole numbers that are large enough."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < smallest:
            raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number from {smallest}")
        return int(text)

    return read


def pattern(text: str) -> re.Pattern[str]:
    """Read a regular expression."""
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a regular expression: {error}") from None


def prepare(options: Options) -> Setup:
    """Read all images.

    Raises:
        BadValue: Where packages are missing, or datasets, photographs or tasks do not suffice.
        PixelgenError: Where a dataset is not finished, or damaged.
    """
    if not all(map(find_spec, _MODULES)):
        raise BadValue(
            f"scikit-learn or scikit-image is missing: pip install {' '.join(_PACKAGES)}"
        )
    tasks = [task for task in TASKS if options.only.search(f"{task.situation}: {task.name}")]
    if not tasks:
        names = "; ".join(f"{task.situation}: {task.name}" for task in TASKS)
        raise BadValue(
            f"--only {options.only.pattern!r} matches no task: it must match one of {names}"
        )
    negatives = [read_negatives(path) for path in options.datasets]
    smallest = min(negatives, key=lambda each: len(each.patches))
    if len(smallest.patches) < _FEWEST:
        raise BadValue(
            f"{smallest.name} has {len(smallest.patches)} images: at least {_FEWEST} are needed;"
            " give a larger dataset"
        )
    photographs = read_photographs(options.photographs)
    most = len(photographs) // 2 - 1
    if options.scenes > most:
        raise BadValue(
            f"--scenes {options.scenes}: must be at most {most}, as there are {len(photographs)}"
            " photographs; give more with --photographs"
        )
    count = min(options.negatives, len(smallest.patches))
    return Setup(negatives, photographs, tasks, count, options.scenes)


def run_trials(setup: Setup, options: Options) -> Iterator[Trial]:
    """Run the repetitions in several processes, and show how many have ended."""
    from joblib import Parallel, delayed

    parallel = Parallel(options.jobs, return_as="generator")
    trials = parallel(delayed(run_trial)(setup, seed) for seed in range(options.seeds))
    yield from tqdm(trials, "seeds", options.seeds, unit="seed", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
