"""What people would write instead of the families, in plain numpy, scipy and Pillow.

Each reference draws one image, (side, side, 3) of uint8, from its definition; none is reproducible.
What is the same for all images of a size is kept from one to the next, as pixelgen keeps it.
Those that need scipy say so by ModuleNotFoundError where it is not installed.
"""

import math
import random
from collections.abc import Sequence
from functools import lru_cache, partial
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Pixels: TypeAlias = npt.NDArray[np.uint8]
Field: TypeAlias = npt.NDArray[Any]

RNG = np.random.default_rng()
_TURN = 2 * math.pi
_KINDS = ("circle", "square", "oriented", "rectangle", "triangle", "quadrilateral")


def clipped(field: Field) -> Pixels:
    levels: Pixels = np.clip(field, 0, 255).astype(np.uint8)
    return levels


def stretched(field: Field, axis: tuple[int, ...] | None = None) -> Pixels:
    low, high = field.min(axis=axis), field.max(axis=axis)
    return clipped((field - low) * (255 / (high - low)))


def colors(count: int) -> Pixels:
    return RNG.integers(0, 256, (count, 3), np.uint8)


def uniform(side: int) -> Pixels:
    levels: Pixels = RNG.uniform(0, 255, (side, side, 3)).astype(np.uint8)
    return levels


def integers(side: int) -> Pixels:
    return RNG.integers(0, 256, (side, side, 3), np.uint8)


def gaussian(side: int) -> Pixels:
    return clipped(RNG.normal(128, 128, (side, side, 3)))


def rademacher(side: int) -> Pixels:
    signs = RNG.binomial(1, 0.5, (side, side, 3)).astype(np.float32) * 2 - 1
    return clipped(127.5 + 127.5 * signs)


def solid(side: int) -> Pixels:
    return np.full((side, side, 3), colors(1), np.uint8)


def stripes(side: int) -> Pixels:
    across = colors(6)[np.arange(side) * 6 // side]
    line = across if RNG.random() < 0.5 else across[:, None]
    return np.broadcast_to(line, (side, side, 3)).copy()


def gradient(side: int) -> Pixels:
    """Fade from one color to another along a random direction, or around a random place."""
    first, last = colors(2).astype(np.float64)
    across = np.arange(side)
    if RNG.random() < 0.5:
        turn = RNG.uniform(0, _TURN)
        along = math.cos(turn) * across + math.sin(turn) * across[:, None]
    else:
        x, y = RNG.integers(0, side, 2)
        along = np.hypot(across - x, across[:, None] - y)
    share = (along - along.min()) / np.ptp(along)
    return clipped(first + (last - first) * share[..., None])


def checker(side: int) -> Pixels:
    across = np.arange(side) // 16
    board: Pixels = colors(2)[(across + across[:, None]) & 1]
    return board


def salt_pepper(side: int) -> Pixels:
    pixels = np.full((side, side, 3), 128, np.uint8)
    drawn = RNG.random((side, side))
    pixels[drawn < 0.025] = 0
    pixels[drawn > 0.975] = 255
    return pixels


def smooth(side: int, sigma: float = 10) -> Pixels:
    noise = RNG.random((side, side, 3))
    ndimage = import_module("scipy.ndimage")
    return stretched(ndimage.gaussian_filter(noise, (sigma, sigma, 0), mode="wrap"))


def blobs(side: int) -> Pixels:
    ones = RNG.binomial(1, 0.7, (side, side, 3)).astype(np.float32)
    field = import_module("scipy.ndimage").gaussian_filter(ones, (2, 2, 0), mode="wrap")
    field[field < 0.75] = 0
    return clipped(255 * field)


def perlin_plane(side: int, res: int) -> Field:
    """Fade between the gradients at the corners of each cell."""
    angles = RNG.uniform(0, _TURN, (res + 1, res + 1))
    right, down = np.cos(angles), np.sin(angles)
    place = (np.arange(side) + 0.5) * res / side
    cell = place.astype(int)
    rest = place - cell
    fade = rest**3 * (rest * (rest * 6 - 15) + 10)

    def corner(row: int, column: int) -> Field:
        lattice = np.ix_(cell + row, cell + column)
        slope: Field = right[lattice] * (rest - column) + down[lattice] * (rest - row)[:, None]
        return slope

    top = corner(0, 0) * (1 - fade) + corner(0, 1) * fade
    bottom = corner(1, 0) * (1 - fade) + corner(1, 1) * fade
    field: Field = math.sqrt(2) * (top * (1 - fade)[:, None] + bottom * fade[:, None])
    return field


def perlin(side: int) -> Pixels:
    planes = [perlin_plane(side, 8) for _ in range(3)]
    return clipped(127.5 + 127.5 * np.dstack(planes))


def fbm(side: int) -> Pixels:
    octaves = range(5)
    planes = [sum(perlin_plane(side, 4 << o) * 0.5**o for o in octaves) for _ in range(3)]
    return clipped(127.5 + 127.5 * np.dstack(planes))


def leaf(draw: ImageDraw.ImageDraw, side: int, kind: str, r_min: float) -> None:
    """Draw a shape in the circle of a random radius, whose density falls by the third power."""
    radius = side * (1 + random.random() * (r_min**-2 - 1)) ** -0.5
    x, y = side * random.random(), side * random.random()
    color = (random.randrange(256), random.randrange(256), random.randrange(256), 255)
    if kind == "circle":
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), color)
        return
    points = [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in corners(kind)]
    draw.polygon(points, color)


def corners(kind: str) -> list[float]:
    """Return the angles of a shape's corners."""
    if kind in ("square", "oriented"):
        first = _TURN * (random.random() if kind == "oriented" else 0.125)
        return [first + _TURN * n / 4 for n in range(4)]
    if kind == "rectangle":
        first = random.uniform(0, _TURN / 4)
        return [first, _TURN / 2 - first, _TURN / 2 + first, -first]
    return sorted(random.uniform(0, _TURN) for _ in range(3 if kind == "triangle" else 4))


def dead_leaves(side: int, kinds: Sequence[str] = _KINDS) -> Pixels:
    """Draw back to front until all is covered, looking once for each hundred."""
    canvas = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(canvas)
    while not np.asarray(canvas.getchannel("A")).all():
        for _ in range(100):
            leaf(draw, side, random.choice(kinds), 0.03)
    return np.array(canvas.convert("RGB"))


squares = partial(dead_leaves, kinds=("square",))
oriented = partial(dead_leaves, kinds=("oriented",))


def shapes(side: int) -> Pixels:
    ground = (random.randrange(256), random.randrange(256), random.randrange(256), 255)
    canvas = Image.new("RGBA", (side, side), ground)
    for _ in range(8):
        leaf(ImageDraw.Draw(canvas), side, random.choice(_KINDS), 0.1)
    return np.array(canvas.convert("RGB"))


@lru_cache
def picture(side: int) -> Pixels:
    """Return the image that the shuffles take apart, and the families that do so as well."""
    return dead_leaves(side)


def pixel_shuffle(side: int) -> Pixels:
    pixels: Pixels = RNG.permutation(picture(side).reshape(-1, 3)).reshape(side, side, 3)
    return pixels


def patch_shuffle(side: int) -> Pixels:
    """Move patches of up to 32 pixels; what is left at the borders stays."""
    patch = min(32, side // 4)
    count = side // patch
    pixels = picture(side).copy()
    whole = pixels[: count * patch, : count * patch]
    patches = whole.reshape(count, patch, count, patch, 3).swapaxes(1, 2)
    moved = RNG.permutation(patches.reshape(-1, patch, patch, 3)).reshape(patches.shape)
    whole[:] = moved.swapaxes(1, 2).reshape(whole.shape)
    return pixels


@lru_cache
def large_picture(side: int) -> Image.Image:
    """Return an image of twice the side, which crops are made of."""
    return Image.fromarray(picture(2 * side))


def crop(side: int) -> Pixels:
    """Average a random window, of one to two pixels for each of the crop, over areas."""
    image = large_picture(side)
    window = side * 2 ** RNG.random()
    left, top = RNG.random(2) * (2 * side - window)
    box = (left, top, left + window, top + window)
    return np.array(image.resize((side, side), Image.Resampling.BOX, box))


@lru_cache
def places(side: int) -> Field:
    """List the rows and columns of all pixels."""
    return np.indices((side, side)).reshape(2, -1).T.astype(np.float64)


def voronoi(side: int) -> Pixels:
    tree = import_module("scipy.spatial").cKDTree(RNG.uniform(0, side, (256, 2)))
    nearest: Pixels = colors(256)[tree.query(places(side))[1]].reshape(side, side, 3)
    return nearest


def plasma(side: int) -> Pixels:
    """Move midpoints on a torus: the centres of squares, then their edges."""
    step, sway = 1 << (side - 1).bit_length(), 1.0
    grid = np.zeros((step, step, 3))
    while step > 1:
        half, at = step // 2, grid[::step, ::step]
        noise = RNG.uniform(-sway, sway, (3, *at.shape))
        below, right = np.roll(at, -1, 0), np.roll(at, -1, 1)
        middle = (at + below + right + np.roll(below, -1, 1)) / 4 + noise[0]
        grid[half::step, half::step] = middle
        grid[::step, half::step] = (at + right + middle + np.roll(middle, 1, 0)) / 4 + noise[1]
        grid[half::step, ::step] = (at + below + middle + np.roll(middle, 1, 1)) / 4 + noise[2]
        step, sway = half, sway / 2
    return stretched(grid[:side, :side], axis=(0, 1))


def gabor(side: int, frequency: float = 0.0625, sigma: int = 8) -> Pixels:
    """Add kernels up, one by one, each in a window of 2.45σ around it, 64 in such a circle."""
    reach = int(2.45 * sigma)
    offset = np.arange(-reach, reach + 1)
    bell = np.exp(-(offset**2) / (2 * sigma**2))
    window = bell * bell[:, None]
    field = np.zeros((side + 4 * reach, side + 4 * reach, 3))
    kernels = round(64 / (math.pi * reach**2) * (side + 2 * reach) ** 2)
    for channel in np.repeat(range(3), kernels):
        x, y = RNG.integers(0, side + 2 * reach, 2)
        turn, weight = RNG.uniform(0, _TURN), RNG.uniform(-1, 1)
        along = math.cos(turn) * offset + math.sin(turn) * offset[:, None]
        kernel = weight * window * np.cos(_TURN * frequency * along)
        field[y : y + len(offset), x : x + len(offset), channel] += kernel
    shown = field[2 * reach :, 2 * reach :][:side, :side]
    return clipped(128 + 42.5 / shown.std() * shown)


def fractal(side: int, particles: int = 2048, burn_in: int = 16) -> Pixels:
    """Play the chaos game with many particles at once."""
    maps = RNG.integers(2, 8)
    left, _, right = np.linalg.svd(RNG.normal(size=(maps, 2, 2)))
    matrices = left * RNG.uniform(0.2, 0.8, (maps, 1, 2)) @ right
    shifts = RNG.uniform(-1, 1, (maps, 2))
    choices = RNG.integers(maps, size=(burn_in + math.ceil(2 * side**2 / particles), particles))
    points = np.zeros((*choices.shape, 2))
    for step, chosen in enumerate(choices):
        moved = np.einsum("pij,pj->pi", matrices[chosen], points[step - 1])
        points[step] = moved + shifts[chosen]
    points, choices = points[burn_in:].reshape(-1, 2), choices[burn_in:].ravel()
    corner = points.min(axis=0)
    x, y = ((points - corner) / np.ptp(points, axis=0).max() * (side - 1)).astype(int).T
    pixels = np.zeros((side, side, 3), np.uint8)
    pixels[y, x] = colors(int(maps))[choices]
    return pixels


def facade(side: int, period: int = 20) -> Pixels:
    """Find the window of every pixel in floats."""
    x, y = np.arange(side), np.arange(side)[:, None]
    v = (y - side / 2) * (1 + RNG.uniform(-1, 1) * (x / side - 0.5)) + side
    row = (v // period).astype(int)
    u = x + row % 2 * period / 2
    window = row * (side // period + 2) + (u // period).astype(int)
    shown: Pixels = colors(1 + int(window.max()))[window]
    shown[(u % period > period / 2) | (v % period > period / 2)] = colors(1)
    return shown


def glyphs(side: int, height: int = 17, width: int = 10) -> Pixels:
    """Draw lines and arcs between the points of a grid, cell by cell."""
    picture = Image.new("RGB", (side, side), tuple(colors(1)[0].tolist()))
    draw = ImageDraw.Draw(picture)
    for top in range(0, side, height):
        ink = tuple(colors(1)[0].tolist())
        for left in range(0, side, width):
            for _ in range(RNG.integers(1, 4) if RNG.random() < 0.85 else 0):
                (x0, x1), (y0, y1) = RNG.integers(3, size=(2, 2))
                ends = [left + x0 * width / 3, top + y0 * height / 3,
                        left + x1 * width / 3, top + y1 * height / 3]  # fmt: skip
                if RNG.random() < 0.63 or x1 <= x0 or y1 <= y0:
                    draw.line(ends, ink, 2)
                else:
                    draw.arc(ends, 180, 270, ink, 2)
    return np.array(picture)
