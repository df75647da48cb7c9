"""Fractals: systems, points and pixels against the definitions of the two styles."""

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pixelgen.colors import luma
from pixelgen.families import Shape, fingerprint, iterated
from pixelgen.families.fractal import Fractal
from pixelgen.families.iterated import (
    UNIT,
    System,
    chaos_game,
    draw_contractions,
    draw_filling,
    fills,
    fit,
)
from pixelgen.rng import DATA, PARAMETERS, Stream

Ints = npt.NDArray[Any]
FRACTALDB = Fractal(style="fractaldb")


def at(image: int, purpose: int = DATA) -> Stream:
    stream = Stream(11)
    stream.seek(image, Fractal.number, Fractal.version, purpose)
    return stream


def system_of(image: int, maps: int = 0) -> System:
    return draw_contractions(at(image, PARAMETERS), maps)


def filling(image: int, maps: int = 0) -> System:
    return draw_filling(at(image, PARAMETERS), maps)


def points_of(image: int, system: System, points: int) -> tuple[Ints, Ints, Ints]:
    blocks = [*chaos_game(at(image), system, points)]
    spare, x, y = (np.concatenate(part) for part in zip(*blocks, strict=True))
    return spare, x, y


def drawn(image: int, shape: Shape, family: Fractal | None = None) -> tuple[Ints, Ints]:
    return (family or Fractal()).render(at(image), shape)


def singular_values(system: System) -> tuple[Ints, Ints]:
    a, b, c, d = system.entries[:4] / UNIT
    matrices = np.moveaxis(np.array([[a, b], [c, d]]), 2, 0)
    longest, shortest = np.linalg.svd(matrices, compute_uv=False).T
    return longest, shortest


def test_every_map_of_anderson_is_a_contraction() -> None:
    for image in range(500):
        longest, shortest = singular_values(system_of(image))
        assert longest.max() < 0.9986
        total = float((longest + 2 * shortest).sum())
        assert total < (6 + longest.size) / 2 + 0.01
        assert total > (5 + longest.size) / 2 - 0.01 or longest.max() > 0.997


def test_singular_values_are_spread_as_those_of_the_original() -> None:
    found = [np.concatenate(part) for part in zip(
        *(singular_values(system_of(image)) for image in range(2000)), strict=True)]  # fmt: skip

    # Of 4,000 systems of the code of Anderson and Farrell at b87adf2; about 3 standard errors.
    wanted = ((0.037, 0.270, 0.549, 0.817, 0.976), (0.005, 0.066, 0.209, 0.448, 0.844))
    for values, quantiles in zip(found, wanted, strict=True):
        assert np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]) == pytest.approx(
            quantiles, abs=0.02
        )


@pytest.mark.parametrize("draw", [draw_contractions, draw_filling])
def test_the_number_of_maps_can_be_given(draw: Any) -> None:
    for maps in (2, 4, 7):
        system = draw(at(maps, PARAMETERS), maps)
        assert np.bincount(system.chances, minlength=8)[maps:].sum() == 0


def test_the_numbers_of_maps_are_equally_likely_unless_told() -> None:
    counts = np.bincount([system_of(image).entries.shape[1] for image in range(1200)], minlength=8)

    assert counts[:2].tolist() == [0, 0]
    assert counts[2:].sum() == 1200
    assert abs(counts[2:] - 200).max() < 5 * 12.9


def test_larger_maps_are_chosen_more_often() -> None:
    for image in range(30):
        for system in (system_of(image), filling(image % 5)):
            a, b, c, d = system.entries[:4] / UNIT
            areas = abs(a * d - b * c)
            counts = np.bincount(system.chances, minlength=a.size)
            assert counts.sum() == 65536
            drawn = counts > 0  # a system of FractalDB may have less than 7 maps
            assert abs(counts - 65536 * areas / areas[drawn].sum())[drawn].max() < 60


def test_the_game_starts_at_a_point_of_the_attractor() -> None:
    for image in range(50):
        a, b, c, d, e, f = (int(entry) for entry in system_of(image).entries[:, 0])
        x, y = system_of(image).start
        # The point is rounded, and a slow map all but leaves its neighbours where they are.
        assert abs((a * x + b * y + e) / UNIT - x) <= 3
        assert abs((c * x + d * y + f) / UNIT - y) <= 3


def grown(mask: Ints) -> Ints:
    """Return the pixels on or next to those of a mask, in a frame 100 pixels wider all around."""
    steps = (-1, 0, 1)
    wide = np.pad(mask, 100)
    moved: Ints = np.stack([np.roll(wide, (y, x), (0, 1)) for y in steps for x in steps])
    near: Ints = np.logical_or.reduce(moved)
    return near


@pytest.mark.parametrize("draw", [system_of, filling])
def test_the_attractor_is_what_its_maps_make_of_it(draw: Any) -> None:
    shape, strange = Shape(48, 48), []
    for image in range(12):
        system, other = draw(image), draw(image + 12)
        _, x, y = points_of(image, system, 120_000)
        frame = fit(x, y, shape, 0)
        hit = np.zeros(48 * 48, bool)
        hit[frame.place(x, y)[1]] = True
        near = grown(hit.reshape(48, 48))
        shares = []
        for played in (system, other):
            maps = np.unique(played.chances)
            a, b, c, d, e, f = played.entries[:, maps, None]
            u, v = x[::50], y[::50]
            moved = a * u + b * v + e >> 16, c * u + d * v + f >> 16
            column = np.clip(np.floor((moved[0] - frame.left) * frame.across), -99, 146)
            row = np.clip(np.floor((moved[1] - frame.top) * frame.down), -99, 146)
            shares.append(near[row.astype(int) + 100, column.astype(int) + 100].mean())
        assert shares[0] > 0.97
        strange.append(shares[1])
    assert np.mean(strange) < 0.9


def test_points_just_fill_the_frame() -> None:
    for size, image in product(((64, 64), (40, 100), (100, 40)), range(20)):
        _, coverage = drawn(image, Shape(*size))
        for side, places in zip(size, np.nonzero(coverage), strict=True):
            assert places.min() <= 1
            assert places.max() >= side - 2
    for image in range(5):
        _, coverage = drawn(image, Shape(362, 300), Fractal(style="fractaldb", points=1.0))
        for side, places in zip((362, 300), np.nonzero(coverage), strict=True):
            assert 4 <= places.min() <= 6
            assert side - 7 <= places.max() <= side - 5


def test_hue_follows_from_the_number_of_points() -> None:
    shape = Shape(16, 20, 3, 16)
    for image in range(8):
        pixels, coverage = drawn(image, shape)
        stream = at(image, PARAMETERS)
        system = draw_contractions(stream, 0)
        mask = 1 + (511 * int(stream.integers(4, 16)[0]) >> 16)
        _, x, y = points_of(image, system, 640)
        counts = np.zeros((18, 22), int)
        for row, column in zip(*divmod(fit(x, y, shape, 0).place(x, y)[1], 20), strict=True):
            for bit in range(9):
                # A bit lays a point on the pixel from which the point is this far.
                if mask >> bit & 1:
                    counts[row + 2 - bit // 3, column + 2 - bit % 3] += 1
        counts = counts[1:-1, 1:-1]
        assert ((coverage > 0) == (counts > 0)).all()
        for count in np.unique(counts):
            assert len(np.unique(pixels[counts == count], axis=0)) == 1
        covered = pixels[counts > 0].astype(float)
        value = covered.max(axis=1)
        assert (value == value[0]).all()
        assert 0.5 * 65535 <= value[0] <= 65535
        saturation = 1 - covered.min(axis=1) / value
        assert np.ptp(saturation) < 1e-4
        assert 0.299 < saturation[0] <= 1


def test_gray_is_the_luma_of_color() -> None:
    for image in range(5):
        colored, coverage = drawn(image, Shape(40, 40))
        gray, same = drawn(image, Shape(40, 40, 1))
        assert (coverage == same).all()
        assert (luma(*np.moveaxis(colored.astype(np.uint32), 2, 0)) == gray[..., 0]).all()


@pytest.mark.parametrize(("channels", "depth", "level"), [(1, 8, 127), (3, 16, 32639)])
def test_the_last_mask_gives_the_pixel(channels: int, depth: int, level: int) -> None:
    shape = Shape(24, 30, channels, depth)
    for image in range(4):
        pixels, coverage = drawn(image, shape, FRACTALDB)
        spare, x, y = points_of(image, filling(image), 2 * 24 * 30)
        inside, places = fit(x, y, shape, 0).place(x, y)
        assert inside.all()
        shown = np.zeros((26, 32), bool)
        for place, word in zip(places.tolist(), spare.tolist(), strict=True):
            row, column = divmod(place, 30)
            mask = 1 + (511 * word >> 16)
            for bit in range(9):
                shown[row + 2 - bit // 3, column + 2 - bit % 3] = mask >> bit & 1
        assert ((coverage == 255) == shown[1:-1, 1:-1]).all()
        assert set(np.unique(coverage)) == {0, 255}
        assert (pixels == np.where(coverage, level, 0)[..., None]).all()


def test_systems_of_fractaldb_pass_its_test() -> None:
    shares = []
    for image in range(12):
        _, x, y = points_of(image, filling(image), 100_000)
        column, row = ((place - place.min()) * 500 // (np.ptp(place) + 1) for place in (x, y))
        shares.append(len(np.unique(row * 500 + column)) / 512**2)

    # These are other points than those of the test, so some systems fill a little less.
    assert min(shares) > 0.18
    assert 0.21 < np.mean(shares) < 0.24


def test_the_search_ends_with_the_fullest(monkeypatch: pytest.MonkeyPatch) -> None:
    hits, small = [], iterated._small_hits

    def recorded(stream: Stream, entries: Ints, areas: Ints) -> Ints:
        hits.append(small(stream, entries, areas))
        return hits[-1]

    monkeypatch.setattr(iterated, "_small_hits", recorded)
    monkeypatch.setattr(iterated, "fills", lambda stream, system: False)
    first, again = filling(3), filling(3)

    assert len(hits) == 16
    assert (first.entries == again.entries).all()
    assert (first.chances == again.chances).all()


def test_points_that_run_away_stay_in_bounds() -> None:
    entries = np.full((6, 2), UNIT - 1, np.int64)
    entries[4:] <<= 24
    system = System(entries, np.zeros(65536, np.uint8), (0, 0))
    _, x, y = points_of(0, system, 200_000)

    assert (x == iterated._FAR).all()
    assert (y == iterated._FAR).all()
    assert not fills(at(0), system)


@pytest.mark.parametrize("draw", [system_of, filling])
def test_the_orbit_hangs_on_no_block_of_steps(draw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    system = draw(5)
    whole = points_of(5, system, 100_000)
    monkeypatch.setattr(iterated, "_BLOCK", 8)
    cut = points_of(5, system, 100_000)

    for one, other in zip(whole, cut, strict=True):
        assert (one == other).all()


def test_more_points_only_add_to_the_covered_pixels() -> None:
    coverages = [drawn(2, Shape(300, 300), Fractal(points=points))[1] for points in (1.5, 3.0)]

    assert (coverages[1] >= coverages[0]).all()
    assert (coverages[1] > coverages[0]).any()


@pytest.mark.parametrize("family", [Fractal(), FRACTALDB], ids=str)
@pytest.mark.parametrize("side", [16, 32, 64, 128, 224, 512])
def test_no_image_is_flat_and_no_two_are_equal(family: Fractal, side: int) -> None:
    images = [family.sample(8, image, Shape(side, side)) for image in range(8)]

    assert len({fingerprint(pixels) for pixels in images}) == 8
    assert all(np.ptp(pixels, axis=(0, 1)).min() > 0 for pixels in images)
