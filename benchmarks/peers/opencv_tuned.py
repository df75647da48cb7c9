"""OpenCV's own generator, and PNG without compression or filter: COUNT SIZE DIRECTORY."""

import sys

import cv2
import numpy as np

if __name__ == "__main__":
    count, side, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    pixels = np.empty((side, side, 3), np.uint8)
    low, high = np.zeros(3), np.full(3, 256.0)  # plain numbers would fill one channel only
    options = [cv2.IMWRITE_PNG_COMPRESSION, 0]
    if hasattr(cv2, "IMWRITE_PNG_FILTER"):  # from OpenCV 5 on; an unknown option writes nothing
        options += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]
    for index in range(count):
        cv2.randu(pixels, low, high)
        cv2.imwrite(f"{out}/{index:06d}.png", pixels, options)
