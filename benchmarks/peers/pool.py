"""The naive loop through a pool of two processes: COUNT SIZE DIRECTORY."""

import sys
from functools import partial
from multiprocessing import Pool

import numpy as np
from PIL import Image


def make(side: int, out: str, index: int) -> None:
    pixels = np.random.default_rng(index).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(f"{out}/{index:06d}.png")


if __name__ == "__main__":
    with Pool(2) as pool:
        pool.map(partial(make, int(sys.argv[2]), sys.argv[3]), range(int(sys.argv[1])))
