"""Pixels to encode, and independent decoders: Pillow, OpenCV, libvips, FFmpeg and zlib."""

import io
import shutil
import struct
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pixelgen.image_types import Pixels

DEPTHS = (8, 16)


SIZES = ((1, 1), (5, 7), (33, 256), (4099, 3))  # width, height


def noise(width: int, height: int, mode: str, depth: int, seed: int = 0) -> Pixels:
    """Return noise, which no lossy format preserves."""
    levels = (height, width, len(mode))
    return np.random.default_rng(seed).integers(0, 1 << depth, levels, dtype=f"u{depth // 8}")


def smooth(width: int, height: int, mode: str) -> Pixels:
    """Return 8-bit gradients that lossy formats nearly preserve, different in each channel."""
    x = np.arange(width) * 255 // max(width - 1, 1) + np.zeros((height, 1), int)
    y = np.arange(height)[:, None] * 255 // max(height - 1, 1) + np.zeros(width, int)
    planes = [x, y, 255 - x][: len(mode.rstrip("A"))]
    if mode.endswith("A"):
        planes.append(255 - y // 2)
    return np.stack(planes, axis=-1).astype(np.uint8)


def read(data: bytes, mode: str, depth: int, folder: Path) -> Pixels:
    """Decode with an independent program, to (height, width, channels)."""
    if data.startswith(b"\x93NUMPY"):
        array: Pixels = np.load(io.BytesIO(data))
        return array
    if depth == 8:
        return by_pillow(data, mode)
    if mode == "LA":  # Pillow and OpenCV read neither PNG nor TIFF of this kind as it is
        return by_vips(data, folder)
    return by_opencv(data)


def by_pillow(data: bytes, mode: str) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        opened = image.convert("RGB") if image.mode == "P" else image
        assert opened.mode == mode
        pixels = np.asarray(opened)
    assert pixels.dtype == np.uint8
    return pixels.reshape(*pixels.shape[:2], -1)


def by_opencv(data: bytes) -> Pixels:
    pixels: Pixels | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    return pixels[..., {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[pixels.shape[2]]]


def by_vips(data: bytes, folder: Path) -> Pixels:
    """Read with libvips, whose own files are a header of 64 bytes and the levels."""
    vips = shutil.which("vips")
    if vips is None:
        pytest.skip("libvips is not installed: apt install libvips-tools")
    source, target = folder / "image", folder / "image.v"
    source.write_bytes(data)
    subprocess.run([vips, "copy", source, target], check=True, capture_output=True)
    whole = target.read_bytes()
    width, height, bands, _, form = struct.unpack_from("=5i", whole, 4)
    levels = np.frombuffer(whole, {0: np.uint8, 2: np.uint16}[form], width * height * bands, 64)
    return levels.reshape(height, width, bands)
