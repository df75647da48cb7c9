"""Functions of the user's as models."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import pixelgen
from pixelgen.errors import BadValue, PixelgenError
from pixelgen.scoring.base import Score
from pixelgen.scoring.models import ModelOptions, load_model
from tests.support.onnx_models import solid

DETECT = ModelOptions()
Hooks = Callable[[str], str]


@pytest.fixture
def hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hooks:
    """Write a module, of a name that no other test uses, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    name = f"hooks_{abs(hash(str(tmp_path)))}"

    def write(text: str) -> str:
        (tmp_path / f"{name}.py").write_text(f"import numpy as np\n{text}\n")
        return f"{name}:score"

    return write


def test_a_function_scores_images_of_any_sizes_in_order(hooks: Hooks) -> None:
    path = hooks(
        "shapes = []\n"
        "def score(images):\n"
        "    assert images.dtype == np.uint8\n"
        "    shapes.append(images.shape)\n"
        "    return images[:, 0, 0, 0] / 255"
    )
    model = load_model(path, DETECT)
    assert (model.input_size, model.default_threshold) == (None, 0.5)
    assert model.description == f"Python function {path}, images of any size, RGB, levels 0 … 255"
    images = [solid(51, side=4), solid(102, side=9), solid(204, side=4)]
    assert model.open()(images) == [Score(0.2, ""), Score(0.4, ""), Score(0.8, "")]
    shapes = importlib.import_module(path.partition(":")[0]).shapes
    assert shapes == [(2, 4, 4, 3), (1, 9, 9, 3)]


def test_batches_have_at_most_32_images(hooks: Hooks) -> None:
    path = hooks("def score(images):\n    return [len(images) / 100] * len(images)")
    values = [each.value for each in load_model(path, DETECT).open()([solid(0)] * 40)]
    assert values == [0.32] * 32 + [0.08] * 8


def test_a_function_may_name_classes(hooks: Hooks) -> None:
    path = hooks("def score(images):\n    return np.full(len(images), 0.5), ['cat'] * len(images)")
    assert load_model(path, DETECT).open()([solid(0)] * 2) == [Score(0.5, "cat")] * 2


def test_a_tuple_of_two_numbers_is_of_two_scores(hooks: Hooks) -> None:
    path = hooks("def score(images):\n    return 0.25, 0.5")
    assert load_model(path, DETECT).open()([solid(0)] * 2) == [Score(0.25, ""), Score(0.5, "")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise RuntimeError('two\\nlines')", "cannot import .*: RuntimeError: two lines"),
        ("import no_such_module", "cannot import .*ModuleNotFoundError: No module .*'no_such_mod"),
        ("def scores(images): pass", "cannot import .*AttributeError: .* has no attribute 'score'"),
        ("score = 3", "is not a function: must be one that takes uint8"),
        ("def score(:", "cannot import .*: SyntaxError: "),
    ],
)
def test_a_function_that_cannot_be_imported(text: str, words: str, hooks: Hooks) -> None:
    path = hooks(text)
    with pytest.raises(BadValue, match=words) as caught:
        load_model(path, DETECT)
    assert path in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_module_that_does_not_exist(hooks: Hooks) -> None:
    with pytest.raises(BadValue, match=r"cannot import the function no_such.module:score: Module"):
        load_model("no_such.module:score", DETECT)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise KeyError('lo\\nst')", r"failed: KeyError: 'lo\\nst'"),
        ("return None", r"must return numbers: TypeError|shape \[\] for 2 images"),
        ("return ['a', 'b']", "must return numbers: ValueError"),
        ("return [0.5]", r"an array of shape \[1\] for 2 images: must be of shape \[2\]"),
        ("return [[0.5], [0.5]]", r"an array of shape \[2, 1\] for 2 images: must be"),
        ("return [0.5, 1.5]", "the scores 0.5 … 1.5: each must be a number of 0 … 1"),
        ("return [0.5, float('nan')]", "the scores nan … nan: each must be a number of 0 … 1"),
        ("return [0.5, -0.1]", "each must be a number of 0 … 1"),
        ("return [0.5, 0.5], ['cat']", "with 2 scores, a list of 2 class names"),
        ("return [0.5, 0.5], [1, 2]", "with 2 scores, a list of 2 class names"),
    ],
)
def test_what_a_function_returns_is_checked(body: str, words: str, hooks: Hooks) -> None:
    path = hooks(f"def score(images):\n    {body}")
    scorer = load_model(path, DETECT).open()
    with pytest.raises(PixelgenError, match=words) as caught:
        scorer([solid(0)] * 2)
    assert caught.value.exit_code == 1
    assert path in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_of_an_onnx_model_are_refused(hooks: Hooks) -> None:
    path = hooks("def score(images): pass")
    options: list[dict[str, Any]] = [{"bgr": True}, {"score": "yolov8"}, {"letterbox": False}]
    for each in options:
        with pytest.raises(BadValue, match=r"cannot be combined with the function .*; omit them"):
            load_model(path, ModelOptions(**each))


def test_a_file_of_such_a_name_is_a_file(hooks: Hooks, tmp_path: Path) -> None:
    path = hooks("def score(images): pass")
    (tmp_path / path).touch()
    with pytest.raises(BadValue, match="is empty"):
        load_model(path, DETECT)


def test_the_levels_of_a_batch_are_those_of_the_images(hooks: Hooks) -> None:
    path = hooks("def score(images):\n    return images.reshape(len(images), -1).mean(1) / 255")
    image = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    assert load_model(path, DETECT).open()([image])[0].value == pytest.approx(95.5 / 255)


def test_a_function_is_a_model_by_itself(tmp_path: Path) -> None:
    def brightness(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        return np.asarray(images.mean(axis=(1, 2, 3)) / 255)

    job = pixelgen.Job(count=600, size=8, family=["solid", "gradient"])
    run = pixelgen.RunConfig(jobs=2)
    audit = pixelgen.score(job, brightness, run=run)
    assert audit.overall.images == 600
    assert audit == pixelgen.score(job, global_brightness, run=run)
    rules = pixelgen.SelectionRules(keep=10, threshold=0.6)
    for number, function in enumerate((brightness, global_brightness)):
        manifest, choice = pixelgen.mine(job, function, tmp_path / str(number), rules, run=run)
        assert manifest is not None
        assert choice.selected.mined == 5
        assert choice.record.model["function"].endswith("brightness")


def global_brightness(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    return np.asarray(images.mean(axis=(1, 2, 3)) / 255)
