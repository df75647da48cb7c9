"""Images of presets are worth having: none is of one level that need not be, and no two are equal.

At the sides of common datasets, from thumbnails to the input of detectors.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelgen import Job
from pixelgen.families import fingerprint
from pixelgen.families.presets import PRESETS
from pixelgen.generator import Generator
from pixelgen.image_types import Pixels

IMAGES = {16: 150, 32: 150, 64: 150, 128: 40, 224: 20, 512: 8}
SLOW = "lwn"
"""An image of this takes a hundred times as long: a tenth as many are made, none at 512."""

ONE_COLOR = "solid"
"""Each of its images has one color, by definition: black and white among them."""

FEW_COLORS = "tone=primary"
"""Each channel of a stripe is at one of its ends, by definition, and all stripes may be alike."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder of images with light, objects and grain, as photographs have."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.Generator(np.random.PCG64(1))
    for number in range(3):
        layers = [
            np.asarray(
                Image.fromarray(random.integers(0, 256, (side, side, 3), np.uint8)).resize(
                    (512, 512), Image.Resampling.BICUBIC
                )
            )
            for side in (3, 12, 60, 512)
        ]
        levels = np.average(layers, axis=0, weights=(4, 3, 2, 1))
        Image.fromarray(levels.astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def drawn(name: str, photos: Path, side: int, mode: str) -> Iterator[tuple[str, Pixels]]:
    """Yield the family and the pixels of each image of a preset, but of those with few colors."""
    count = IMAGES[side] // (10 if name == SLOW else 1)
    spelled = f"{name}:source={photos}" if PRESETS[name].sourced else name
    job = Job(count=count, size=side, family=spelled, mode=mode, seed=3).scan_sources()
    generator = Generator(job.image, job.sources)
    for index in range(count):
        family = generator.origin(index).family
        if not family.startswith(ONE_COLOR) and FEW_COLORS not in family:
            yield family, generator.render(index).pixels


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize(
    ("side", "mode"), [*((side, "RGB") for side in IMAGES), (16, "L"), (32, "L")]
)
def test_images_of_presets_differ_and_use_every_channel(
    side: int, mode: str, name: str, photos: Path
) -> None:
    seen: dict[str, str] = {}
    for family, pixels in drawn(name, photos, side, mode):
        low, high = pixels.min(axis=(0, 1)), pixels.max(axis=(0, 1))
        assert (low < high).any(), family
        assert (low < 255).all(), family
        assert (high > 0).all(), family
        found = fingerprint(pixels)
        assert found not in seen, f"{family} is equal to an image of {seen[found]}"
        seen[found] = family
