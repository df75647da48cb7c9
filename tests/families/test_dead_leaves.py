"""Dead leaves and shapes: outlines against their definition, and the statistics of the model."""

import math
from bisect import bisect_left
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pixelgen.families import Shape, Texture, dead_leaves
from pixelgen.families.dead_leaves import DeadLeaves, LeafLaw, Shapes, lay
from pixelgen.families.pointwise import Uniform
from pixelgen.numeric.polygons import KINDS, Outlines
from pixelgen.rng import PARAMETERS, Stream

SEED = 5
MODELS = ("mixed", *KINDS)
Inside = Callable[[int, int], bool]


def corners(kind: str, r: int, bearings: list[int]) -> list[tuple[int, int]]:
    a = bearings[0] // 4
    square = [8192, 24576, 40960, 57344]
    angles = {
        "square": square,
        "oriented": [angle + bearings[0] for angle in square],
        "rectangle": [a, 32768 - a, 32768 + a, 65536 - a],
        "triangle": sorted(bearings[:3]),
        "quadrilateral": sorted(bearings),
    }[kind]
    turns = [math.tau * angle / 65536 for angle in angles]
    unit = [(round(4096 * math.cos(turn)), round(4096 * math.sin(turn))) for turn in turns]
    return [(x * r // 4096, y * r // 4096) for x, y in unit]


def outline(kind: str, r: int, bearings: list[int]) -> Inside:
    if kind == "circle":
        return lambda x, y: x * x + y * y <= r * r
    around = corners(kind, r, bearings)
    xs, ys = zip(*around, strict=True)
    edges = list(pairwise([*around, around[0]]))

    def inside(x: int, y: int) -> bool:
        boxed = min(xs) <= x <= max(xs) and min(ys) <= y <= max(ys)
        return boxed and all(
            (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1) >= 0 for (x1, y1), (x2, y2) in edges
        )

    return inside


def radii(sigma: float, r_min: float, shape: Shape) -> list[int]:
    """Tabulate radii by the definition, in plain Python."""
    side = min(shape.height, shape.width)
    bins = [r_min + (1 - r_min) * (j + 0.5) / 4096 for j in range(4096)]
    weights = [
        (r**-sigma - 1) * (shape.width + 2 * r * side) * (shape.height + 2 * r * side) for r in bins
    ]
    below = list(accumulate(weights))
    places = (bisect_left(below, (k + 0.5) / 65536 * below[-1]) for k in range(65536))
    return [max(16, round(16 * bins[place] * side)) for place in places]


def record(seed: int, image: int, family: int, leaf: int) -> list[int]:
    """Read one block of the stream without what came before."""
    counter = np.array([leaf, 1, image, family << 32 | 1], dtype=np.uint64)
    words = np.random.Philox(key=seed, counter=counter).random_raw(4)
    return [int(word) >> shift & 65535 for word in words for shift in (0, 16, 32, 48)]


def leaf_at(u: list[int], model: str, r: int, shape: Shape) -> Inside:
    kind = KINDS[u[7] * 6 >> 16] if model == "mixed" else model
    cx = ((u[1] * 65536 + u[9]) * (16 * shape.width + 2 * r) >> 32) - r
    cy = ((u[2] * 65536 + u[8]) * (16 * shape.height + 2 * r) >> 32) - r
    inside = outline(kind, r, u[3:7])
    return lambda x, y: inside(16 * x + 8 - cx, 16 * y + 8 - cy)


def draw(family: DeadLeaves | Shapes, image: int, shape: Shape) -> Any:
    stream = Stream(SEED)
    stream.seek(image, family.number, family.version)
    return family.render(stream, shape)


def owners(image: int, shape: Shape, model: str = "mixed") -> tuple[Any, Any]:
    stream = Stream(SEED)
    stream.seek(image, DeadLeaves.number, DeadLeaves.version)
    shown, records = lay(stream, shape, LeafLaw(model, 3.0, 0.03))
    return shown.reshape(shape.levels[:2]), records


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("shape", [Shape(12, 17), Shape(23, 9, 1, 16)], ids=str)
def test_each_pixel_shows_the_first_leaf_that_holds_its_centre(model: str, shape: Shape) -> None:
    table = radii(3.0, 0.03, shape)
    pixels = DeadLeaves(model).sample(SEED, 4, shape)
    empty = {(y, x) for y in range(shape.height) for x in range(shape.width)}
    leaf = 0
    while empty:
        u = record(SEED, 4, DeadLeaves.number, leaf)
        holds = leaf_at(u, model, table[u[0]], shape)
        level = [value >> 16 - shape.depth for value in u[10 : 10 + shape.channels]]
        held = {(y, x) for y, x in empty if holds(x, y)}
        assert all(pixels[y, x].tolist() == level for y, x in held), leaf
        empty -= held
        leaf += 1


@pytest.mark.parametrize("model", MODELS)
def test_large_leaves_follow_their_outline_to_the_pixel(model: str) -> None:
    shape = Shape(61, 83, 1)
    table = radii(2.0, 0.4, shape)
    for image in range(4):
        _, coverage = draw(DeadLeaves(model, sigma=2.0, r_min=0.4, leaves=2), image, shape)
        drawn = [record(SEED, image, DeadLeaves.number, leaf) for leaf in (0, 1)]
        holds = [leaf_at(u, model, table[u[0]], shape) for u in drawn]
        wanted = [[any(h(x, y) for h in holds) for x in range(83)] for y in range(61)]
        assert ((coverage == 255) == wanted).all()


@pytest.mark.parametrize(("sigma", "r_min"), [(3.0, 0.03), (2.0, 0.005), (4.0, 0.5), (3.0, 1.0)])
@pytest.mark.parametrize("shape", [Shape(128, 128), Shape(40, 300)], ids=str)
def test_radii_are_weighted_by_their_chance_to_touch_the_frame(
    sigma: float, r_min: float, shape: Shape
) -> None:
    table = dead_leaves._radii(sigma, r_min, shape.height, shape.width)

    assert table.tolist() == radii(sigma, r_min, shape)
    assert table.min() >= max(16, 15.5 * r_min * min(shape.height, shape.width))
    assert table.max() <= 16 * min(shape.height, shape.width)


def test_a_leaf_of_equal_corners_paints_no_more_than_them() -> None:
    flat = np.array([[100], [100], [100], [100]])
    point = Outlines(
        np.array([KINDS.index("quadrilateral")]), np.array([640]), (flat[0], flat[0]), flat
    )
    first, stop = point.rows(200)
    left, right = point.columns(200)

    assert stop - first <= 1
    assert right - left <= 1


def changes(pixels: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the share of horizontal neighbours that differ, by row."""
    share: npt.NDArray[np.float64] = (pixels[:, 1:] != pixels[:, :-1]).any(-1).mean(1)
    return share


def z_of_border(model: str, images: int) -> float:
    """Compare the 8 rows at either end with the 16 in the middle."""
    differences = []
    for image in range(images):
        rows = changes(DeadLeaves(model).sample(SEED, image, Shape(128, 128)))
        differences.append((rows[:8].mean() + rows[-8:].mean()) / 2 - rows[56:72].mean())
    return float(np.mean(differences) / np.std(differences) * math.sqrt(images))


# All shapes lie in the same places and sizes, so two of them tell; the others were seen to hold.
@pytest.mark.heavy
@pytest.mark.parametrize("model", ["mixed", "square"])
def test_the_border_looks_like_the_centre_in_3000_images(model: str) -> None:
    assert abs(z_of_border(model, 3000)) < 3


def overlap_of_squares(r: npt.NDArray[Any], shift: float) -> npt.NDArray[Any]:
    side = math.sqrt(2) * r
    overlap: npt.NDArray[Any] = side * np.maximum(side - shift, 0)
    return overlap


def overlap_of_circles(r: npt.NDArray[Any], shift: float) -> npt.NDArray[Any]:
    reach = np.minimum(shift / (2 * r), 1)
    overlap: npt.NDArray[Any] = 2 * r * r * (np.arccos(reach) - reach * np.sqrt(1 - reach * reach))
    return overlap


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "overlap"), [("square", overlap_of_squares), ("circle", overlap_of_circles)]
)
@pytest.mark.parametrize("shift", [1, 5])
def test_two_pixels_share_a_leaf_as_often_as_the_model_says(
    model: str, overlap: Callable[..., npt.NDArray[Any]], shift: int
) -> None:
    """The first leaf on either pixel is on both with probability K(h)/(2K(0) − K(h))."""
    r = 128 * (0.03 + 0.97 * (np.arange(4096) + 0.5) / 4096)
    weight = (r / 128) ** -3 - 1
    alone, both = ((weight * overlap(r, h)).sum() for h in (0, shift))
    drawn = [DeadLeaves(model).sample(SEED, image, Shape(128, 128)) for image in range(400)]
    shares = [(d[:, shift:] == d[:, :-shift]).all(-1).mean() for d in drawn]

    error = np.std(shares) / math.sqrt(len(shares))
    assert abs(np.mean(shares) - both / (2 * alone - both)) < 4 * error


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mixed", "square"])
def test_every_second_pixel_looks_like_an_image_of_half_the_size(model: str) -> None:
    family = DeadLeaves(model)
    small = [changes(family.sample(SEED, i, Shape(128, 128))).mean() for i in range(250)]
    large = [
        changes(family.sample(SEED, i, Shape(256, 256))[::2, ::2]).mean() for i in range(250, 500)
    ]

    error = math.sqrt((np.var(small) + np.var(large)) / 250)
    assert abs(np.mean(small) - np.mean(large)) < 4 * error


@pytest.mark.slow
@pytest.mark.parametrize("depth", [8, 16])
def test_a_fixed_pixel_takes_every_level_equally_often(depth: int) -> None:
    shape = Shape(11, 14, 3, depth)
    drawn = np.array([DeadLeaves().sample(SEED, image, shape)[3, 9] for image in range(1280)])
    for shift in range(0, depth, 8):
        for channel in range(3):
            counts = np.bincount((drawn[:, channel] >> shift & 255) >> 4, minlength=16)
            assert ((counts - 80) ** 2 / 80).sum() < 15 + 5 * math.sqrt(30)


@pytest.mark.parametrize("batches", [(1, 1), (7, 7), (512, 512), (3, 10_000)], ids=str)
@pytest.mark.parametrize(
    "family", [DeadLeaves(), DeadLeaves("circle", leaves=130), Shapes(count=200)], ids=str
)
def test_an_image_hangs_not_on_the_size_of_batches(
    family: DeadLeaves | Shapes, batches: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = Shape(40, 31)
    wanted = family.sample(SEED, 8, shape)
    monkeypatch.setattr(dead_leaves, "FIRST_BATCH", batches[0])
    monkeypatch.setattr(dead_leaves, "LARGEST_BATCH", batches[1])

    assert (family.sample(SEED, 8, shape) == wanted).all()


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_an_image_does_not_depend_on_how_many_pixels_are_filled_at_once(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = DeadLeaves().sample(SEED, 8, Shape(40, 31))
    monkeypatch.setattr(dead_leaves, "_MOST_AT_ONCE", most)

    assert (DeadLeaves().sample(SEED, 8, Shape(40, 31)) == wanted).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (300, 2), (7, 129), (64, 64)])
@pytest.mark.parametrize("model", MODELS)
def test_leaves_cover_every_pixel_of_any_frame(model: str, shape: tuple[int, int]) -> None:
    frame = Shape(*shape)
    shown, records = owners(2, frame, model)

    assert shown.min() >= 0
    assert shown.max() < len(records)
    assert DeadLeaves(model, r_min=1.0).sample(SEED, 2, frame).shape == frame.levels


@pytest.mark.parametrize("shape", [Shape(50, 70), Shape(50, 70, 1, 16)], ids=str)
@pytest.mark.parametrize("count", [1, 20, 300])
def test_a_number_of_leaves_is_the_front_of_all(count: int, shape: Shape) -> None:
    every = DeadLeaves().sample(SEED, 3, shape)
    pixels, coverage = draw(DeadLeaves(leaves=count), 3, shape)
    shown, _ = owners(3, shape)

    assert coverage.dtype == np.uint8
    assert ((coverage == 255) == (shown < count)).all()
    assert ((coverage == 0) == (shown >= count)).all()
    assert (pixels[coverage == 255] == every[coverage == 255]).all()
    assert not pixels[coverage == 0].any()


def test_only_a_number_of_leaves_has_coverage() -> None:
    assert not DeadLeaves().has_coverage
    assert isinstance(draw(DeadLeaves(), 0, Shape(5, 5)), np.ndarray)
    assert DeadLeaves(leaves=4).has_coverage
    assert Shapes().has_coverage


@pytest.mark.parametrize("count", [0, 6])
@pytest.mark.parametrize("shape", [Shape(9, 14), Shape(14, 9, 1, 16)], ids=str)
def test_filled_leaves_show_the_fill_from_a_place_of_their_own(shape: Shape, count: int) -> None:
    solid = DeadLeaves(leaves=count).sample(SEED, 1, shape).astype(int)
    filled = DeadLeaves(leaves=count, fill="uniform").sample(SEED, 1, shape)
    cloth = Uniform().sample(SEED, 1, shape).astype(int)
    shown, records = owners(1, shape)
    for y, x in np.ndindex(shape.height, shape.width):
        if count and shown[y, x] >= count:
            assert not filled[y, x].any()
            continue
        dy, dx = records[shown[y, x], 13:15].tolist()
        there = cloth[
            (y + (dy * shape.height >> 16)) % shape.height,
            (x + (dx * shape.width >> 16)) % shape.width,
        ]
        wanted = np.rint(solid[y, x] + (there - shape.top / 2) / 2)
        assert (filled[y, x] == np.clip(wanted, 0, shape.top)).all()


def test_textures_tell_how_leaves_compress() -> None:
    assert DeadLeaves().texture is Texture.FLAT
    assert DeadLeaves(fill="uniform").texture is Texture.LEVELS
    assert DeadLeaves(fill="spectrum").texture is Texture.SMOOTH


@pytest.mark.parametrize("depth", [8, 16])
def test_shapes_lie_on_a_background_drawn_for_each_image(depth: int) -> None:
    shape = Shape(60, 40, 3, depth)
    grounds = set()
    for image in range(20):
        pixels, coverage = draw(Shapes(), image, shape)
        stream = Stream(SEED)
        stream.seek(image, Shapes.number, Shapes.version, PARAMETERS)
        ground = stream.integers(3, depth)
        assert set(np.unique(coverage)) <= {0, 255}
        assert (pixels[coverage == 0] == ground).all()
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) <= 9
        grounds.add(tuple(ground.tolist()))
    assert len(grounds) == 20


def test_shapes_are_as_many_as_asked_for() -> None:
    shape = Shape(80, 80)
    table = radii(3.0, Shapes().r_min, shape)
    for image in range(3):
        _, coverage = draw(Shapes(3), image, shape)
        drawn = [record(SEED, image, Shapes.number, leaf) for leaf in range(3)]
        holds = [leaf_at(u, "mixed", table[u[0]], shape) for u in drawn]
        wanted = [[any(h(x, y) for h in holds) for x in range(80)] for y in range(80)]
        assert ((coverage == 255) == wanted).all()
