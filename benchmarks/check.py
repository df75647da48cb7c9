"""Count the images below a directory, decode a few: DIRECTORY SUFFIX COUNT SIZE. Prints the bytes.

The bytes are those of all files. A process of its own, so that the benchmark never loads Pillow: a
child's peak memory is at least that of the process it was started from.
"""

import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image


def decode(file: IO[bytes] | None, size: int) -> bytes:
    """Return the pixels of an image, once they prove to be random in each channel."""
    assert file is not None
    with Image.open(file) as image:
        pixels = np.asarray(image)
    assert pixels.shape == (size, size, 3), pixels.shape
    assert np.ptp(pixels, axis=(0, 1)).min() > 64, "a channel is flat"
    assert np.ptp(pixels, axis=2).max() > 64, "the channels are alike"
    return pixels.tobytes()


def images_of(path: Path, size: int) -> tuple[int, bytes]:
    """Return how many images a file holds, and the pixels of the last."""
    if path.suffix != ".tar":
        with path.open("rb") as file:
            return 1, decode(file, size)
    with tarfile.open(path) as archive:
        images = [member for member in archive if member.name.endswith(".png")]  # not its labels
        return len(images), decode(archive.extractfile(images[-1]), size)


def counts(files: list[Path], size: int) -> Iterator[int]:
    """Yield how many images each file holds; of loose images, open a few."""
    some = {files[0], files[len(files) // 2], files[-1]}
    decoded = {}
    for path in files:
        if path in some or path.suffix == ".tar":
            found, decoded[path] = images_of(path, size)
            yield found
        else:
            yield 1
    assert len(set(decoded.values())) == len(decoded), "images repeat"


def main(root: str, suffix: str, count: int, size: int) -> None:
    written = [path for path in sorted(Path(root).rglob("*")) if path.is_file()]
    files = [path for path in written if path.suffix == suffix]
    assert files, f"nothing was written to {root}"
    if suffix != ".raw":  # of raw bytes only the sum counts
        found = sum(counts(files, size))
        assert found == count, f"{found} images instead of {count} in {root}"
    sys.stdout.write(str(sum(path.stat().st_size for path in written)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
