"""Images of a family are worth having: no two are equal, and none is of one color."""

import pytest

from pixelgen import registry
from pixelgen.families import Family, Shape, fingerprint

SPELLINGS = [
    "dead_leaves:fill=glyphs",
    "dead_leaves:shade=dome",
    "dead_leaves:shade=linear",
    "facade",
    "glyphs",
]


@pytest.mark.parametrize("side", [16, 32, 64, 128, 224, 512])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_images_differ_and_use_every_channel(spelling: str, side: int) -> None:
    family = registry.parse(Family, spelling)
    images = 40 if side < 99 else 6
    for shape in (Shape(side, side), Shape(side, side, 1, 16)):
        drawn = [family.sample(4, image, shape) for image in range(images)]

        assert len({fingerprint(pixels) for pixels in drawn}) == images
        for pixels in drawn:
            assert (pixels.min((0, 1)) < pixels.max((0, 1))).all()
