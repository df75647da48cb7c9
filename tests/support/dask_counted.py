"""A family that writes down each image it draws, and waits where a test says so."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pixelgen.families import Family, Shape
from pixelgen.image_types import Pixels
from pixelgen.rng import Stream

DRAWN = "PIXELGEN_TEST_DRAWN"  # names the file, which has a line an image: who drew it


@dataclass(frozen=True)
class Counted(Family):
    """Uniform noise, counted."""

    number = 9001

    def render(self, stream: Stream, shape: Shape) -> Pixels:
        drawn = Path(os.environ[DRAWN])
        with drawn.open("a") as file:
            file.write(f"{os.getpid()}\n")
        _wait_at_gate(drawn)
        return stream.integers(shape.levels, shape.depth)


COUNTED = f"{__name__}.Counted"


def drawers(drawn: Path) -> list[int]:
    """Return who drew each image, of those that wait at the gate too."""
    return [*map(int, drawn.read_text().split())] if drawn.exists() else []


@contextmanager
def gate(drawn: Path, images: int) -> Iterator[Callable[[], None]]:
    """Let so many images be drawn, and no more before the function given is called.

    Whoever draws waits for a lock, which ends with this process at the latest.
    """
    with drawn.with_suffix(".gate").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(str(images))
        file.flush()
        try:
            yield lambda: fcntl.flock(file, fcntl.LOCK_UN)
        finally:
            Path(file.name).unlink()


def _wait_at_gate(drawn: Path) -> None:
    try:
        file = drawn.with_suffix(".gate").open()
    except FileNotFoundError:
        return
    with file:
        if len(drawers(drawn)) > int(file.read()):
            fcntl.flock(file, fcntl.LOCK_SH)
