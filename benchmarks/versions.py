"""Measure this source tree beside another: ``python -m benchmarks.versions --before TREE``.

Run it from the root of the repository. TREE is the root of another source tree, such as a worktree
of an earlier commit (``git worktree add ../before COMMIT``). Both draw the same images, each in a
fresh process by one thread, in RGB of 8 bits. A ratio is what an image takes the other tree over
what it takes this one in the same round: how many times as fast this one is. The first images,
which import modules and build tables, are not timed, and nothing is written. The end of a row says
how many images both draw in a second of CPU time, and whether they are the same, by SHA-256.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from benchmarks import report
from benchmarks.measure import PEERS
from benchmarks.references import picture
from benchmarks.report import Comparison, Usage, middle, option
from pixelgen import registry
from pixelgen.families.mixture import Mixture
from pixelgen.families.source import Sourced

_HERE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Options(report.Options):
    before: str = option(".", ".", "the root of the other source tree; this one shows the scatter")
    families: str = option("", "default uniform", "specifications; all families, and 'default'")
    sizes: str = option("224,640,1024", "16", "sides of the images")
    seconds: float = option(0.5, 0.0, "of CPU time of each side in a round, one image at least")
    mixed: int = option(32, 2, "images at least, where families or parameters are drawn")


class Task(NamedTuple):
    """What is drawn: a specification, the side of the images, and a format if they are encoded."""

    spec: str
    side: str
    encoding: str = ""

    def __str__(self) -> str:
        return f"{self.spec} {self.side}x{self.side}" + f" {self.encoding}" * bool(self.encoding)


class Drawn(NamedTuple):
    """What a process drew: how many images it timed, what one took, and the SHA-256 of all.

    The peak is that of the process.
    """

    images: int
    usage: Usage
    sha256: str


class DrawError(Exception):
    """A source tree cannot draw what is wanted."""


def main() -> None:
    options = report.parse(Options, "benchmarks.versions", __doc__)
    if not Path(options.before, "pixelgen").is_dir():
        sys.exit(f"{options.before} is not a source tree of pixelgen; give the root of one")
    report.show(options, compare(options))


def compare(options: Options) -> Iterator[Comparison]:
    """Measure each specification, drawn, and the preset also encoded."""
    for side in options.sizes.split(","):
        with tempfile.TemporaryDirectory() as folder:
            for spec in specifications(options):
                for task in (Task(spec, side), *[Task(spec, side, "png")] * (spec == "default")):
                    if re.search(options.only, str(task)):
                        drawn = task._replace(spec=with_source(spec, folder, int(side)))
                        yield measure(str(task), drawn, options)


def specifications(options: Options) -> list[str]:
    return options.families.split() or ["default", *registry.components("family")]


def with_source(spec: str, folder: str, side: int) -> str:
    """Return a specification that takes a picture apart, where it would first draw one."""
    mixture = Mixture.parse([spec])
    family = mixture.families[0]
    if not mixture.is_fixed or not isinstance(family, Sourced) or family.source:
        return spec
    path = Path(folder, "picture.png")
    if not path.exists():
        Image.fromarray(picture(side)).save(path)
    return f"{spec}{',' if ':' in spec else ':'}source={folder}"


def measure(name: str, task: Task, options: Options) -> Comparison:
    """Let both trees draw the same images in turn, as many as the other draws in a while."""
    trees = (str(_HERE), str(Path(options.before).resolve()))
    least = 1 if Mixture.parse([task.spec]).is_fixed else options.mixed
    try:
        count = draw(trees[1], task, 1, least, options.seconds).images
        drawn = [
            [draw(tree, task, count, count, 0) for tree in trees] for _ in range(options.rounds)
        ]
    except DrawError as error:
        return Comparison(name, "before", "now", skipped=str(error))
    rounds = tuple(tuple(side.usage for side in each) for each in drawn)
    return Comparison(name, "before", "now", rounds, note=describe(drawn))


def describe(drawn: list[list[Drawn]]) -> str:
    """Say how fast both trees are, and whether they draw the same."""
    now, before = (1 / middle(each.usage for each in side).cpu for side in zip(*drawn, strict=True))
    is_same = len({side.sha256 for each in drawn for side in each}) == 1
    same = "same bytes" if is_same else "OTHER BYTES"
    return f"{before:,.1f} -> {now:,.1f} images/s, {2 * drawn[0][0].images} images: {same}"


def draw(tree: str, task: Task, untimed: int, images: int, seconds: float) -> Drawn:
    """Draw in a fresh process with the pixelgen of a source tree.

    Raises:
        DrawError: If it cannot, with the last line that the process printed.
    """
    arguments = (*task, untimed, images, seconds)
    # Whoever has more processors must not get more threads.
    environment = {"PYTHONPATH": tree, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.run(
        [sys.executable, str(PEERS / "draw.py"), *map(str, arguments)],
        env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if process.returncode:
        raise DrawError((process.stderr.strip() or "killed").splitlines()[-1])
    drawn, *usage, sha256 = json.loads(process.stdout)
    return Drawn(drawn, Usage(*usage), sha256)


if __name__ == "__main__":
    main()
