"""Mined datasets: a function that stands in for a model, and a command that mines by it."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pixelgen.job import Job
from pixelgen.scoring.base import Image, Model, Score, Scorer
from pixelgen.scoring.selection_rules import SelectionRules
from tests.support.faults import finish

BRIGHT = '''
from pathlib import Path


def score(images):
    """Return the mean level of each image as its confidence, and the time of day it shows."""
    if Path("broken").exists():
        raise SystemError("scored")
    means = images.mean(axis=(1, 2, 3)) / 255
    return means, ["day" if mean > 0.5 else "night" for mean in means]
'''
"""A function that takes bright images for objects, and fails beside a file named ``broken``."""

MODEL = "bright:score"
"""The function by name, where ``bright.py`` holds it."""

MINE = ("mine", "--model", MODEL, "--keep", 60, "--budget", 9000, "--threshold", 0.65,
        "--family", "gradient", "--family", "smooth", "--family", "stripes", "-s", 16,
        "-q")  # fmt: skip
"""Finds what it keeps in some ten blocks of candidates."""


def write_model(folder: Path) -> None:
    """Write the function into the folder in which commands are run."""
    (folder / "bright.py").write_text(BRIGHT)


def mine(folder: Path, out: str, *options: object) -> Path:
    """Mine a dataset; return its directory."""
    write_model(folder)
    done = finish(folder, *MINE, *options, "-o", out)
    assert (done.returncode, done.stderr) == (0, "")
    return folder / out


def contents(root: Path) -> dict[str, bytes]:
    """Return the content of each file below a folder, by its name."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if not path.is_dir()
    }


def selection_rows(root: Path) -> list[dict[str, object]]:
    """Return what a mined dataset has recorded of each of its images."""
    return [*map(json.loads, (root / "selection.jsonl").read_text().splitlines())]


def block_onnx_runtime(folder: Path) -> dict[str, str]:
    """Return the environment of a command that cannot import ONNX or its runtime."""
    blocked = folder / "blocked"
    blocked.mkdir()
    for name in ("onnx", "onnxruntime"):
        (blocked / f"{name}.py").write_text("raise ImportError('not installed')\n")
    paths = (str(blocked), os.environ.get("PYTHONPATH", ""))
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


@dataclass(frozen=True)
class Brightness(Model):
    """The same as a model in this process."""

    path: str = "brightness"
    description = "mean brightness"
    input_size = None
    default_threshold = 0.5

    @property
    def record(self) -> dict[str, str]:
        return {"model": self.path}

    def absolute(self) -> Self:
        return self

    def open(self) -> Scorer:
        return _score


def _score(images: Sequence[Image]) -> list[Score]:
    means = [float(image.mean()) / 255 for image in images]
    return [Score(mean, "day" if mean > 0.5 else "night") for mean in means]


@dataclass(frozen=True)
class Unused(Brightness):
    """The same model, which may not be opened."""

    def open(self) -> Scorer:
        raise AssertionError("candidates are scored")


def candidates(count: int = 2000, **options: object) -> Job:
    """Return the job of some candidates that are soon made."""
    families = ["gradient", "smooth", "stripes"]
    return Job.parse(**{"count": count, "size": 16, "family": families} | options)


RULES = SelectionRules(keep=20, threshold=0.6)
"""Fulfilled by the first block of candidates."""
