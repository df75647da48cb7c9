"""Each kind of model is detected as stated, and its scores are those computed by hand."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelgen.errors import BadValue
from pixelgen.scoring.models import ModelOptions, load_model
from pixelgen.scoring.onnx_model import OnnxModel
from tests.support.onnx_models import REASON, Affine, near, save_graph, score, solid, write_model

onnx = pytest.importorskip("onnx", reason=REASON)
pytest.importorskip("onnxruntime", reason=REASON)

RED, GREEN, DIM = solid(204), solid(0, 102), solid(51, 51)  # means 0.8; 0.4; 0.2 and 0.2
NAMES = "{0: 'cat', 1: 'dog'}"


def load(path: str, **options: Any) -> OnnxModel:
    model = load_model(path, ModelOptions(**options))
    assert isinstance(model, OnnxModel)
    return model


def rows(shape: tuple[int, ...], **places: tuple[tuple[int, ...], float]) -> Affine:
    """Return an output of pixel coordinates: red and green in places, each times a factor."""
    bias = np.zeros(shape)
    red, green = np.zeros(shape), np.zeros(shape)
    for name, target in (("red", red), ("green", green)):
        if name in places:
            place, factor = places[name]
            target[place] = factor
    return Affine(bias, red, green)


def yolov8(classes: int, extra: int = 0, anchors: int = 20) -> Affine:
    """The first class is the red of one anchor, the second half of the green of another."""
    output = rows((4 + classes + extra, anchors), red=((4, 7), 1), green=((5, 11), 0.5))
    output.bias[:4] = 30
    output.bias[4 + classes :] = 99  # of masks, key points or angles
    return output


@pytest.mark.parametrize("task", ["detect", "segment", "pose", "obb"])
def test_a_yolov8_of_any_task_is_known_by_its_metadata(task: str, tmp_path: Path) -> None:
    extra = {"detect": 0, "segment": 3, "pose": 6, "obb": 1}[task]
    outputs = {"output0": yolov8(2, extra)}
    if task == "segment":
        outputs["output1"] = Affine(np.zeros((3, 2, 2)))
    metadata = {"task": task, "names": NAMES, "imgsz": "[8, 8]", "stride": "8"}
    path = write_model(tmp_path / "best.onnx", outputs, metadata=metadata)
    model = load(path)
    assert model.description == (
        "YOLOv8 detector of 2 classes (from its metadata), input 8x8 RGB letterboxed,"
        " levels × 1/255"
    )
    assert (model.input_size, model.default_threshold) == ((8, 8), 0.25)
    values = model.open()([RED, GREEN, DIM])
    assert [each.predicted for each in values] == ["cat", "dog", "cat"]
    assert [each.value for each in values] == pytest.approx([0.8, 0.2, 0.2])


def test_a_yolov8_without_metadata_is_known_by_its_shape(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", {"y": yolov8(2)})
    model = load(path)
    assert model.description.startswith("YOLOv8 detector of 2 classes (by the shape of its output)")
    assert [each.predicted for each in model.open()([RED, GREEN])] == ["0", "1"]


def test_a_yolov5_multiplies_by_the_confidence_of_an_object(tmp_path: Path) -> None:
    output = rows((20, 7), red=((3, 4), 1), green=((9, 4), 1))
    output.bias[:, :4] = 30
    output.bias[3, 5:] = 0.5, 0.25
    output.bias[9, 5:] = 0.1, 0.75
    path = write_model(tmp_path / "m.onnx", {"y": output}, metadata={"names": "['a', 'b']"})
    model = load(path)
    assert model.description.startswith("YOLOv5 detector of 2 classes (by the shape of its output)")
    assert model.preprocessing.letterbox
    values = model.open()([RED, GREEN])
    assert [each.predicted for each in values] == ["a", "b"]
    assert [each.value for each in values] == pytest.approx([0.8 * 0.5, 0.4 * 0.75])


def test_a_yolov5_of_one_class_is_not_taken_for_end_to_end(tmp_path: Path) -> None:
    output = rows((20, 6), red=((3, 4), 1))
    output.bias[:, :4] = 30
    output.bias[:, 5] = 0.5
    path = write_model(tmp_path / "m.onnx", {"y": output})
    assert load(path).verdict.kind == "yolov5"


@pytest.mark.parametrize("metadata", [{}, {"task": "detect", "names": NAMES}])
def test_an_end_to_end_detector_has_a_label_for_each_box(
    metadata: dict[str, str], tmp_path: Path
) -> None:
    output = rows((300, 6), red=((0, 4), 1), green=((5, 4), 1))
    output.bias[:, :4] = 30
    output.bias[5, 5] = 1
    model = load(write_model(tmp_path / "m.onnx", {"y": output}, metadata=metadata))
    assert (model.verdict.kind, model.preprocessing.letterbox) == ("end2end", True)
    values = model.open()([RED, GREEN, solid(0)])
    assert [each.value for each in values] == pytest.approx([0.8, 0.4, 0])
    names = ["cat", "dog", ""] if metadata else ["0", "1", ""]
    assert [each.predicted for each in values] == names


def test_an_end_to_end_model_of_masks_is_known_by_its_metadata(tmp_path: Path) -> None:
    output = rows((300, 9), red=((0, 4), 1))
    output.bias[:, 6:] = 7
    metadata = {"task": "segment", "names": NAMES, "end2end": "True"}
    path = write_model(tmp_path / "m.onnx", {"y": output}, metadata=metadata)
    assert load(path).verdict.kind == "end2end"
    assert score(path, RED)[0].value == pytest.approx(0.8)


DETR = Affine([[0, 0, 1], [0, 0, 3]], [[0, 0, 0], [5, 0, 0]])  # two queries, two classes
BOXES = Affine(np.full((2, 4), 0.5))


@pytest.mark.parametrize("names", [("logits", "pred_boxes"), ("pred_logits", "pred_boxes")])
def test_a_detr_leaves_the_class_of_no_object(names: tuple[str, str], tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", dict(zip(names, (DETR, BOXES), strict=True)))
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "cat", "1": "dog"}}))
    model = load(path)
    assert model.description.startswith("DETR detector of 2 classes (by the number of its classes)")
    assert model.default_threshold == 0.25
    red, black = model.open()([RED, solid(0)])
    assert red.value == pytest.approx(math.e**4 / (math.e**4 + 1 + math.e**3))
    assert black.value == pytest.approx(1 / (2 + math.e))


@pytest.mark.parametrize("processor", ["RTDetrImageProcessor", "DeformableDetrImageProcessor"])
def test_independent_classes_are_known_by_the_image_processor(
    processor: str, tmp_path: Path
) -> None:
    path = write_model(tmp_path / "m.onnx", {"logits": DETR, "pred_boxes": BOXES})
    config = {"image_processor_type": processor, "do_normalize": False, "image_mean": [1, 1, 1]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    model = load(path)
    assert (model.verdict.kind, model.classes) == ("detr-sigmoid", 3)
    assert model.preprocessing.mean == (0.0,)
    assert model.open()([solid(255)])[0].value == pytest.approx(1 / (1 + math.exp(-5)))


def test_independent_classes_are_known_by_their_number(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", {"logits": DETR, "pred_boxes": BOXES})
    names = {"id2label": {"0": "cat", "1": "dog", "2": "cow"}}
    (tmp_path / "config.json").write_text(json.dumps(names))
    assert load(path).verdict.kind == "detr-sigmoid"
    assert score(path, solid(255), solid(0)) == [
        near(1 / (1 + math.exp(-5)), "cat"),
        near(1 / (1 + math.exp(-3)), "cow"),
    ]


def test_an_rf_detr_is_known_by_its_outputs(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", {"dets": BOXES, "labels": DETR})
    model = load(path)
    assert model.verdict.kind == "detr-sigmoid"
    assert model.verdict.outputs == ("labels",)


def test_scores_and_labels_of_boxes(tmp_path: Path) -> None:
    outputs = {
        "boxes": Affine(np.zeros((3, 4))),
        "labels": Affine([4.0, 2.0, 4.0]),
        "scores": Affine([0, 0, 0.1], [1, 0, 0], [0, 1, 0]),
    }
    model = load(write_model(tmp_path / "m.onnx", outputs))
    assert model.description.startswith("detector with scores (by the names of its outputs)")
    assert model.open()([RED, GREEN, solid(0)]) == [
        near(0.8, "4"),
        near(0.4, "2"),
        near(0.1, "4"),
    ]


def test_a_classifier_of_logits(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", {"y": Affine([0, -1, 0], [0, 3, 0])})
    model = load(path)
    assert model.description == (
        "classifier with softmax of 3 classes (by the shape of its output), input 8x8 RGB,"
        " levels × 1/255"
    )
    assert model.default_threshold == 0.5
    (value,) = model.open()([solid(255)])
    assert value == near(math.e**2 / (math.e**2 + 2), "1")


def test_an_output_named_logits_is_of_logits_whatever_its_values(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", {"logits": Affine([0, 0], [1, 0], [0, 1])})
    assert load(path).verdict.kind == "softmax"
    assert score(path, solid(255))[0].value == pytest.approx(math.e / (math.e + 1))


@pytest.mark.parametrize("metadata", [{}, {"task": "classify", "names": NAMES}])
def test_rows_that_add_up_to_1_are_probabilities(metadata: dict[str, str], tmp_path: Path) -> None:
    output = Affine([0, 1], [1, -1])
    model = load(write_model(tmp_path / "m.onnx", {"y": output}, metadata=metadata))
    assert (model.verdict.kind, model.preprocessing.letterbox) == ("probabilities", False)
    values = model.open()([RED, DIM])
    assert [each.value for each in values] == pytest.approx([0.8, 0.8])
    names = ["cat", "dog"] if metadata else ["0", "1"]
    assert [each.predicted for each in values] == names


def test_one_logit_is_that_of_a_sigmoid(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", {"y": Affine([-2], [5])})
    assert load(path).verdict.kind == "sigmoid"
    assert score(path, RED)[0].value == pytest.approx(1 / (1 + math.exp(-2)))


@pytest.mark.parametrize("output", [Affine([0.1], [0.5]), Affine([0.1, 0.2], [0.5, 0])])
def test_what_may_be_probabilities_or_logits_is_refused(output: Affine, tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", {"y": output})
    with pytest.raises(BadValue, match=r"is unknown \(y \[4, \d\]\); choose one of yolov8, .*--sc"):
        load(path)
    assert score(path, RED, score="probabilities")[0].value == pytest.approx(0.5)
    assert score(path, RED, score="sigmoid")[0].value == pytest.approx(1 / (1 + math.exp(-0.5)))


def test_a_heat_map_has_its_maximum(tmp_path: Path) -> None:
    output = rows((2, 5, 5), red=((0, 1, 1), 0.5), green=((1, 4, 3), 1))
    model = load(write_model(tmp_path / "m.onnx", {"y": output}))
    assert model.description.startswith("heat map of 2 classes")
    assert model.default_threshold == 0.5
    assert model.open()([RED, GREEN]) == [near(0.4, "0"), near(0.4, "1")]


@pytest.mark.parametrize(
    "shape",
    [(20, 20), (4, 20), (20, 5), (3, 2, 2, 2)],
    ids=["square", "boxes", "short", "five axes"],
)
def test_a_shape_of_no_kind_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", {"y": Affine(np.full(shape, 30.0))})
    with pytest.raises(
        BadValue, match=r"choose one of yolov8, yolov5, rtdetr, end2end, .* --score"
    ):
        load(path)


def test_scores_beside_boxes_are_not_taken_for_a_yolo(tmp_path: Path) -> None:
    outputs = {"a": Affine(np.full((20, 4), 0.5)), "b": Affine(np.full((20, 7), 0.1))}
    with pytest.raises(BadValue, match=r"is unknown \(a \[4, 20, 4\], b \[4, 20, 7\]\)"):
        load(write_model(tmp_path / "m.onnx", outputs))


def test_several_outputs_that_may_be_it_are_refused_until_one_is_chosen(tmp_path: Path) -> None:
    outputs = {"a": Affine([-1, 2], [1, 0]), "b": Affine([-1, 2], [0, 3])}
    path = write_model(tmp_path / "m.onnx", outputs)
    with pytest.raises(BadValue, match="an output with --output if there are several"):
        load(path)
    assert load(path, output="b").verdict.outputs == ("b",)
    with pytest.raises(BadValue, match="has no output 'c'; choose one of a, b with --output"):
        load(path, output="c")


def test_the_option_wins_over_what_is_detected(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", {"y": Affine([0, 1], [1, -1])})
    assert load(path, score="softmax").description.startswith(
        "classifier with softmax of 2 classes (as given by --score)"
    )
    with pytest.raises(BadValue, match=r"is \[4, 2\]: yolov8 must be \[N, 4 \+ classes, anchors\]"):
        load(path, score="yolov8")
    with pytest.raises(BadValue, match="unknown score kind 'yolo'; choose one of yolov8"):
        load(path, score="yolo")


def test_only_the_positive_class_counts(tmp_path: Path) -> None:
    metadata = {"task": "detect", "names": NAMES}
    path = write_model(tmp_path / "m.onnx", {"output0": yolov8(2)}, metadata=metadata)
    for positive in ("dog", "1"):
        assert score(path, RED, GREEN, positive=positive) == [
            (0, ""), near(0.2, "dog")
        ]  # fmt: skip
    assert "of 2 classes, 'dog' alone (" in load(path, positive="dog").description
    with pytest.raises(
        BadValue, match=r"has no class 'dgo': did you mean 'dog'. choose .* cat, dog"
    ):
        load(path, positive="dgo")
    with pytest.raises(BadValue, match="has no class '2'; choose one of cat, dog with --positive"):
        load(path, positive="2")


def test_a_positive_class_that_no_box_has_scores_0(tmp_path: Path) -> None:
    outputs = {"boxes": Affine(np.zeros((1, 4))), "labels": Affine([1.0]), "scores": Affine([0.5])}
    path = write_model(tmp_path / "m.onnx", outputs)
    assert score(path, RED, positive="7") == [(0, "")]
    assert score(path, RED, positive="1") == [(0.5, "1")]


def test_a_number_is_asked_for_where_names_are_unknown(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", {"y": Affine([0, -1, 0], [0, 3, 0])})
    with pytest.raises(BadValue, match="no class 'cat'; choose one of the numbers 0 … 2 with"):
        load(path, positive="cat")


def write_boxes(path: Path, images: int | str) -> str:
    """Write a model with a box for each channel that is bright, as torchvision exports it."""
    from onnx import helper, numpy_helper

    array, info = numpy_helper.from_array, helper.make_tensor_value_info
    constants = [
        array(np.array([-1]), "all"),
        array(np.array(0.1, np.float32), "least"),
        array(np.array([3, 1, 2]), "numbers"),
        array(np.zeros((3, 4), np.float32), "places"),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Reshape", ["mean", "all"], ["flat"]),
        helper.make_node("Greater", ["flat", "least"], ["bright"]),
        helper.make_node("Compress", ["flat", "bright"], ["scores"], axis=0),
        helper.make_node("Compress", ["numbers", "bright"], ["labels"], axis=0),
        helper.make_node("Compress", ["places", "bright"], ["boxes"], axis=0),
    ]
    outputs = [info("boxes", 1, [None, 4]), info("labels", 7, [None]), info("scores", 1, [None])]
    return save_graph(path, nodes, [info("x", 1, [images, 3, 8, 8])], outputs, constants)


@pytest.mark.parametrize("images", ["N", 1])
def test_boxes_of_one_image_may_be_any_number(images: int | str, tmp_path: Path) -> None:
    model = load(write_boxes(tmp_path / "m.onnx", images))
    assert (model.verdict.kind, model.verdict.outputs) == ("scores", ("scores", "labels"))
    assert (model.batch, model.is_batch_fixed) == (1, True)
    assert model.open()([RED, solid(51, 255), solid(0), GREEN]) == [
        near(0.8, "3"), near(1, "1"), (0, ""), near(0.4, "1")
    ]  # fmt: skip


def test_boxes_of_one_image_need_an_input_of_one(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", {"y": Affine([0.5, 0.5])}, shape=(2, 3, 8, 8))
    model = onnx.load(path)
    model.graph.output[0].name = "scores"
    model.graph.output.append(onnx.helper.make_tensor_value_info("labels", 1, None))
    model.graph.node[-1].output[0] = "inner"
    flat = onnx.numpy_helper.from_array(np.array([-1]), "flat")
    model.graph.initializer.append(flat)
    for name in ("scores", "labels"):
        model.graph.node.append(onnx.helper.make_node("Reshape", ["inner", "flat"], [name]))
    onnx.save(model, path)
    with pytest.raises(
        BadValue, match=r"is of one image, but its input is of 2; export it for one"
    ):
        load(path)


def test_an_option_decides_about_the_letterbox(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx", {"y": yolov8(2)})
    assert "RGB letterboxed" in load(path).description
    assert "letterboxed" not in load(path, letterbox=False).description


def test_names_that_are_more_than_the_classes_are_refused(tmp_path: Path) -> None:
    metadata = {"task": "detect", "names": "['a', 'b', 'c']"}
    path = write_model(tmp_path / "m.onnx", {"y": yolov8(2)}, metadata=metadata)
    with pytest.raises(BadValue, match="names of 3 classes in its metadata, but its output has 2"):
        load(path)
