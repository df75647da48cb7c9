"""What a model is fed, seen through a model that returns it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Pillow

from pixelgen.errors import BadValue
from pixelgen.scoring.models import ModelOptions, load_model
from pixelgen.scoring.onnx_model import OnnxModel
from tests.support.onnx_models import (
    FLOAT16,
    REASON,
    UINT8,
    Affine,
    score,
    solid,
    write_flat_model,
    write_model,
)

pytest.importorskip("onnx", reason=REASON)
pytest.importorskip("onnxruntime", reason=REASON)

# Levels that differ in each place and channel.
IMAGE = np.arange(0, 240, 5, dtype=np.uint8).reshape(4, 4, 3)[::-1]


def load(path: str, **options: Any) -> OnnxModel:
    model = load_model(path, ModelOptions(score="probabilities", **options))
    assert isinstance(model, OnnxModel)
    return model


def fed(path: str, image: npt.NDArray[np.uint8], **options: Any) -> npt.NDArray[np.float64]:
    """Return the input that a flat model is fed: each number is the score of a class."""
    model = load(path, **options)
    values = [
        replace(model, positive=number).open()([image])[0].value
        for number in range(model.classes or 0)
    ]
    shape = {"nchw": (-1, *model.input_size[::-1]), "nhwc": (*model.input_size[::-1], -1)}
    flat = (np.array(values) - 0.5) * 16
    return flat.reshape(shape[model.preprocessing.layout])


def test_levels_are_divided_by_255_and_channels_come_first(tmp_path: Path) -> None:
    path = write_flat_model(tmp_path / "m.onnx")
    expected = IMAGE.transpose(2, 0, 1) / 255
    np.testing.assert_allclose(fed(path, IMAGE), expected, atol=1e-5)


def test_channels_last(tmp_path: Path) -> None:
    path = write_flat_model(tmp_path / "m.onnx", ("N", 4, 4, 3))
    assert load(path).preprocessing.layout == "nhwc"
    np.testing.assert_allclose(fed(path, IMAGE), IMAGE / 255, atol=1e-5)


def test_mean_and_deviation_of_each_channel(tmp_path: Path) -> None:
    path = write_flat_model(tmp_path / "m.onnx")
    mean, std = (0.5, 0.25, 0.125), (0.5, 0.25, 1.0)
    expected = ((IMAGE / 255 - mean) / std).transpose(2, 0, 1)
    np.testing.assert_allclose(fed(path, IMAGE, mean=mean, std=std), expected, atol=1e-5)
    assert load(path, mean=mean, std=std).description.endswith(
        "levels × 1/255, mean 0.5,0.25,0.125, std 0.5,0.25,1"
    )


def test_one_mean_and_deviation_for_all(tmp_path: Path) -> None:
    path = write_flat_model(tmp_path / "m.onnx")
    expected = ((IMAGE / 127.5 - 1) / 0.5).transpose(2, 0, 1)
    found = fed(path, IMAGE, scale=1 / 127.5, mean=(1.0,), std=(0.5,))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert "levels × 0.00784314" in load(path, scale=1 / 127.5).description


def test_blue_first_has_mean_and_deviation_in_the_order_of_the_input(tmp_path: Path) -> None:
    path = write_flat_model(tmp_path / "m.onnx")
    mean = (0.5, 0.25, 0.125)
    expected = (IMAGE[..., ::-1] / 255 - mean).transpose(2, 0, 1)
    np.testing.assert_allclose(fed(path, IMAGE, bgr=True, mean=mean), expected, atol=1e-5)
    assert "input 4x4 BGR, " in load(path, bgr=True).description


@pytest.mark.parametrize("shape", [("N", 1, 4, 4), ("N", 4, 4, 1)])
def test_gray(shape: tuple[Any, ...], tmp_path: Path) -> None:
    path = write_flat_model(tmp_path / "m.onnx", shape)
    expected = np.asarray(Pillow.fromarray(IMAGE).convert("L")) / 255
    np.testing.assert_allclose(fed(path, IMAGE).squeeze(), expected, atol=1e-5)
    assert "input 4x4 gray, " in load(path).description
    with pytest.raises(BadValue, match=r"--bgr cannot be used .* its input is gray; omit it"):
        load(path, bgr=True)


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        (("batch", "num_channels", "height", "width"), "nchw"),
        (("batch", "height", "width", "channels"), "nhwc"),
    ],
)
def test_axes_are_known_by_their_names(shape: tuple[Any, ...], layout: str, tmp_path: Path) -> None:
    path = write_flat_model(tmp_path / "m.onnx", shape)
    assert load(path, input_size=(4, 4)).preprocessing.layout == layout


def test_an_option_decides_between_axes(tmp_path: Path) -> None:
    path = write_flat_model(tmp_path / "m.onnx", (None, 3, None, 3))
    assert load(path, input_size=(3, 3)).preprocessing.layout == "nchw"
    assert load(path, input_size=(3, 3), layout_in="nhwc").preprocessing.layout == "nhwc"


def test_an_image_is_resized_with_bilinear_weights(tmp_path: Path) -> None:
    path = write_flat_model(tmp_path / "m.onnx")
    image = (np.arange(162) * 97 % 256).astype(np.uint8).reshape(9, 6, 3)
    resized = Pillow.fromarray(image).resize((4, 4), Pillow.Resampling.BILINEAR)
    expected = np.asarray(resized).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(fed(path, image), expected, atol=1e-5)


def test_a_letterbox_keeps_the_aspect_ratio(tmp_path: Path) -> None:
    path = write_flat_model(tmp_path / "m.onnx", ("N", 3, 4, 7))  # 7 wide
    found = fed(path, solid(255, side=8), letterbox=True)[0]
    # 4 of 7 columns: of a border of 3 the smaller half is on the left.
    row = np.array([114, 255, 255, 255, 255, 114, 114]) / 255
    np.testing.assert_allclose(found, [row] * 4, atol=1e-5)
    assert "input 7x4 RGB letterboxed, " in load(path, letterbox=True).description


def test_a_letterbox_of_a_wide_image_has_its_border_above_and_below(tmp_path: Path) -> None:
    path = write_flat_model(tmp_path / "m.onnx")
    image = np.full((6, 12, 3), 255, np.uint8)
    column = np.array([114, 255, 255, 114]) / 255
    found = fed(path, image, letterbox=True)
    np.testing.assert_allclose(found, np.broadcast_to(column[:, None], (3, 4, 4)), atol=1e-5)


def test_a_letterbox_enlarges_small_images(tmp_path: Path) -> None:
    path = write_flat_model(tmp_path / "m.onnx")
    image = np.full((1, 2, 3), 255, np.uint8)
    column = np.array([114, 255, 255, 114]) / 255
    np.testing.assert_allclose(fed(path, image, letterbox=True)[0, :, 0], column, atol=1e-5)


@pytest.mark.parametrize("letterbox", [True, False])
def test_an_image_of_the_right_size_is_not_touched(letterbox: bool, tmp_path: Path) -> None:
    path = write_flat_model(tmp_path / "m.onnx")
    expected = IMAGE.transpose(2, 0, 1) / 255
    np.testing.assert_allclose(fed(path, IMAGE, letterbox=letterbox), expected, atol=1e-5)


def test_an_image_that_is_long_and_thin_keeps_a_pixel(tmp_path: Path) -> None:
    path = write_flat_model(tmp_path / "m.onnx")
    image = np.full((1, 100, 3), 255, np.uint8)
    column = np.array([114, 255, 114, 114]) / 255
    np.testing.assert_allclose(fed(path, image, letterbox=True)[0, :, 0], column, atol=1e-5)


def test_an_input_of_integers_has_levels_as_they_are(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", {"y": Affine([0], [1 / 255])}, element=UINT8)
    assert score(path, solid(102), score="probabilities")[0].value == pytest.approx(0.4)
    assert load(path).description.endswith("input 8x8 RGB, levels 0 … 255")
    with pytest.raises(BadValue, match=r"--scale and --std cannot be used .* as uint8; omit them"):
        load(path, scale=1.0, std=(1.0,))


def test_half_precision(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", {"y": Affine([0, 1], [1, -1])}, element=FLOAT16)
    model = load(path)
    assert model.preprocessing.type == "float16"
    assert model.open()([solid(204)])[0].value == pytest.approx(0.8, abs=1e-3)


PROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "do_normalize": True,
    "do_rescale": True,
    "image_mean": [0.5, 0.25, 0.125],
    "image_std": [0.5, 0.25, 1],
    "rescale_factor": 1 / 255,
    "size": {"height": 4, "width": 4},
}


def beside(folder: Path, **changes: Any) -> str:
    """Write a flat model of any size, and a configuration of the image processor beside it."""
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR | changes))
    return write_flat_model(folder / "m.onnx", ("batch", "num_channels", "height", "width"))


def test_the_image_processor_says_how_images_are_fed(tmp_path: Path) -> None:
    path = beside(tmp_path)
    expected = ((IMAGE / 255 - (0.5, 0.25, 0.125)) / (0.5, 0.25, 1)).transpose(2, 0, 1)
    np.testing.assert_allclose(fed(path, IMAGE), expected, atol=1e-5)
    expected = ((IMAGE / 255 - 0) / (0.5, 0.25, 1)).transpose(2, 0, 1)
    np.testing.assert_allclose(fed(path, IMAGE, mean=(0.0,)), expected, atol=1e-5)


def test_the_image_processor_may_leave_levels(tmp_path: Path) -> None:
    path = beside(tmp_path, do_normalize=False, do_rescale=False)
    preprocessing = load(path, scale=1 / 255, input_size=(4, 4)).preprocessing
    assert (preprocessing.mean, preprocessing.std) == ((0,), (1,))
    with pytest.raises(BadValue, match="not confidences"):  # as levels are beyond 8
        load(path)


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({"size": {"height": 4, "width": 6}}, (6, 4)),
        ({"size": {"shortest_edge": 5, "longest_edge": 9}}, (5, 5)),
        ({"size": 7}, (7, 7)),
        ({"size": {"shortest_edge": 5}, "crop_size": {"height": 4, "width": 4},
          "do_center_crop": True}, (4, 4)),
    ],
)  # fmt: skip
def test_the_size_of_the_image_processor(
    changes: dict[str, Any], size: tuple[int, int], tmp_path: Path
) -> None:
    assert load(beside(tmp_path, **changes)).input_size == size
    assert load(beside(tmp_path, **changes), input_size=(3, 2)).input_size == (3, 2)


def test_metadata_of_the_size_win_over_the_image_processor(tmp_path: Path) -> None:
    beside(tmp_path)
    path = write_model(
        tmp_path / "m.onnx",
        {"y": Affine([0, 1], [1, -1])},
        shape=("N", 3, "h", "w"),
        metadata={"task": "classify", "imgsz": "[16, 32]", "stride": "8.0"},
    )
    model = load(path)
    assert (model.input_size, model.preprocessing.mean) == ((32, 16), (0,))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_a_fixed_batch_is_filled(count: int, tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", {"y": Affine([0, 1], [1, -1])}, shape=(3, 3, 8, 8))
    model = load(path)
    assert (model.batch, model.is_batch_fixed) == (3, True)
    images = [solid(153 + 20 * index) for index in range(count)]
    values = [each.value for each in model.open()(images)]
    assert values == pytest.approx([0.6 + 20 / 255 * index for index in range(count)])


def test_a_batch_of_any_count_is_of_32_at_most(tmp_path: Path) -> None:
    outputs = {"y": Affine([0, 1], [1, -1])}
    path = write_model(tmp_path / "m.onnx", outputs)
    model = load(path)
    assert (model.batch, model.is_batch_fixed) == (32, False)
    images = [solid(140 + index) for index in range(70)]
    expected = [level / 255 for level in range(140, 210)]
    assert [each.value for each in model.open()(images)] == pytest.approx(expected)
    assert model.open()([]) == []
    path = write_model(tmp_path / "m.onnx", outputs, shape=("N", 3, 640, 640))
    assert load(path).batch == 3  # as many pixels as 32 of 224x224


def test_images_of_several_sizes_are_scored_in_order(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", {"y": Affine([0, 1], [1, -1])})
    images = [solid(204, side=5), solid(153, side=8), solid(255, side=20)]
    assert [each.value for each in score(path, *images)] == pytest.approx([0.8, 0.6, 1])


def test_the_value_records_the_file_the_runtime_and_how_images_are_fed(tmp_path: Path) -> None:
    import hashlib
    import pickle

    import onnxruntime

    path = write_model(tmp_path / "m.onnx", {"y": Affine([0, 1], [1, -1])})
    model = load(path)
    assert model.sha256 == hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert (model.runtime, model.provider) == (onnxruntime.__version__, "CPUExecutionProvider")
    copy = pickle.loads(pickle.dumps(model))  # noqa: S301 – as it is sent to a worker
    assert copy == model
    assert hash(copy) == hash(model)
    assert copy.open()([solid(204)]) == model.open()([solid(204)])
