"""Blurred images: in whatever strips they are computed, they are the same."""

import numpy as np
import numpy.typing as npt
import pytest

from pixelgen.families import Shape
from pixelgen.families.base import Family
from pixelgen.numeric import blur as module
from pixelgen.numeric.blur import fine_blur
from pixelgen.registry import parse
from pixelgen.rng import Stream

SPECIFICATIONS = [
    "smooth:sigma=2", "smooth:sigma=12,scale=channel", "smooth:sigma=3,scale=colorrange",
    "blobs:sigma=1.5", "blobs:sigma=1.5,channels=blurred,border=symmetric",
    "pixel_shuffle:sigma=2", "pixel_shuffle:sigma=2,stretch=true",
]  # fmt: skip


@pytest.mark.parametrize("spec", SPECIFICATIONS)
@pytest.mark.parametrize("shape", [Shape(67, 50), Shape(50, 67, 1, 16), Shape(1, 40), Shape(40, 1)])
def test_an_image_in_many_strips_is_that_in_one(
    spec: str, shape: Shape, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = parse(Family, spec.partition(":")[0] if 1 in shape.levels[:2] else spec)
    whole = family.sample(1, 2, shape)
    monkeypatch.setattr(module, "_WORK", 2000)
    monkeypatch.setattr(module, "_KEPT", 0)
    assert (family.sample(1, 2, shape) == whole).all()


def test_planes_of_any_layout_are_blurred_alike() -> None:
    pixels: npt.NDArray[np.int8] = Stream(1).integers((40, 30, 3)).view(np.int8)
    planes = np.moveaxis(pixels, -1, 0)
    one, other = (fine_blur(p, (2.0, 3.0), "periodic") for p in (planes, planes.copy()))
    for channel in range(3):
        assert (one.channel(channel, one) == other.channel(channel, other)).all()


def test_a_flat_image_stretches_to_nothing() -> None:
    flat = np.full((3, 20, 30), 7, np.int8)
    assert not fine_blur(flat, (2.0, 2.0), "periodic").stretched(Shape(20, 30)).any()
