"""A family that writes down each image it draws, and takes its time."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from pixelgen.families import Family, Shape
from pixelgen.families.base import Pixels
from pixelgen.parts import option
from pixelgen.stream import Stream

DRAWN = "PIXELGEN_TEST_DRAWN"  # names the file, which has a line an image: who drew it


@dataclass(frozen=True)
class Counted(Family):
    """Uniform noise, counted."""

    number = 9001

    pause: float = option(0.0, "seconds an image", low=0.0)

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        with Path(os.environ[DRAWN]).open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(self.pause)
        return stream.integers(shape.levels, shape.depth)


COUNTED = f"{__name__}.Counted"
