"""Tiny ONNX models: each output is an affine function of the mean levels of an image."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from pixelgen.scoring.base import Score
from pixelgen.scoring.models import ModelOptions, load_model

REASON = "the extra 'mine' and onnx are not installed"
SIDE = 8
FLOAT, UINT8, INT64, FLOAT16 = 1, 2, 7, 10
"""Of onnx.TensorProto."""


class Affine(NamedTuple):
    """An output: ``bias + red · mean of red + green · mean of green + blue · mean of blue``."""

    bias: Any
    red: Any = 0
    green: Any = 0
    blue: Any = 0


def solid(red: int, green: int = 0, blue: int = 0, side: int = SIDE) -> npt.NDArray[np.uint8]:
    """Return an image of one color."""
    return np.full((side, side, 3), (red, green, blue), np.uint8)


def write_model(
    path: Path,
    outputs: Mapping[str, Affine],
    *,
    shape: Sequence[int | str | None] = ("N", 3, SIDE, SIDE),
    element: int = FLOAT,
    metadata: Mapping[str, str] | None = None,
) -> str:
    """Write a model whose outputs have the shape of their bias after that of the batch."""
    import onnx
    from onnx import helper, numpy_helper

    number = np.float16 if element == FLOAT16 else np.float32
    inner = FLOAT16 if element == FLOAT16 else FLOAT
    layout = "nhwc" if shape[-1] in {1, 3} else "nchw"
    nodes = [
        helper.make_node("Cast", ["x"], ["levels"], to=inner),
        helper.make_node("ReduceMean", ["levels"], ["mean"], keepdims=0,
                         axes=[2, 3] if layout == "nchw" else [1, 2]),
    ]  # fmt: skip
    constants, infos = [], []
    channels = 1 if shape[layout.index("c")] == 1 else 3
    for name, each in outputs.items():
        bias = np.asarray(each.bias, number)
        slopes = [np.broadcast_to(np.asarray(c, number), bias.shape) for c in each[1:]][:channels]
        weights = np.stack([slope.ravel() for slope in slopes])
        values = {"w": weights, "b": bias.ravel(), "s": np.array([-1, *bias.shape], np.int64)}
        constants += [numpy_helper.from_array(v, f"{name}.{k}") for k, v in values.items()]
        nodes += [
            helper.make_node("MatMul", ["mean", f"{name}.w"], [f"{name}.product"]),
            helper.make_node("Add", [f"{name}.product", f"{name}.b"], [f"{name}.flat"]),
            helper.make_node("Reshape", [f"{name}.flat", f"{name}.s"], [name]),
        ]
        infos.append(helper.make_tensor_value_info(name, inner, [None] * (bias.ndim + 1)))
    inputs = [helper.make_tensor_value_info("x", element, shape)]
    save_graph(path, nodes, inputs, infos, constants)
    model = onnx.load(path)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.save(model, path)
    return str(path)


def save_graph(
    path: Path,
    nodes: Sequence[Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    constants: Sequence[Any] = (),
) -> str:
    """Write a model of any nodes."""
    import onnx
    from onnx import helper

    graph = helper.make_graph(nodes, "graph", inputs, outputs, constants)
    domains = {node.domain for node in nodes} - {""}
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(each, 1) for each in domains)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return str(path)


def write_flat_model(
    path: Path, shape: Sequence[int | str | None] = ("N", 3, 4, 4), element: int = FLOAT
) -> str:
    """Write a model that returns its input, divided by 16 and increased by a half, as (N, all)."""
    from onnx import helper, numpy_helper

    constants = [numpy_helper.from_array(np.array(v, np.float32), k)
                 for k, v in {"c16": 16, "half": 0.5}.items()]  # fmt: skip
    nodes = [
        helper.make_node("Cast", ["x"], ["levels"], to=FLOAT),
        helper.make_node("Flatten", ["levels"], ["flat"], axis=1),
        helper.make_node("Div", ["flat", "c16"], ["small"]),
        helper.make_node("Add", ["small", "half"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("x", element, shape)]
    outputs = [helper.make_tensor_value_info("y", FLOAT, [None, None])]
    return save_graph(path, nodes, inputs, outputs, constants)


def score(path: str, *images: npt.NDArray[np.uint8], **options: Any) -> list[Score]:
    """Score images by a model."""
    return load_model(path, ModelOptions(**options)).open()(images)


def near(value: float, name: str) -> Any:
    """Return what equals a score of about a value."""
    return pytest.approx(value), name
