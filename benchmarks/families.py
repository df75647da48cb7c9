"""Measure the families beside plain references: ``python -m benchmarks.families``.

Run it from the root of the repository, in an environment with pixelgen; some references need scipy
too. An image is drawn only, not encoded, by one thread, in RGB of 8 bits. A ratio is what an image
takes the reference over what it takes pixelgen in the same round: how many times as fast pixelgen
is; a round measures first one, then the other. Where it is below 1, the row ends in SLOWER.
Families that are made from images are given the same one as their reference, decoded before. "To
beat" is what other projects reached at 256×256 on another machine, in images per second, so no more
than a hint.
"""

import os

# Whoever has more processors must not get more threads; numpy reads these when it is imported.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from benchmarks import report
from benchmarks.reference_list import REFERENCES, Reference
from benchmarks.references import large_picture, picture
from benchmarks.report import Comparison, Usage, middle, option
from pixelgen import registry
from pixelgen.engines import keep_memory
from pixelgen.families import Family, Shape
from pixelgen.families.source import Sourced
from pixelgen.rng import Stream
from pixelgen.source_images import SourceFolder, scan_folder

Draw: TypeAlias = Callable[[], object]


@dataclass(frozen=True)
class Options(report.Options):
    sizes: str = option("256,1024", "16", "sides of the images")
    seconds: float = option(0.3, 0.0, "of CPU time of each side in a round, one image at least")


def main() -> None:
    options = report.parse(Options, "benchmarks.families", __doc__)
    keep_memory()  # as pixelgen's workers do; the references gain by it too
    report.show(options, compare(options), scipy=report.package("scipy"))


def compare(options: Options) -> Iterator[Comparison]:
    """Measure each family beside each of its references."""
    for side in map(int, options.sizes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            for family, reference in rows():
                if re.search(options.only, str(family)):
                    ours = drawing(family, Shape(side, side), Path(folder))
                    yield measure(f"{family} {side}x{side}", ours, reference, side, options)


def measure(name: str, ours: Draw, reference: Reference, side: int, options: Options) -> Comparison:
    """Measure both in turn, round by round, after one image of each: tables are built by then."""
    skipped = missing(reference)
    drawers = [ours]
    if reference.draw and not skipped:
        drawers.append(partial(reference.draw, side))
    for draw in drawers:
        draw()
    rounds = tuple(
        tuple(cost(draw, options.seconds) for draw in drawers) for _ in range(options.rounds)
    )
    note = f"{1 / middle(first for first, *_ in rounds).cpu:,.0f} images/s"
    if reference.to_beat and side == 256:
        note += f", to beat {reference.to_beat}"
    compared = Comparison(name, reference.name, "pixelgen", rounds, skipped, note)
    is_slower = compared.cpu and compared.cpu.median < 1
    return replace(compared, note=f"{note}, SLOWER") if is_slower else compared


def rows() -> list[tuple[Family, Reference]]:
    """Return each family beside each of its references, which may be none but in name."""
    pairs = [(registry.parse(Family, reference.family), reference) for reference in REFERENCES]
    alone = registry.components("family").keys() - {family.name for family, _ in pairs}
    pairs += [(registry.parse(Family, name), Reference(name)) for name in alone]
    return sorted(pairs, key=lambda pair: str(pair[0]))


def missing(reference: Reference) -> str:
    """Tell why a reference cannot run, if so."""
    if not reference.draw:
        return "no reference"
    try:
        reference.draw(4)
    except ModuleNotFoundError as error:
        return f"no {(error.name or '').partition('.')[0]}"
    return ""


def drawing(family: Family, shape: Shape, folder: Path) -> Draw:
    """Return what draws the next image of a family; ``folder`` is for the image it needs."""
    stream, images = Stream(1), count()
    draw: Callable[[Stream, Shape], object] = family.render
    if isinstance(family, Sourced):
        family = replace(family, source=str(folder / family.name))
        draw = partial(family.render_from, source_folder(family, shape))

    def draw_next() -> object:
        stream.seek(next(images), family.number, family.version)
        return draw(stream, shape)

    return draw_next


def source_folder(family: Sourced, shape: Shape) -> SourceFolder:
    """Write the image that a reference takes, and return the scanned folder that has it."""
    Path(family.source).mkdir(exist_ok=True)
    side = shape.width
    image = large_picture(side) if family.name == "crop" else Image.fromarray(picture(side))
    image.save(Path(family.source, "picture.png"))
    assert family.image_source
    return scan_folder(family.image_source, (side, side))


def cost(draw: Callable[[], object], seconds: float) -> Usage:
    """Draw for some seconds of CPU time, once at least; return what an image took."""
    begun, cpu = time.perf_counter(), time.process_time()
    images = 0
    while not images or time.process_time() - cpu < seconds:
        draw()
        images += 1
    wall, used = time.perf_counter() - begun, time.process_time() - cpu
    return Usage(wall / images, used / images)


if __name__ == "__main__":
    main()
