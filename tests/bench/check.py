"""Count the images below a directory, decode a few: DIRECTORY SUFFIX COUNT SIZE. Prints the bytes.

A process of its own, so that the benchmark never loads Pillow: a child's peak memory is at least
that of the process it was started from.
"""

import sys
import tarfile
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


def count_files(files: list[Path], some: set[Path], size: int) -> int:
    """Decode some files, which must differ; return how many there are."""
    decoded = set()
    for path in some:
        with path.open("rb") as file:
            decoded.add(decode(file, size))
    assert len(decoded) == len(some), "images repeat"
    return len(files)


def count_members(files: list[Path], some: set[Path], size: int) -> int:
    """Decode the last member of some archives; return how many members all have."""
    count = 0
    for path in files:
        with tarfile.open(path) as archive:
            members = archive.getmembers()
            count += len(members)
            if path in some:
                decode(archive.extractfile(members[-1]), size)
    return count


def main(root: str, suffix: str, count: int, size: int) -> None:
    files = sorted(Path(root).rglob(f"*{suffix}"))
    assert files, f"nothing was written to {root}"
    if suffix != ".raw":  # of raw bytes only the sum counts
        some = {files[0], files[len(files) // 2], files[-1]}
        found = (count_members if suffix == ".tar" else count_files)(files, some, size)
        assert found == count, f"{found} images instead of {count} in {root}"
    sys.stdout.write(str(sum(file.stat().st_size for file in files)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
