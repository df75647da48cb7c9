"""Iterated function systems: random sets of affine maps, and their points (the chaos game)."""

from collections.abc import Iterator
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from pixelgen.image_types import Shape
from pixelgen.numeric import exact
from pixelgen.numeric.exact import Table
from pixelgen.rng import Stream, Words

UNIT = 1 << 16
"""One in the entries of a map's matrix; coordinates have 1 << 24."""

MOST_MAPS = 7

_LONGEST = UNIT - UNIT // 512
"""The largest singular value of a contraction; rounding adds less than 0.0005."""

_FAR = 1 << 34
"""Coordinates are cut here. Contractions stay below 2²⁴·√2/(1 − 0.9986) < 2³⁴."""

_PARTICLES = 2048
_BURN_IN = 32
_BLOCK = 64

_TEST_POINTS = 100_000
_TEST_SHAPE = Shape(512, 512, 1)
_TEST_MARGIN = 6
_TEST_HITS = 52_429  # 0.2 · 512²

# The test before that test: 64 systems at once, of each the points of 64 steps of 64 particles on
# 64×64 pixels. Of 12,000 systems, 290 passed the real test; these hits let all but 2 of them pass.
_TRIES = 64
_MOST_BATCHES = 8
_SMALL_HITS = 1380


class System(NamedTuple):
    """Affine maps (x, y) → (a·x + b·y + e, c·x + d·y + f) ÷ UNIT, rounded down.

    ``entries`` has rows a, b, c, d, e, f and a column for each map, int64. ``chances`` has the
    number of a map for each 16-bit word. ``start`` is the point that the chaos game starts from.
    """

    entries: Table
    chances: Table
    start: tuple[int, int]


def draw_contractions(stream: Stream, maps: int) -> System:
    """Draw a system of Anderson and Farrell, from as many words whatever ``maps``; 0 draws them."""
    count, total = stream.integers(2, 16).tolist()
    maps = maps or _count(count)
    rows = stream.integers((MOST_MAPS, 7), 16)[:maps].tolist()
    sizes = singular_values(rows, (5 + maps) * UNIT + total >> 1)
    entries = np.array([_entries(row, *size) for row, size in zip(rows, sizes, strict=True)])
    areas = np.array([1 + (longest * shortest >> 16) for longest, shortest in sizes])
    return System(entries.T.copy(), _chances(areas, 16), fixed_point(entries[0]))


def _count(word: int) -> int:
    return 2 + ((MOST_MAPS - 1) * word >> 16)


def singular_values(rows: list[list[int]], total: int) -> list[tuple[int, int]]:
    """Draw σ₁ ≥ σ₂ for each row, so that Σ(σ₁ + 2σ₂) is ``total``, in turn.

    Each is uniform over what it may be, given those before it: what is left for the others must be
    0 … 3 for each. Only then are values above the largest cut.
    """
    left = total
    values = []
    for number, row in enumerate(rows[:-1]):
        others = 3 * UNIT * (len(rows) - 1 - number)
        longest = _between(max(0, (left - others) // 3), min(UNIT, left), row[0])
        left -= longest
        shortest = _between(max(0, (left - others) // 2), min(longest, left // 2), row[1])
        left -= 2 * shortest
        values.append((longest, shortest))
    shortest = _between(max(0, (left - UNIT) // 2), left // 3, rows[-1][1])
    values.append((left - 2 * shortest, shortest))
    return [(min(longest, _LONGEST), min(shortest, _LONGEST)) for longest, shortest in values]


def _between(low: int, high: int, word: int) -> int:
    return low + ((high - low) * word >> 16)


def _entries(row: list[int], longest: int, shortest: int) -> list[int]:
    """Multiply rotation, contraction and reflection, and rotation; add a shift of −1 … 1 (2²⁴)."""
    cosines, sines = exact.turns()
    (c, s), (k, t) = ((int(cosines[angle]), int(sines[angle])) for angle in row[2:4])
    if row[4] & 1:
        shortest = -shortest
    turned = (
        c * longest * k - s * shortest * t,
        -c * longest * t - s * shortest * k,
        s * longest * k + c * shortest * t,
        c * shortest * k - s * longest * t,
    )
    matrix = [entry // exact.TURN_UNIT**2 for entry in turned]
    return matrix + [(2 * word - 65535) * 256 * UNIT for word in row[5:7]]


def _chances(areas: Table, bits: int) -> Table:
    """Return the number of a map for each word of some bits, in proportion to areas below 2³²."""
    ends = np.cumsum(areas, axis=-1) << bits
    ends //= ends[..., -1:] >> bits
    lengths = np.diff(ends, axis=-1, prepend=0)
    numbers = np.broadcast_to(np.arange(areas.shape[-1], dtype=np.uint8), areas.shape)
    return np.repeat(numbers.ravel(), lengths.ravel()).reshape(*areas.shape[:-1], 1 << bits)


def fixed_point(entries: Table) -> tuple[int, int]:
    """Return the point that a map leaves where it is, to within rounding."""
    a, b, c, d, e, f = entries.tolist()
    a, d = UNIT - a, UNIT - d
    return (d * e + b * f) // (a * d - b * c), (c * e + a * f) // (a * d - b * c)


def draw_filling(stream: Stream, maps: int) -> System:
    """Draw a system of FractalDB: entries of −1 … 1 that pass its test, of at most 512 systems.

    If none does, it is the one that filled most pixels of the small test.
    """
    fullest, most = System(np.zeros((6, 0), np.int64), np.zeros(0, np.uint8), (0, 0)), -1
    for _ in range(_MOST_BATCHES):
        counts = [maps or _count(word) for word in stream.integers(_TRIES, 16).tolist()]
        numbers = 2 * stream.integers((_TRIES, MOST_MAPS, 6), 16).astype(np.int64) - 65535
        entries = numbers << np.array([0, 0, 0, 0, 24, 24])
        areas = 1 + abs(numbers[..., 0] * numbers[..., 3] - numbers[..., 1] * numbers[..., 2])
        areas[np.arange(MOST_MAPS) >= np.array(counts)[:, None]] = 0
        for number, hits in enumerate(_small_hits(stream, entries, areas).tolist()):
            if hits >= _SMALL_HITS or hits > most:
                system = System(entries[number].T.copy(), _chances(areas[number], 16), (0, 0))
                if hits >= _SMALL_HITS and fills(stream, system):
                    return system
                fullest, most = max((fullest, most), (system, hits), key=itemgetter(1))
    return fullest


def _small_hits(stream: Stream, entries: Table, areas: Table) -> Table:
    """Return how many of 64×64 pixels each system hits."""
    words = stream.integers((_BURN_IN + _BLOCK, _TRIES, 64), 16) >> 4
    systems = np.arange(_TRIES)[:, None]
    maps = _chances(areas, 12).ravel().take(words + (systems << 12)) + MOST_MAPS * systems
    start = np.zeros((_TRIES, 64), np.int64)
    orbits = _play(entries.reshape(-1, 6).T.copy(), maps, start, start)
    places = systems
    for at in orbits:
        kept = at[_BURN_IN:]
        low = kept.min(axis=(0, 2))[:, None]
        # One float operation at a time; the greatest is below 64·(1 − 2⁻³⁵), and stays below 64.
        scale = 64 / (np.ptp(kept, axis=(0, 2)) + 1)[:, None]
        places = 64 * places + ((kept - low) * scale).astype(np.int64)
    hit = np.zeros(_TRIES << 12, bool)
    hit[places.ravel()] = True
    found: Table = np.count_nonzero(hit.reshape(_TRIES, -1), axis=1)
    return found


def fills(stream: Stream, system: System) -> bool:
    """Return whether 100,000 points hit 20 % of 512×512 pixels, of which 6 on each side are free.

    Takes the words of the points.
    """
    ((_, x, y),) = chaos_game(stream, system, _TEST_POINTS)
    hit = np.zeros(_TEST_SHAPE.height * _TEST_SHAPE.width, bool)
    hit[fit(x, y, _TEST_SHAPE, _TEST_MARGIN).place(x, y)[1]] = True
    return bool(np.count_nonzero(hit) >= _TEST_HITS)


def chaos_game(stream: Stream, system: System, points: int) -> Iterator[tuple[Table, Table, Table]]:
    """Yield 16 spare random bits for each point, and its x and y, block by block of steps."""
    x, y = (np.full(_PARTICLES, at, np.int64) for at in system.start)
    words = stream.integers((_BURN_IN, _PARTICLES), 16)
    xs, ys = _play(system.entries, system.chances.take(words), x, y)
    for first in range(0, points, _BLOCK * _PARTICLES):
        left = min(points - first, _BLOCK * _PARTICLES)
        words = stream.integers((-(-left // _PARTICLES), _PARTICLES), 32)
        xs, ys = _play(system.entries, system.chances.take(words & 65535), xs[-1], ys[-1])
        yield (words >> 16).ravel()[:left], xs.ravel()[:left], ys.ravel()[:left]


def _play(entries: Table, maps: Words, x: Table, y: Table) -> tuple[Table, Table]:
    """Send all particles by the maps of each step.

    Coordinates stay below 2³⁴ and entries below 2¹⁷, so products below 2⁵¹.
    """
    xs, ys = np.empty((2, *maps.shape), np.int64)
    for step, chosen in enumerate(maps):
        a, b, c, d, e, f = entries.take(chosen, axis=1)
        for at, moved in ((xs, a * x + b * y + e), (ys, c * x + d * y + f)):
            np.minimum(np.maximum(moved >> 16, -_FAR), _FAR, out=at[step])
        x, y = xs[step], ys[step]
    return xs, ys


class Frame(NamedTuple):
    """Where the points lie: the corner of their box, pixels per unit, and free pixels around it."""

    shape: Shape
    left: int
    top: int
    across: float
    down: float
    margin: int

    def place(self, x: Table, y: Table) -> tuple[Table, Table]:
        """Return which points lie in the frame, and their pixels in raster order."""
        # One float operation at a time; unsigned, a number below 0 is above any side.
        column = np.floor((x - self.left) * self.across).astype(np.int64) + self.margin
        row = np.floor((y - self.top) * self.down).astype(np.int64) + self.margin
        inside = column.view(np.uint64) < self.shape.width
        inside &= row.view(np.uint64) < self.shape.height
        return inside, (row * self.shape.width + column)[inside]


def fit(x: Table, y: Table, shape: Shape, margin: int) -> Frame:
    """Stretch the box of the points to the frame, along x and y, but for a margin."""
    across, down = ((side - 2 * margin) / (int(np.ptp(at)) + 1)
                    for side, at in ((shape.width, x), (shape.height, y)))  # fmt: skip
    return Frame(shape, int(x.min()), int(y.min()), across, down, margin)
