"""Models that cannot be used are refused in one line, which says what to do."""

import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelgen.errors import BadValue, PixelgenError
from pixelgen.scoring.models import ModelOptions, load_model
from pixelgen.scoring.score_kinds import KINDS, are_confidences
from tests.support.command import ROOT
from tests.support.onnx_models import (
    FLOAT,
    INT64,
    REASON,
    Affine,
    save_graph,
    score,
    solid,
    write_model,
)

onnx = pytest.importorskip("onnx", reason=REASON)
pytest.importorskip("onnxruntime", reason=REASON)

CLASSIFIER = {"y": Affine([0, 1], [1, -1])}


def refusal(path: str | Path, **options: Any) -> str:
    """Return the message, which is one line of moderate length."""
    with pytest.raises(BadValue) as caught:
        load_model(str(path), ModelOptions(**options))
    message = str(caught.value)
    assert "\n" not in message
    assert Path(path).name in message
    assert len(message.replace(str(path), "")) < 500
    return message


def identity(path: Path, shape: list[Any], element: int = FLOAT, inputs: int = 1) -> str:
    """Write a model that returns its first input."""
    helper = onnx.helper
    infos = [helper.make_tensor_value_info(f"x{i}", element, shape) for i in range(inputs)]
    sums = [helper.make_node("Identity", ["x0"], ["y"])]
    return save_graph(path, sums, infos, [helper.make_tensor_value_info("y", element, None)])


def test_a_missing_file(tmp_path: Path) -> None:
    assert "no such file; it must be an ONNX file, or package.module:f" in refusal(
        tmp_path / "best.onnx"
    )


def test_a_folder(tmp_path: Path) -> None:
    assert "is a folder or device; it must be an ONNX file" in refusal(tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "best.onnx").touch()
    assert "is empty (0 bytes); copy or export it again" in refusal(tmp_path / "best.onnx")


def write_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps([1]))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("best.pt", lambda path: path.write_bytes(b"anything")),
        ("best.pth", write_zip),
        ("best.onnx", write_zip),
        ("best.model", lambda path: path.write_bytes(pickle.dumps([1]))),
    ],
)
def test_a_file_of_pytorch_is_not_loaded(
    name: str, write: Callable[[Path], None], tmp_path: Path
) -> None:
    write(tmp_path / name)
    message = refusal(tmp_path / name)
    assert "loading one runs code that it holds; export it to ONNX" in message
    assert message.endswith(f", as with: yolo export model={name} format=onnx")


@pytest.mark.parametrize("content", [b"hello world", b"\x00" * 100, b"{}", b"\n"])
def test_another_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "best.onnx"
    path.write_bytes(content)
    assert "not an ONNX file, or cut short; copy or export it again" in refusal(path)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.99])
def test_a_file_that_is_cut_short(kept: float, tmp_path: Path) -> None:
    path = Path(write_model(tmp_path / "best.onnx", CLASSIFIER))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    assert "not an ONNX file, or cut short" in refusal(path)


def test_external_data_that_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "best.onnx"
    write_model(path, CLASSIFIER)
    model = onnx.load(path)
    onnx.save_model(
        model, path, save_as_external_data=True, location="weights.bin", size_threshold=52
    )
    assert load_model(str(path), ModelOptions())
    (tmp_path / "weights.bin").unlink()
    assert (
        "its external data is missing; copy the file that holds its weights beside it (weights.bin)"
    ) in refusal(path)


def test_operators_of_others(tmp_path: Path) -> None:
    info = onnx.helper.make_tensor_value_info
    x, y = info("x", FLOAT, ["N", 3, 8, 8]), info("y", FLOAT, None)
    node = onnx.helper.make_node("Foo", ["x"], ["y"], domain="my.ops")
    path = save_graph(tmp_path / "best.onnx", [node], [x], [y])
    assert (
        "an operator that onnxruntime does not know; export it with standard operators (my.ops:Foo)"
    ) in refusal(path)
    node = onnx.helper.make_node("Foo", ["x"], ["y"])
    path = save_graph(tmp_path / "best.onnx", [node], [x], [y])
    assert "export it with standard operators (Foo)" in refusal(path)


@pytest.mark.parametrize("newer", ["opset", "ir"])
def test_a_version_that_is_too_new(newer: str, tmp_path: Path) -> None:
    path = write_model(tmp_path / "best.onnx", CLASSIFIER)
    model = onnx.load(path)
    if newer == "opset":
        model.opset_import[0].version = 999
    else:
        model.ir_version = 999
    onnx.save(model, path)
    assert "of a newer version of ONNX than onnxruntime supports; upgrade onnxruntime" in refusal(
        path
    )


def test_a_graph_that_is_invalid(tmp_path: Path) -> None:
    path = write_model(tmp_path / "best.onnx", CLASSIFIER)
    model = onnx.load(path)
    del model.graph.node[-1]
    onnx.save(model, path)
    assert "onnxruntime refuses it: " in refusal(path)


@pytest.mark.parametrize("shape", [[8, 8], ["N", 3], [1, 3, 1, 8, 8]])
def test_an_input_of_another_rank(shape: list[Any], tmp_path: Path) -> None:
    path = identity(tmp_path / "best.onnx", shape)
    assert (
        f"has {len(shape)} axes: must have 4, of batch, channels, height and width, or 3 without"
        " the batch; export it so"
    ) in refusal(path)


def test_several_inputs(tmp_path: Path) -> None:
    path = identity(tmp_path / "best.onnx", ["N", 3, 8, 8], inputs=2)
    assert (
        "has 2 inputs (x0, x1): must have one, of images, and may have orig_target_sizes of int64;"
        " export it so, or use a Python function"
    ) in refusal(path)


@pytest.mark.parametrize("element", [INT64, 11, 16], ids=["int64", "double", "bfloat16"])
def test_an_input_of_another_type(element: int, tmp_path: Path) -> None:
    path = identity(tmp_path / "best.onnx", ["N", 3, 8, 8], element)
    assert "must be a tensor of float, float16 or uint8; export it so" in refusal(path)


def test_an_input_of_a_sequence(tmp_path: Path) -> None:
    helper = onnx.helper
    x = helper.make_tensor_sequence_value_info("x", FLOAT, None)
    y = helper.make_tensor_value_info("y", INT64, [])
    node = helper.make_node("SequenceLength", ["x"], ["y"])
    path = save_graph(tmp_path / "best.onnx", [node], [x], [y])
    assert "is seq(tensor(float)): must be a tensor of float, float16 or uint8" in refusal(path)


def test_any_width_and_height_without_a_size(tmp_path: Path) -> None:
    path = write_model(tmp_path / "best.onnx", CLASSIFIER, shape=("N", 3, "h", None))
    assert "is [N, 3, h, ?], of any width and height; give --input-size WxH" in refusal(path)
    assert load_model(path, ModelOptions(input_size=(8, 12))).input_size == (8, 12)


def test_a_size_that_does_not_fit(tmp_path: Path) -> None:
    path = write_model(tmp_path / "best.onnx", CLASSIFIER)
    message = refusal(path, input_size=(16, 8))
    assert "--input-size 16x8 does not fit the model " in message
    assert message.endswith("must be 8x8; omit it")


def test_a_size_that_is_no_multiple_of_the_stride(tmp_path: Path) -> None:
    metadata = {"stride": "32"}
    path = write_model(
        tmp_path / "best.onnx", CLASSIFIER, shape=("N", 3, "h", "w"), metadata=metadata
    )
    message = refusal(path, input_size=(64, 40))
    assert "must be multiples of 32, its stride; choose them with --input-size" in message


def test_axes_that_are_unknown(tmp_path: Path) -> None:
    path = write_model(tmp_path / "best.onnx", CLASSIFIER, shape=("N", "a", "b", "c"))
    assert "which axis is of the channels is unknown; give --layout-in nchw or nhwc" in refusal(
        path, input_size=(8, 8)
    )
    path = identity(tmp_path / "best.onnx", ["N", 4, 8, 8])
    assert "with 4 channels as nchw: must be 3 or 1; choose the order" in refusal(
        path, layout_in="nchw"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mean": (0.5, 0.5)}, "2 numbers of --mean do not fit the model"),
        ({"std": (1.0,) * 4}, "channels: must be 1 or 3; give --std so"),
        ({"std": (0.0,)}, "must be finite numbers, scale and standard deviation not 0; correct"),
        ({"scale": 0.0}, "must be finite numbers"),
        ({"mean": (float("nan"),)}, "must be finite numbers"),
    ],
)
def test_numbers_that_do_not_fit(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    assert words in refusal(write_model(tmp_path / "best.onnx", CLASSIFIER), **options)


def test_a_model_that_fails_on_its_own_size(tmp_path: Path) -> None:
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    x = helper.make_tensor_value_info("x", FLOAT, ["N", 3, "h", "w"])
    y = helper.make_tensor_value_info("y", FLOAT, None)
    shape = numpy_helper.from_array(np.array([7, 11]), "shape")
    node = helper.make_node("Reshape", ["x", "shape"], ["y"])
    path = save_graph(tmp_path / "best.onnx", [node], [x], [y], [shape])
    assert "failed on an input of 1x3x8x8: Non-zero status code" in refusal(path, input_size=(8, 8))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1.01, -0.01])
def test_scores_that_are_no_confidences_are_refused(value: float, tmp_path: Path) -> None:
    path = write_model(tmp_path / "best.onnx", {"y": Affine([0.5, value])})
    message = refusal(path, score="probabilities")
    assert message.endswith(
        "as probabilities, has values that are not confidences of 0 … 1; check --score and --output"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers_are_refused(value: float, tmp_path: Path) -> None:
    path = write_model(tmp_path / "best.onnx", {"y": Affine([0.5, value])})
    for kind in ("softmax", "sigmoid"):
        assert "are not confidences" in refusal(path, score=kind)


def test_labels_that_are_no_numbers_of_classes_are_refused(tmp_path: Path) -> None:
    bias = np.zeros((3, 6))
    for label in (-1, 0.5, 1e30):
        bias[:, 5] = label
        path = write_model(tmp_path / "best.onnx", {"y": Affine(bias)})
        assert "are not confidences" in refusal(path, score="end2end")


def test_scores_that_stray_a_little_are_brought_into_the_range(tmp_path: Path) -> None:
    path = write_model(tmp_path / "best.onnx", {"y": Affine([1.0005, -0.0005])})
    assert score(path, solid(0), score="probabilities") == [(1, "0")]


def test_scores_that_are_no_confidences_end_the_scoring(tmp_path: Path) -> None:
    # Of red the mean is over 0.9 in no image of the probe, in which the three channels vary alike.
    output = Affine([0.5, 0], [1, 0], [-0.5, 0], [-0.5, 0])
    path = write_model(tmp_path / "best.onnx", {"y": output})
    scorer = load_model(path, ModelOptions(score="probabilities")).open()
    assert scorer([solid(10, 10, 10)])[0].value == pytest.approx(0.5)
    with pytest.raises(PixelgenError, match="check --score and --output") as caught:
        scorer([solid(255, 0, 0)])
    assert caught.value.exit_code == 1
    assert path in str(caught.value)


def test_an_output_without_a_row_for_each_image(tmp_path: Path) -> None:
    helper = onnx.helper
    x = helper.make_tensor_value_info("x", FLOAT, ["N", 3, 8, 8])
    y = helper.make_tensor_value_info("y", FLOAT, None)
    node = helper.make_node("ReduceMean", ["x"], ["y"], axes=[0, 1], keepdims=0)
    path = save_graph(tmp_path / "best.onnx", [node], [x], [y])
    message = refusal(path, score="probabilities")
    assert "has 8 rows for a batch of 1; check --score and --output" in message


def test_an_output_that_is_no_array(tmp_path: Path) -> None:
    helper = onnx.helper
    x = helper.make_tensor_value_info("x", FLOAT, ["N", 3, 8, 8])
    outputs = [
        helper.make_tensor_sequence_value_info("s", FLOAT, None),
        helper.make_tensor_value_info("y", FLOAT, None),
    ]
    nodes = [
        helper.make_node("SequenceConstruct", ["x"], ["s"]),
        helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=0),
    ]
    path = save_graph(tmp_path / "best.onnx", nodes, [x], outputs)
    assert "has no output 's'; choose one of y with --output" in refusal(path, output="s")
    assert load_model(path, ModelOptions(output="y", score="sigmoid"))
    path = save_graph(tmp_path / "best.onnx", nodes[:1], [x], outputs[:1])
    assert "has no output that is an array of numbers; export it with one" in refusal(path)


def test_a_file_that_changes_before_it_is_opened(tmp_path: Path) -> None:
    path = Path(write_model(tmp_path / "best.onnx", CLASSIFIER))
    model = load_model(str(path), ModelOptions())
    path.write_bytes(path.read_bytes() + b"\n\x00")
    with pytest.raises(BadValue, match="was changed meanwhile; run the command again"):
        model.open()


def test_a_missing_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_model(tmp_path / "best.onnx", CLASSIFIER)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BadValue, match="needs onnxruntime; install the extra 'mine': in the"):
        load_model(path, ModelOptions())


@pytest.mark.cli
def test_the_runtime_writes_nothing(tmp_path: Path) -> None:
    good = write_model(tmp_path / "good.onnx", CLASSIFIER)
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"hello")
    code = f"""
import numpy as np
from pixelgen.errors import BadValue
from pixelgen.scoring.models import ModelOptions, load_model
from pixelgen.scoring.score_kinds import KINDS, are_confidences
load_model({good!r}, ModelOptions()).open()([np.zeros((9, 9, 3), np.uint8)])
try:
    load_model({str(bad)!r}, ModelOptions())
except BadValue:
    print("refused")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert (done.stdout, done.stderr) == ("refused\n", "")


def test_a_class_of_very_many_digits(tmp_path: Path) -> None:
    path = write_model(tmp_path / "best.onnx", {"y": Affine([2, 0], [1, -1])})
    assert "has no class '9999" in refusal(path, positive="9" * 5000)


def test_scores_and_labels_of_different_numbers_are_no_confidences() -> None:
    outputs = [np.zeros(3, np.float32), np.zeros(4, np.float32)]
    assert not are_confidences(KINDS["scores"].confidences(outputs))
