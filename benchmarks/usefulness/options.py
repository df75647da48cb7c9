"""The options that both commands have, and what is read by them."""

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TypeVar

from tqdm import tqdm

from benchmarks.usefulness.images import Gray, read_photographs
from benchmarks.usefulness.tasks import TASKS, Task
from pixelgen.engines.machine import cores
from pixelgen.errors import BadValue

FEWEST = 10  # negatives to train with
_PACKAGES = ("scikit-learn", "scikit-image")
_MODULES = ("sklearn", "skimage")

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Options:
    """The options of both commands."""

    photographs: str
    seeds: int
    negatives: int
    scenes: int
    only: re.Pattern[str]
    jobs: int
    json: str


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of both commands."""
    add = parser.add_argument
    add("--photographs", default="", metavar="DIR", help="more photographs, beside the packages'")
    add("--seeds", type=at_least(2), default=12, help="repetitions (default: 12)")
    add("--negatives", type=at_least(FEWEST), default=1000, help="of each at most (default: 1000)")
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


def choose_tasks(only: re.Pattern[str]) -> list[Task]:
    """Return the tasks that match.

    Raises:
        BadValue: Where packages are missing, or no task matches.
    """
    if not all(map(find_spec, _MODULES)):
        raise BadValue(
            f"scikit-learn or scikit-image is missing: pip install {' '.join(_PACKAGES)}"
        )
    tasks = [task for task in TASKS if only.search(f"{task.situation}: {task.name}")]
    if not tasks:
        names = "; ".join(f"{task.situation}: {task.name}" for task in TASKS)
        raise BadValue(f"--only {only.pattern!r} matches no task: it must match one of {names}")
    return tasks


def read_enough_photographs(folder: str, scenes: int) -> list[Gray]:
    """Return the photographs of the packages and of a folder, if any.

    Raises:
        BadValue: Where a folder has no photographs, or there are too few for as many scenes.
    """
    photographs = read_photographs(folder)
    most = len(photographs) // 2 - 1
    if scenes > most:
        raise BadValue(
            f"--scenes {scenes}: must be at most {most}, as there are {len(photographs)}"
            " photographs; give more with --photographs"
        )
    return photographs


def run_seeds(run: Callable[[int], ResultT], options: Options) -> Iterator[ResultT]:
    """Run the repetitions in several processes, and show how many have ended."""
    from joblib import Parallel, delayed

    parallel = Parallel(options.jobs, return_as="generator")
    results = parallel(delayed(run)(seed) for seed in range(options.seeds))
    yield from tqdm(results, "seeds", options.seeds, unit="seed", file=sys.stderr)
