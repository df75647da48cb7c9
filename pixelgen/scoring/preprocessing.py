"""From images to the input of a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from pixelgen.scoring.base import Image

_PADDING = 114


@dataclass(frozen=True)
class Preprocessing:
    """How images become the input of a model.

    Attributes:
        width: Of the input, in pixels.
        height: Likewise.
        layout: ``nchw`` or ``nhwc``; ``chw`` or ``hwc`` of a model of one image, without a batch.
        channels: 3, or 1 of a model that takes gray images (ITU-R 601 luma).
        bgr: Whether channels are in the order blue, green, red.
        letterbox: Whether images keep their aspect ratio, with borders of level 114.
        scale: Factor of the levels 0 … 255.
        mean: Then subtracted: one number, or one for each channel in the order of the input.
        std: What it is then divided by, likewise.
        type: Of the input: float32, float16 or uint8; uint8 has the levels as they are.
        name: Of the input.
        size_name: Of an input of (N, 2) for the width and height of each image, or ''.
    """

    width: int
    height: int
    layout: str
    channels: int
    bgr: bool
    letterbox: bool
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    type: str
    name: str
    size_name: str

    def to_inputs(self, images: Sequence[Image]) -> dict[str, npt.NDArray[Any]]:
        """Return the inputs for images by name: as many as the model takes."""
        inputs = {self.name: self.to_batch(images)}
        if self.size_name:
            inputs[self.size_name] = np.full((len(images), 2), (self.width, self.height), np.int64)
        return inputs

    def to_batch(self, images: Sequence[Image]) -> npt.NDArray[Any]:
        """Return the input for images: (N, channels, height, width), or channels last.

        Without an axis of a batch in the layout, it is that of the only image.
        """
        levels = np.stack([self._to_levels(image) for image in images])
        if self.bgr:
            levels = levels[..., ::-1]
        batch: npt.NDArray[Any] = levels
        if self.type != "uint8":
            scaled = levels.astype(np.float32) * np.float32(self.scale)
            batch = (scaled - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        if self.layout.endswith("chw"):
            batch = batch.transpose(0, 3, 1, 2)
        if not self.layout.startswith("n"):
            (batch,) = batch
        return np.ascontiguousarray(batch, dtype=self.type)

    def _to_levels(self, image: Image) -> Image:
        """Return an image in the size and channels of the input."""
        if image.shape[:2] != (self.height, self.width):
            image = self._resize(image)
        if self.channels == 1:
            return np.asarray(Pillow.fromarray(image).convert("L"))[:, :, None]
        return image

    def _resize(self, image: Image) -> Image:
        size = (self.width, self.height)
        if not self.letterbox:
            return np.asarray(Pillow.fromarray(image).resize(size, Pillow.Resampling.BILINEAR))
        height, width = image.shape[:2]
        ratio = min(self.width / width, self.height / height)
        inner = (max(1, round(width * ratio)), max(1, round(height * ratio)))
        # Of an odd border the smaller half is on the left and on top, as Ultralytics has it.
        place = ((self.width - inner[0]) // 2, (self.height - inner[1]) // 2)
        canvas = Pillow.new("RGB", size, (_PADDING,) * 3)
        picture = Pillow.fromarray(image)
        if inner != (width, height):
            picture = picture.resize(inner, Pillow.Resampling.BILINEAR)
        canvas.paste(picture, place)
        return np.asarray(canvas)

    @property
    def description(self) -> str:
        """What is done, as a phrase."""
        order = "gray" if self.channels == 1 else "BGR" if self.bgr else "RGB"
        fitted = " letterboxed" if self.letterbox else ""
        return f"input {self.width}x{self.height} {order}{fitted}, {self._describe_levels()}"

    def _describe_levels(self) -> str:
        if self.type == "uint8" or self.scale == 1:
            text = "levels 0 … 255"
        else:
            inverse = f"{1 / self.scale:g}"
            text = f"levels × 1/{inverse}" if "." not in inverse else f"levels × {self.scale:g}"
        if set(self.mean) != {0}:
            text += f", mean {','.join(f'{each:g}' for each in self.mean)}"
        if set(self.std) != {1}:
            text += f", std {','.join(f'{each:g}' for each in self.std)}"
        return text
