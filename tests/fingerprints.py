"""The pixels promised: fingerprints of every family, in frames of every kind.

``fingerprints.txt`` has a line a spelling: the first 12 hexadecimal digits of the SHA-256 of image
9 of seed 2**100 in each of the frames below, and the spelling. A line that changes breaks a
promise: the family gets a new version, and the changelog says so. Run as a module, this prints the
lines as they are now: those of the spellings in its arguments, or all.
"""

import sys
from pathlib import Path

from pixelgen import registry
from pixelgen.families import Family, Shape, fingerprint

SHAPES = (
    Shape(1, 1), Shape(5, 7, 1), Shape(31, 17), Shape(31, 17, 1, 16), Shape(64, 48, 3, 16),
    Shape(300, 257),
)  # fmt: skip


def prints(spelling: str) -> str:
    """Return the fingerprints of a family in all frames."""
    family = registry.parse(Family, spelling)
    return " ".join(fingerprint(family.sample(2**100, 9, shape))[:12] for shape in SHAPES)


def read() -> dict[str, str]:
    """Return what is promised, by spelling."""
    lines = Path(__file__).with_suffix(".txt").read_text().splitlines()
    return {spelling: found for found, _, spelling in (line.rpartition(" ") for line in lines)}


PROMISED = read()

if __name__ == "__main__":
    for spelling in sys.argv[1:] or PROMISED:
        sys.stdout.write(f"{prints(spelling)} {spelling}\n")
