"""A dataset that several files of tests read."""

from pathlib import Path

import pytest

from pixelgen.job import Job
from pixelgen.storage import LocalStore
from tests.support.datasets import write
from tests.support.upgrades import JOB, SERIAL


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished dataset that lost an image."""
    root = tmp_path_factory.mktemp("finished") / "set"
    write(Job.parse(**JOB), LocalStore(str(root), "none"), SERIAL)
    (root / "images/000004.png").unlink()
    (root / "mine.txt").write_text("mine")
    return root
