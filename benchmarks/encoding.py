"""Measure the formats that Pillow encodes beside Pillow: ``python -m benchmarks.encoding``.

Run it from the root of the repository, by the Python of an environment into which pixelgen was
installed, not in editable mode. The first rows of a format compare one core: both encode the same
pixels with the same options into memory, in turn. The last one compares two workers with one that
make a dataset; look at its wall ratio, since two take as much CPU time as one.
"""

import os

# Whoever has more processors must not get more threads; numpy reads these when it is imported.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from benchmarks import report
from benchmarks.families import Draw, cost
from benchmarks.measure import generated
from benchmarks.report import Comparison, middle, option
from pixelgen.engines import keep_memory
from pixelgen.formats.pillow import PillowFormat
from pixelgen.generator import Generator
from pixelgen.job import Job


@dataclass(frozen=True)
class Options(report.Options):
    formats: str = option("jpeg webp avif", "jpeg webp", "formats that Pillow encodes")
    families: str = option("uniform dead_leaves", "uniform", "what is encoded")
    sizes: str = option("300,1024", "16", "sides of the images on one core")
    seconds: float = option(0.5, 0.0, "of CPU time of each side in a round, one image at least")
    images: int = option(1000, 2, "of 300x300 that workers make, a twentieth of that in AVIF")
    scratch: str = option("", "", "where to write, if not in the system's place")


def main() -> None:
    options = report.parse(Options, "benchmarks.encoding", __doc__)
    keep_memory()  # as pixelgen's workers do; Pillow gains by it too
    report.show(options, compare(options))


def compare(options: Options) -> Iterator[Comparison]:
    """Compare one core, and then two workers, in each format."""
    for encoding in options.formats.split():
        for family in options.families.split():
            for side in map(int, options.sizes.split(",")):
                name = f"{encoding} {family} {side}x{side}"
                if re.search(options.only, name):
                    yield on_one_core(name, Job(size=side, family=family, format=encoding), options)
        images = options.images if not encoding.startswith("avif") else options.images // 20 or 1
        name = f"{encoding} {images:,} of 300x300"
        if re.search(options.only, name):
            yield workers(name, encoding, images, options)


def on_one_core(name: str, job: Job, options: Options) -> Comparison:
    """Encode an image by pixelgen and by Pillow in turn, after one of each."""
    pixels, texture = Generator(job.image).render(0)
    assert isinstance(job.format, PillowFormat)
    encode, way = job.format.encoder(job.image.shape_at(0), texture), job.format

    def ours() -> object:
        return encode(pixels)

    def pillow() -> object:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, way.pillow_name, **way.save_options())
        return buffer.getvalue()

    sides: tuple[Draw, Draw] = ours, pillow
    assert ours() == pillow()
    rounds = tuple(
        tuple(cost(side, options.seconds) for side in sides) for _ in range(options.rounds)
    )
    per_second = (1 / middle(side).cpu for side in zip(*rounds, strict=True))
    note = "{:,.1f} images/s, Pillow {:,.1f}".format(*per_second)
    return Comparison(name, "Pillow", "pixelgen", rounds, note=note)


def workers(name: str, encoding: str, images: int, options: Options) -> Comparison:
    """Make a dataset by two workers and by one in turn."""
    words = ("-n", images, "-s", 300, "-f", encoding, "--durability", "none", "-j")
    rounds = tuple(
        tuple(generated(options.scratch, *words, count) for count in (2, 1))
        for _ in range(options.rounds)
    )
    return Comparison(name, "one worker", "two workers", rounds)


if __name__ == "__main__":
    main()
