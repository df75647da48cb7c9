"""A function that stands in for a model: it takes bright images for objects."""

from pathlib import Path

import pytest

from tests.support.mined import MODEL, write_model


@pytest.fixture
def bright(tmp_path: Path) -> str:
    """Write the function into the folder of the test; return what --model takes."""
    write_model(tmp_path)
    return MODEL
