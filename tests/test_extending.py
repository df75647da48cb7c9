"""A family, a format, a container and a sidecar of another project: one small class each."""

import os
from pathlib import Path

import pytest

from pixelgen.dataset.run_config import RunConfig as RunOptions
from pixelgen.engines import Serial
from pixelgen.job import Job
from pixelgen.storage import LocalStore
from tests.support.command import Run, tree_digest
from tests.support.datasets import write

PLUGIN = '''
import json
import numpy as np
from pixelgen.families import Family
from pixelgen.formats import Format
from pixelgen.layouts import ImageFiles, Sidecar


class Ramp(Family):
    """Levels that rise from left to right."""

    number = 9100

    def render(self, stream, shape):
        row = np.linspace(0, shape.top, shape.width).astype(shape.dtype)
        return np.broadcast_to(row[:, None], shape.levels).copy()


class Raw(Format):
    """The levels without a header."""

    suffix = ".raw"
    holds = {"RGB": (8,)}
    side = 1000

    def encode(self, pixels):
        return pixels.tobytes()


class Flat(ImageFiles):
    """One file an image under flat/."""

    def folder(self, info, index):
        return "flat"

    def folders(self, info):
        yield "flat"


class Listing(Sidecar):
    """listing.json: the names of the images."""

    containers = ()

    def index(self, manifest):
        yield "listing.json", json.dumps([row["file_name"] for row in manifest.rows()]).encode()
'''
COMPONENTS = {
    "family": "extending_plugin.Ramp",
    "format": "extending_plugin.Raw",
    "layout": "extending_plugin.Flat,extending_plugin.Listing",
}
ALLOWED = ",".join(COMPONENTS.values())


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """Write the module of another project; return its folder."""
    folder = tmp_path / "plugin"
    folder.mkdir()
    (folder / "extending_plugin.py").write_text(PLUGIN)
    return folder


def test_components_of_another_project_make_a_dataset_that_verifies(
    plugin: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(plugin))
    monkeypatch.setenv("PIXELGEN_PLUGINS", ALLOWED)
    job = Job.parse(count=5, width=8, height=4, **COMPONENTS)
    write(job, LocalStore(str(tmp_path / "api"), "none"), RunOptions(Serial()))

    paths = filter(None, (str(plugin), os.environ.get("PYTHONPATH")))
    environment = {"PYTHONPATH": os.pathsep.join(paths), "PIXELGEN_PLUGINS": ALLOWED}
    options = [word for kind, spec in COMPONENTS.items() for word in (f"--{kind}", spec)]
    made = run("generate", "-n", 5, "-s", "8x4", *options, "-o", "command", **environment)
    assert made.returncode == 0, made.stderr
    assert tree_digest(tmp_path / "command") == tree_digest(tmp_path / "api")
    assert (tmp_path / "command/flat/000004.raw").stat().st_size == 8 * 4 * 3
    verified = run("verify", "--deep", "command", **environment)
    assert verified.returncode == 0, verified.stderr
