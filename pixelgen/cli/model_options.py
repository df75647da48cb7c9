"""The options that choose a model of the user's, and say how it is fed and read."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from pixelgen.cli.command import HomePath, headed, together
from pixelgen.errors import BadValue

if TYPE_CHECKING:
    from pixelgen.scoring.base import Model

_model = headed("Model")

# fmt: off
model_options = together([
    _model("--model", required=True, metavar="FILE", type=HomePath(),
           help="ONNX file, or a Python function as package.module:function. What the options below"
                " do not say is detected."),
    _model("--input-size", metavar="WxH", help="Size that images are resized to."),
    _model("--scale", metavar="NUMBER", help="Factor of the levels.  [default: 1/255]"),
    _model("--mean", metavar="R,G,B", help="Subtracted from the scaled levels, for each channel."),
    _model("--std", metavar="R,G,B", help="What they are then divided by."),
    _model("--bgr", is_flag=True, help="Channels in the order blue, green, red."),
    _model("--layout-in", type=click.Choice(["nchw", "nhwc"]), help="Order of the axes."),
    _model("--letterbox/--no-letterbox", default=None,
           help="Keep the aspect ratio of images, by gray borders."),
    _model("--output", default="", metavar="NAME", help="Output of the model to read."),
    _model("--score", "score_kind", default="", metavar="KIND",
           help="What this output is: yolov8, yolov5, rtdetr, end2end, detr, detr-sigmoid, scores,"
                " softmax, probabilities, sigmoid or heatmap."),
    _model("--positive", default="", metavar="CLASS", help="The only class that counts."),
])
# fmt: on


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """A model, as the options of ``model_options`` give it."""

    model: str
    input_size: str | None
    scale: str | None
    mean: str | None
    std: str | None
    bgr: bool
    layout_in: str | None
    letterbox: bool | None
    output: str
    score_kind: str
    positive: str

    def load(self) -> "Model":
        """Load the model, as far as to know how it is fed and read."""
        from pixelgen.scoring.models import ModelOptions, load_model

        options = ModelOptions(
            input_size=_read_size(self.input_size),
            mean=_read_numbers("--mean", self.mean),
            std=_read_numbers("--std", self.std),
            scale=_read_scale(self.scale),
            bgr=self.bgr,
            layout_in=self.layout_in or "",
            letterbox=self.letterbox,
            output=self.output,
            score=self.score_kind,
            positive=self.positive,
        )
        return load_model(self.model, options)


def _read_size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"([1-9]\d{0,4})(?:[xX]([1-9]\d{0,4}))?", text.strip(), re.ASCII)
    if not found:
        raise BadValue(f"invalid --input-size {text[:50]!r}: must be like 640x640, or 640")
    return int(found[1]), int(found[2] or found[1])


def _read_scale(text: str | None) -> float | None:
    """Read a number, or a quotient such as 1/255."""
    if text is None:
        return None
    number, _, divisor = text.partition("/")
    try:
        return float(number) / float(divisor or 1)
    except (ValueError, ZeroDivisionError):
        raise BadValue(f"invalid --scale {text[:50]!r}: must be a number, as 1/255") from None


def _read_numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        numbers = tuple(float(each) for each in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3):
        raise BadValue(
            f"invalid {option} {text[:50]!r}: must be one number, or three as 0.485,0.456,0.406"
        )
    return numbers
