"""Measure the families beside plain references: ``python -m tests.bench.families``.

Run it from the root of the repository, in an environment with pixelgen; some references need scipy
too. Speeds are images per second of CPU time, drawn only, not encoded, by one thread, in RGB of
8 bits, and are medians. A ratio is pixelgen's speed over the reference's in the same round: a round
measures first one, then the other. "To beat" is what other projects reached at 256×256 on another
machine, so no more than a hint.
"""

import os

# Whoever has more processors must not get more threads; numpy reads these when it is imported.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

import argparse
import json
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

import numpy as np

import pixelgen
from pixelgen import parts
from pixelgen.engines import keep_memory
from pixelgen.families import Family, Shape
from pixelgen.families.source import Sourced
from pixelgen.stream import Stream
from tests.bench.references import REFERENCES, Reference

_HEAD = (
    f"{'family':<28}{'size':>5}{'images/s':>11}{'reference':>11}{'ratio (min..max)':>24}"
    f"  {'reference':<24}to beat"
)


@dataclass(frozen=True)
class Result:
    """The speeds of a family and its reference, round by round."""

    family: str
    size: int
    reference: str
    to_beat: str
    skipped: str
    rounds: list[list[float]]
    """Images per CPU-second: pixelgen's, and the reference's if it was measured."""


def main() -> None:
    options = parse()
    keep_memory()  # as pixelgen's workers do; the references gain by it too
    results = list(report(options))
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=1))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.bench.families", description=__doc__)
    parser.add_argument("--families", default="", metavar="REGEX", help="only these")
    parser.add_argument("--sizes", type=sides, default="256,1024", help="(default: 256,1024)")
    parser.add_argument("--rounds", type=int, default=5, help="of each row (default: 5)")
    parser.add_argument("--seconds", type=float, default=0.3, help="of each speed (default: 0.3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the speeds of all rounds")
    return parser.parse_args()


def sides(text: str) -> list[int]:
    return [int(side) for side in text.split(",")]


def report(options: argparse.Namespace) -> Iterator[Result]:
    """Run the rows and print each as it ends."""
    say(
        f"pixelgen {pixelgen.__version__}, numpy {np.__version__},"
        f" Python {platform.python_version()}\n\n{_HEAD}"
    )
    wanted = re.compile(options.families)
    for side in options.sizes:
        for family, reference in rows():
            if wanted.search(str(family)):
                result = race(family, reference, side, options)
                say(line(result, "*" if isinstance(family, Sourced) else ""))
                yield result
        say("")
    say("* draws the dead leaves that it takes apart as well; the reference has them already")


def rows() -> list[tuple[Family, Reference]]:
    """Return each family beside each of its references, which may be none but in name."""
    pairs = [(parts.parse(Family, reference.family), reference) for reference in REFERENCES]
    alone = parts.known("family").keys() - {family.name for family, _ in pairs}
    pairs += [(parts.parse(Family, name), Reference(name)) for name in alone]
    return sorted(pairs, key=lambda pair: str(pair[0]))


def race(family: Family, reference: Reference, side: int, options: argparse.Namespace) -> Result:
    """Measure both in turn, round by round, after one image of each: tables are built by then."""
    drawers = [drawing(family, Shape(side, side))]
    skipped = missing(reference)
    if reference.draw and not skipped:
        drawers.append(partial(reference.draw, side))
    for draw in drawers:
        draw()
    rounds = [[speed(draw, options.seconds) for draw in drawers] for _ in range(options.rounds)]
    return Result(str(family), side, reference.name, reference.to_beat, skipped, rounds)


def missing(reference: Reference) -> str:
    """Tell why a reference cannot run, if so."""
    try:
        if reference.draw:
            reference.draw(4)
    except ModuleNotFoundError as error:
        return f"{(error.name or '').partition('.')[0]} is not installed"
    return ""


def drawing(family: Family, shape: Shape) -> Callable[[], object]:
    """Return what draws the next image of a family."""
    stream, images = Stream(1), count()

    def draw() -> object:
        stream.seek(next(images), family.number, family.version)
        return family.render(stream, shape)

    return draw


def speed(draw: Callable[[], object], seconds: float) -> float:
    """Draw for some seconds of CPU time, once at least; return the images per second."""
    drawn, begun = 0, time.process_time()
    while (took := time.process_time() - begun) < seconds or not drawn:
        draw()
        drawn += 1
    return drawn / took


def line(result: Result, mark: str) -> str:
    """Write a row of the table."""
    ours, *theirs = map(list, zip(*result.rounds, strict=True))
    ratios = sorted(our / their for our, *rest in result.rounds for their in rest)
    ratio = f"skipped: {result.skipped}" if result.skipped else ""
    if ratios:
        ratio = f"{median(ratios):.2f} ({ratios[0]:.2f}..{ratios[-1]:.2f})"
    speeds = "".join(f"{figure(median(side)):>11}" for side in (ours, *theirs))
    beat = result.to_beat if result.size == 256 else ""
    return (
        f"{result.family + mark:<28}{result.size:>5}{speeds:<22}{ratio:>24}"
        f"  {result.reference:<24}{beat}"
    ).rstrip()


def figure(speed: float) -> str:
    return f"{speed:,.0f}" if speed >= 100 else f"{speed:.2f}"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
