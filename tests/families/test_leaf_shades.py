"""Shades and glyphs of dead leaves, by their definitions."""

import math

import numpy as np
import pytest

from pixelgen.families import Shape, Texture
from pixelgen.families.dead_leaves import DeadLeaves
from pixelgen.families.glyphs import Glyphs
from pixelgen.rng import Stream
from tests.families.test_dead_leaves import SEED, draw, owners, radii

SHAPES = [Shape(19, 34), Shape(34, 19, 1, 16)]


def light(u: list[int], r: int, shape: Shape, form: str, at: tuple[int, int]) -> float:
    """Return s at a pixel (y, x) of the leaf with a record and a radius in 1/16 pixel."""
    cx = ((u[1] * 65536 + u[9]) * (16 * shape.width + 2 * r) >> 32) - r
    cy = ((u[2] * 65536 + u[8]) * (16 * shape.height + 2 * r) >> 32) - r
    down, right = (16 * at[0] + 8 - cy) / r, (16 * at[1] + 8 - cx) / r
    if form == "dome":
        return 1 - 2 * (right * right + down * down)
    turn = math.tau * u[15] / 65536
    return right * math.cos(turn) + down * math.sin(turn)


@pytest.mark.parametrize("fill", ["solid", "uniform"])
@pytest.mark.parametrize("count", [0, 6])
@pytest.mark.parametrize("form", ["linear", "dome"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_light_falls_on_each_leaf_by_itself(shape: Shape, form: str, count: int, fill: str) -> None:
    dull = DeadLeaves(leaves=count, fill=fill).sample(SEED, 1, shape).astype(int)
    lit = DeadLeaves(leaves=count, fill=fill, shade=form).sample(SEED, 1, shape)
    table = radii(3.0, 0.03, shape)
    shown, records = owners(1, shape)
    for y, x in np.ndindex(shape.height, shape.width):
        if count and shown[y, x] >= count:
            assert not lit[y, x].any()
            continue
        u = records[shown[y, x]].tolist()
        change = shape.top / 4 * light(u, table[u[0]], shape, form, (y, x))
        wanted = np.clip(dull[y, x] + change, 0, shape.top)
        # The table of cosines has 1/4096.
        assert (abs(lit[y, x] - wanted) <= 0.51 + shape.top / 4 / 4096).all()


@pytest.mark.parametrize("form", ["linear", "dome"])
def test_light_changes_neither_the_leaves_nor_the_mean(form: str) -> None:
    shape = Shape(64, 64)
    changes = []
    for image in range(200):
        plain = DeadLeaves("circle").sample(SEED, image, shape).astype(int)
        changes.append((DeadLeaves("circle", shade=form).sample(SEED, image, shape) - plain).mean())
        assert (draw(DeadLeaves(shade=form, leaves=5), image, shape)[1]
                == draw(DeadLeaves(leaves=5), image, shape)[1]).all()  # fmt: skip
    assert abs(np.mean(changes)) < 4 * np.std(changes) / math.sqrt(len(changes))


@pytest.mark.parametrize("shape", [Shape(300, 257), Shape(2, 40_000)], ids=str)
def test_every_row_of_a_large_frame_is_shaded(shape: Shape) -> None:
    lit = DeadLeaves(shade="dome").sample(SEED, 0, shape)
    is_changed = (lit != DeadLeaves().sample(SEED, 0, shape)).any(2)

    assert (is_changed.mean(1) > 0.5).all()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_leaves_keep_their_color_between_glyphs(shape: Shape) -> None:
    solid = DeadLeaves().sample(SEED, 1, shape).astype(int)
    filled = DeadLeaves(fill="glyphs").sample(SEED, 1, shape)
    stream = Stream(SEED)
    stream.seek(1, Glyphs.number, Glyphs.version)
    cloth, ink = Glyphs().render(stream, shape)
    shown, records = owners(1, shape)
    for y, x in np.ndindex(shape.height, shape.width):
        dy, dx = records[shown[y, x], 13:15].tolist()
        there = (
            (y + (dy * shape.height >> 16)) % shape.height,
            (x + (dx * shape.width >> 16)) % shape.width,
        )
        relief = np.rint((cloth[there].astype(int) - shape.top / 2) / 2) if ink[there] else 0
        assert (filled[y, x] == np.clip(solid[y, x] + relief, 0, shape.top)).all()


def test_textures_tell_how_shaded_leaves_compress() -> None:
    assert DeadLeaves(fill="glyphs").texture is Texture.FLAT
    assert DeadLeaves(shade="linear").texture is Texture.SMOOTH
    assert DeadLeaves(fill="glyphs", shade="dome").texture is Texture.SMOOTH
    assert DeadLeaves(fill="uniform", shade="dome").texture is Texture.LEVELS
