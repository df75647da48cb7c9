"""A model from the user's options: an ONNX file, or a function of theirs."""

import os
import re
from pathlib import Path

from pixelgen.errors import BadValue
from pixelgen.scoring.base import Model
from pixelgen.scoring.model_options import ModelOptions
from pixelgen.scoring.onnx_model import load_onnx_model
from pixelgen.scoring.python_model import FunctionModel, Hook, load_python_model

__all__ = ["Hook", "ModelOptions", "load_model", "to_model"]

DETECTED = ModelOptions()
"""Nothing is said: all is detected."""


def load_model(path: str | os.PathLike[str], options: ModelOptions = DETECTED) -> Model:
    """Load a model as far as to know how it is fed and read.

    Args:
        path: An ONNX file, or ``package.module:function``.
        options: What is not to be detected; nothing by default.

    Raises:
        BadValue: Where it cannot be loaded or used, or an option does not fit it.
    """
    path = os.fspath(path)
    if not re.fullmatch(r"[\w.]+:\w+", path) or Path(path).exists():
        return load_onnx_model(path, options)
    if options != ModelOptions():
        raise BadValue(
            f"options of an ONNX model cannot be combined with the function {path}: it is given"
            " the levels 0 … 255 and does the rest itself; omit them"
        )
    return load_python_model(path)


def to_model(model: Model | Hook) -> Model:
    """Return a model, or that of a function."""
    return model if isinstance(model, Model) else FunctionModel.of(model)
