"""A function that stands in for a model: it takes bright images for objects."""

from pathlib import Path

import pytest

BRIGHT = '''
def score(images):
    """Return the mean level of each image as its confidence, and the time of day it shows."""
    means = images.mean(axis=(1, 2, 3)) / 255
    return means, ["day" if mean > 0.5 else "night" for mean in means]
'''


@pytest.fixture
def bright(tmp_path: Path) -> str:
    """Write the function into the folder of the test; return what --model takes."""
    (tmp_path / "bright.py").write_text(BRIGHT)
    return "bright:score"
