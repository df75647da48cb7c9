"""A face detector of dlib through a function: what users write for a model without ONNX."""

from pathlib import Path

import pytest

import pixelgen
from pixelgen.scoring.models import ModelOptions, load_model

pytest.importorskip("dlib", reason="dlib is not installed")

# The detector's margin is positive for a face: its logistic function is over a half then.
FACES = """
import dlib
import numpy as np

detector = dlib.get_frontal_face_detector()


def score(images):
    margins = [max(detector.run(image, 1, -3.0)[1], default=-9.0) for image in images]
    return 1 / (1 + np.exp(-np.array(margins)))
"""


def test_a_face_detector_is_hardly_fooled_by_noise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dlib_faces.py").write_text(FACES)
    job = pixelgen.Job(count=30, size=160, family=["uniform", "dead_leaves", "fbm"])
    audit = pixelgen.score(job, load_model("dlib_faces:score", ModelOptions()))
    assert (audit.threshold, audit.overall.fooled) == (0.5, 0)
    assert 0 < audit.overall.highest < 0.5
    assert len({each.highest for each in audit.families}) == 3
