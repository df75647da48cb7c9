"""The loop everybody writes first: COUNT SIZE DIRECTORY SUFFIX [QUALITY]."""

import sys
from typing import Any

import numpy as np
from PIL import Image

if __name__ == "__main__":
    count, side, out, suffix = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:5]
    options: dict[str, Any] = {"quality": int(sys.argv[5])} if sys.argv[5:] else {}
    rng = np.random.default_rng()
    for index in range(count):
        pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(f"{out}/{index:06d}{suffix}", **options)
