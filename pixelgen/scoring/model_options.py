"""What the user says about a model; the rest is detected."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """How a model is fed and read. None and '' stand for what is detected.

    Attributes:
        input_size: Width and height that images are resized to.
        mean: One number, or one for each channel in the order of the model's input; it is
            subtracted from the scaled levels.
        std: What they are then divided by, likewise.
        scale: Factor of the levels 0 … 255.
        bgr: Whether channels are in the order blue, green, red.
        layout_in: Order of the axes of the input: ``nchw`` or ``nhwc``.
        letterbox: Whether images keep their aspect ratio, with gray borders.
        output: Name of the output to read.
        score: Name of the score kind: what this output is.
        positive: The only class that counts, by name or number.
    """

    input_size: tuple[int, int] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    scale: float | None = None
    bgr: bool = False
    layout_in: str = ""
    letterbox: bool | None = None
    output: str = ""
    score: str = ""
    positive: str = ""
