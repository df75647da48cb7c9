"""The naive loop with OpenCV's encoder: COUNT SIZE DIRECTORY."""

import sys

import cv2
import numpy as np

if __name__ == "__main__":
    count, side, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    rng = np.random.default_rng()
    for index in range(count):
        pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        cv2.imwrite(f"{out}/{index:06d}.png", pixels)
