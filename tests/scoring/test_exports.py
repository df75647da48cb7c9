"""Models as the tools of others export them: their inputs, and outputs that only shapes explain.

The graphs are tiny; names, types and shapes are those of real exports.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelgen.errors import BadValue
from pixelgen.scoring.models import ModelOptions, load_model
from pixelgen.scoring.onnx_graph import has_operator
from pixelgen.scoring.onnx_model import OnnxModel
from tests.support.onnx_models import (
    FLOAT,
    INT64,
    REASON,
    Affine,
    near,
    save_graph,
    score,
    solid,
    write_model,
)

onnx = pytest.importorskip("onnx", reason=REASON)
pytest.importorskip("onnxruntime", reason=REASON)

NAMES = "{0: 'cat', 1: 'dog'}"


def load(path: str, **options: Any) -> OnnxModel:
    model = load_model(path, ModelOptions(**options))
    assert isinstance(model, OnnxModel)
    return model


def write_sized(path: Path, images: int | str = "N", element: int = INT64) -> str:
    """Write a model as RT-DETR and D-FINE export it: a box of class and score width, and height."""
    from onnx import helper, numpy_helper

    info = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Identity", ["orig_target_sizes"], ["labels"]),
        helper.make_node("Cast", ["orig_target_sizes"], ["sides"], to=FLOAT),
        helper.make_node("Div", ["sides", "hundred"], ["scores"]),
        helper.make_node("ReduceMean", ["images"], ["boxes"], axes=[1], keepdims=0),
    ]
    inputs = [
        info("orig_target_sizes", element, [images, 2]),
        info("images", FLOAT, [images, 3, 8, 16]),
    ]
    outputs = [
        info("labels", element, None), info("boxes", FLOAT, None), info("scores", FLOAT, None)
    ]  # fmt: skip
    hundred = numpy_helper.from_array(np.array(100, np.float32), "hundred")
    return save_graph(path, nodes, inputs, outputs, [hundred])


@pytest.mark.parametrize("images", ["N", 1, 3])
def test_the_sizes_of_images_are_given_to_a_model_that_takes_them(
    images: int | str, tmp_path: Path
) -> None:
    model = load(write_sized(tmp_path / "m.onnx", images))
    assert model.description == (
        "detector with scores (by the names of its outputs), input 16x8 RGB, levels × 1/255"
    )
    assert model.open()([solid(0)] * 4) == [near(0.16, "16")] * 4


def test_sizes_of_another_type_are_refused(tmp_path: Path) -> None:
    path = write_sized(tmp_path / "m.onnx", element=FLOAT)
    with pytest.raises(BadValue, match=r"has 2 inputs .* may have orig_target_sizes of int64; exp"):
        load(path)


def write_boxes(path: Path, shape: list[Any], labels: int = INT64) -> str:
    """Write a model of one image with a box for each channel that is bright.

    Outputs have the names that the exporter makes up, in the order of an SSD of torchvision.
    """
    from onnx import helper, numpy_helper

    array, info = numpy_helper.from_array, helper.make_tensor_value_info
    constants = [
        array(np.array(0.1, np.float32), "least"),
        array(np.array([3, 1, 2], np.int64 if labels == INT64 else np.float32), "numbers"),
        array(np.zeros((3, 4), np.float32), "places"),
    ]
    axes = [1, 2] if shape[0] == 3 else [0, 1]
    nodes = [
        helper.make_node("ReduceMean", ["image.1"], ["mean"], axes=axes, keepdims=0),
        helper.make_node("Greater", ["mean", "least"], ["bright"]),
        helper.make_node("Compress", ["places", "bright"], ["4208"], axis=0),
        helper.make_node("Compress", ["mean", "bright"], ["4177"], axis=0),
        helper.make_node("Compress", ["numbers", "bright"], ["4178"], axis=0),
    ]
    outputs = [info("4208", 1, [None, 4]), info("4177", 1, [None]), info("4178", labels, [None])]
    return save_graph(path, nodes, [info("image.1", FLOAT, shape)], outputs, constants)


@pytest.mark.parametrize("shape", [[3, 8, 8], [8, 8, 3]], ids=["chw", "hwc"])
def test_an_input_without_a_batch_is_of_one_image(shape: list[int], tmp_path: Path) -> None:
    model = load(write_boxes(tmp_path / "m.onnx", shape))
    assert model.description == (
        "detector with scores (by the shapes of its outputs), input 8x8 RGB, levels × 1/255"
    )
    assert (model.batch, model.is_batch_fixed) == (1, True)
    values = model.open()([solid(204), solid(51, 255), solid(0)])
    assert [each.predicted for each in values] == ["3", "1", ""]
    assert [each.value for each in values] == pytest.approx([0.8, 1, 0])


def test_the_order_of_axes_can_be_given_without_a_batch(tmp_path: Path) -> None:
    path = write_boxes(tmp_path / "m.onnx", [3, 8, 3])
    assert load(path, layout_in="nchw").input_size == (3, 8)


def test_labels_that_are_no_integers_are_not_found_by_shapes(tmp_path: Path) -> None:
    path = write_boxes(tmp_path / "m.onnx", [3, 8, 8], labels=FLOAT)
    with pytest.raises(BadValue, match=r"what the model .* returns is unknown \(4208 \[3, 4\]"):
        load(path)


def test_an_output_of_integers_is_not_taken_for_scores(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", {"y": Affine([2, 0], [1, -1])})
    model = onnx.load(path)
    model.graph.node.append(onnx.helper.make_node("Cast", ["y"], ["rounded"], to=INT64))
    model.graph.output.append(onnx.helper.make_tensor_value_info("rounded", INT64, None))
    onnx.save(model, path)
    assert load(path).verdict.outputs == ("y",)


LOGITS = Affine([[0, 0, 1], [0, 0, 3]], [[0, 0, 0], [5, 0, 0]])  # two queries
DETR = {"logits": LOGITS, "pred_boxes": Affine(np.full((2, 4), 0.5))}


def add_grid_sample(path: str) -> None:
    """Give a model deformable attention, as far as its operator goes."""
    model = onnx.load(path)
    grid = onnx.numpy_helper.from_array(np.zeros((1, 2, 2, 2), np.float32), "grid")
    model.graph.initializer.append(grid)
    model.graph.node.append(onnx.helper.make_node("GridSample", ["x", "grid"], ["sampled"]))
    onnx.save(model, path)


def test_deformable_attention_has_independent_classes(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", DETR)
    add_grid_sample(path)
    assert load(path).description.startswith(
        "DETR detector with sigmoid of 3 classes (by its operator GridSample), input"
    )
    assert score(path, solid(255))[0].value == pytest.approx(1 / (1 + math.exp(-5)))


def test_a_detr_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", DETR)
    with pytest.raises(BadValue, match=r"give --score detr .* or --score detr-sigmoid .* or copy"):
        load(path)
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "a"}}))  # of 1, not 2 or 3
    with pytest.raises(BadValue, match="its last column is of no object is unknown"):
        load(path)
    assert load(path, score="detr").verdict.kind == "detr"
    assert load(path, score="detr-sigmoid").verdict.kind == "detr-sigmoid"


@pytest.mark.parametrize(
    ("config", "processor", "kind"),
    [
        (2, "", "detr"),
        (3, "", "detr-sigmoid"),
        (0, "DetrImageProcessor", "detr"),
        (0, "YolosImageProcessor", "detr"),
        (0, "RTDetrImageProcessor", "detr-sigmoid"),
        (3, "DetrImageProcessor", "detr-sigmoid"),
    ],
)
def test_files_beside_a_detr_say_what_it_is(
    config: int, processor: str, kind: str, tmp_path: Path
) -> None:
    path = write_model(tmp_path / "m.onnx", DETR)
    names = {"id2label": {str(number): f"class {number}" for number in range(config)}}
    (tmp_path / "config.json").write_text(json.dumps(names))
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": processor})
    )
    assert load(path).verdict.kind == kind


def test_an_rf_detr_is_fed_as_it_was_trained(tmp_path: Path) -> None:
    outputs = {"dets": DETR["pred_boxes"], "labels": LOGITS}
    path = write_model(tmp_path / "m.onnx", outputs)
    assert load(path).description == (
        "DETR detector with sigmoid of 3 classes (by the names of its outputs), input 8x8 RGB,"
        " levels × 1/255, mean 0.485,0.456,0.406, std 0.229,0.224,0.225"
    )
    assert load(path, mean=(0.0,), std=(1.0,)).description.endswith(", levels × 1/255")


def test_operators_are_found_in_the_graph_and_in_functions(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", DETR)
    assert [has_operator(path, each) for each in ("MatMul", "GridSample", "Mat")] == [
        True, False, False
    ]  # fmt: skip
    node = onnx.helper.make_node("GridSample", ["a", "b"], ["c"])
    opsets = [onnx.helper.make_opsetid("", 17)]
    model = onnx.load(path)
    model.functions.append(
        onnx.helper.make_function("mine", "sample", ["a", "b"], ["c"], [node], opsets)
    )
    onnx.save(model, path)
    assert has_operator(path, "GridSample")


@pytest.mark.parametrize(
    "content", [b"ORTM" * 9, b"\xff" * 40, b"\x3a\x7f", b"\x3a", b"\x09\x01", b"\x0d\0\0\0\0"]
)
def test_another_file_has_no_operators(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.ort").write_bytes(content)
    assert not has_operator(str(tmp_path / "m.ort"), "GridSample")


def queries(columns: int, places: Mapping[tuple[int, int], float]) -> Affine:
    """Return an output of 20 queries, with boxes of 0 … 1 and the red in some places."""
    bias, red = np.zeros((20, columns)), np.zeros((20, columns))
    bias[:, :4] = 0.5
    for place, factor in places.items():
        red[place] = factor
    return Affine(bias, red)


def test_an_rtdetr_of_ultralytics_has_a_column_for_each_class(tmp_path: Path) -> None:
    output = queries(6, {(3, 4): 0.5, (7, 5): 1})
    metadata = {"task": "detect", "names": NAMES, "imgsz": "[8, 8]", "end2end": "False"}
    path = write_model(tmp_path / "m.onnx", {"output0": output}, metadata=metadata)
    assert load(path).description == (
        "RT-DETR detector of 2 classes (from its metadata), input 8x8 RGB, levels × 1/255"
    )
    assert score(path, solid(204)) == [near(0.8, "dog")]
    assert score(path, solid(204), positive="cat") == [near(0.4, "cat")]


@pytest.mark.parametrize(("places", "letterbox"), [(0.5, False), (30, True), (0, True)])
def test_an_rtdetr_of_ultralytics_has_no_letterbox(
    places: float, letterbox: bool, tmp_path: Path
) -> None:
    output = queries(6, {(3, 4): 1})
    output.bias[:, :4] = places
    output.bias[3, 5] = 1
    metadata = {"task": "detect", "names": NAMES}
    model = load(write_model(tmp_path / "m.onnx", {"output0": output}, metadata=metadata))
    assert (model.verdict.kind, model.preprocessing.letterbox) == ("end2end", letterbox)
    assert model.open()([solid(204)]) == [near(0.8, "dog")]


@pytest.mark.parametrize(("task", "extra"), [("segment", 32), ("pose", 51), ("obb", 1)])
def test_an_export_with_nms_has_selected_boxes(task: str, extra: int, tmp_path: Path) -> None:
    output = queries(6 + extra, {(3, 4): 1})
    output.bias[:, :4] = 30
    output.bias[:, 6:] = 7
    output.bias[3, 5] = 1
    metadata = {
        "task": task, "names": NAMES, "end2end": "False", "args": "{'batch': 1, 'nms': True}"
    }  # fmt: skip
    path = write_model(tmp_path / "m.onnx", {"output0": output}, metadata=metadata)
    assert load(path).verdict.kind == "end2end"
    assert score(path, solid(204)) == [near(0.8, "dog")]
    metadata["args"] = "{'batch': 1, 'nms': None}"
    path = write_model(tmp_path / "m.onnx", {"output0": output}, metadata=metadata)
    with pytest.raises(BadValue, match="as yolov8, has values that are not confidences"):
        load(path)
