"""Images taken apart: their pixels or patches in another order."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelgen.families.blur_sigma import WIDEST, check_sigma, scaled_sigma, side_parameter
from pixelgen.families.source import Sourced
from pixelgen.image_types import Coverage, Pixels, Shape, Texture
from pixelgen.numeric import exact
from pixelgen.numeric.blur import fine_blur
from pixelgen.numeric.line_blur import BORDERS, PERIODIC
from pixelgen.registry import parameter
from pixelgen.rng import Stream


@dataclass(frozen=True)
class PixelShuffle(Sourced):
    """The pixels of an image in random order.

    With ``sigma`` the shuffled image is blurred by a Gaussian. With ``side`` sigma is as much less
    as the frame's shorter side is less than ``side``, but at least 0.3. A blur of more than 0.4 of
    the shorter side leaves little but the mean: such a sigma is refused. Beyond a ``border`` of the
    frame lies its other end, or its mirror image. With ``stretch`` the levels of the blurred image
    are brought to the full range.

    Source: "pixel permutation" and "low freq pixel permutation" of Bitterwolf, Mueller and Hein,
    ICML 2023; with sigma 1 … 2.5, stretch and a symmetric border, half of the noise of Hein,
    Andriushchenko and Bitterwolf, CVPR 2019.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(PixelShuffle().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '8f8785eaf4eef7a1'
    """

    name = "pixel_shuffle"
    number = 13
    version = 2
    shape_parameters = ("sigma", "side")

    sigma: float = parameter(
        0.0, "standard deviation of a blur, in pixels; 0: none", low=0.0, high=WIDEST
    )
    stretch: bool = parameter(False, "bring levels to the full range")
    border: str = parameter(PERIODIC, "what lies beyond the border for the blur", choices=BORDERS)
    side: int = side_parameter()

    @property
    def memory(self) -> int:
        """The extremes need all of the blurred image at once."""
        return 7 if self.stretch else 6

    def check_shape(self, shape: Shape) -> None:
        """Refuse a sigma that is too wide for a frame."""
        check_sigma(self.name, self.sigma, self.side, shape)

    @property
    def texture(self) -> Texture:
        """Blurred images are smooth, shuffled pixels are not."""
        return Texture.SMOOTH if self.sigma else Texture.LEVELS

    def rearrange(
        self, stream: Stream, shape: Shape, image: Pixels, coverage: Coverage | None
    ) -> Pixels | tuple[Pixels, Coverage]:
        """Take the pixels in the order of random keys."""
        order = permutation(stream, shape.height * shape.width)
        if coverage is not None:
            coverage = coverage.reshape(-1).take(order).reshape(coverage.shape)
        image.reshape(-1, shape.channels)[:] = image.reshape(-1, shape.channels).take(order, axis=0)
        del order  # of the size of the image and more, as are the arrays of the blur
        if self.sigma:
            image = self._blurred(image, shape)
        elif self.stretch:
            image = exact.stretch(image.astype(np.float64), shape.top).astype(shape.dtype)
        return image if coverage is None else (image, coverage)

    def _blurred(self, image: Pixels, shape: Shape) -> Pixels:
        """Blur levels less the middle one; changes the image."""
        middle = 1 << (shape.depth - 1)
        image ^= middle
        levels = np.moveaxis(image, -1, 0).view(f"<i{shape.depth // 8}")
        sigma = scaled_sigma(self.sigma, self.side, shape)
        blurred = fine_blur(levels, (sigma, sigma), self.border)
        if self.stretch:
            return blurred.stretched(shape)
        pixels = image.reshape(shape.height, -1)
        for columns, strip in blurred:
            moved = strip * (middle / (1 << 35))
            np.rint(moved, out=moved)
            moved += middle
            pixels[:, columns] = np.clip(moved, 0, shape.top, out=moved)
        return image


@dataclass(frozen=True)
class PatchShuffle(Sourced):
    """The square patches of an image in random order.

    Texture and colors remain, the arrangement is lost. A patch is at most half as wide as the
    frame's shorter side, and some patch always moves. Pixels at the right and lower edges that fill
    no patch stay where they are.

    Source: the jigsaw puzzles of Noroozi and Favaro, "Unsupervised Learning of Visual
    Representations by Solving Jigsaw Puzzles", ECCV 2016.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(PatchShuffle(patch=2).sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '4c47c6a56de579f0'
    """

    name = "patch_shuffle"
    number = 19
    version = 2
    texture = Texture.FLAT

    patch: int = parameter(
        0, "side of a patch, in pixels; 0: a quarter of the shorter side, at most 32",
        low=0, high=4096,
    )  # fmt: skip

    def rearrange(
        self, stream: Stream, shape: Shape, image: Pixels, coverage: Coverage | None
    ) -> Pixels | tuple[Pixels, Coverage]:
        """Take the patches in the order of random keys."""
        shorter = min(shape.height, shape.width)
        side = max(min(self.patch, shorter // 2) if self.patch else min(32, shorter // 4), 1)
        order = permutation(stream, (shape.height // side) * (shape.width // side))
        if (order == np.arange(len(order))).all():  # nobody's image must come back as a negative
            order = np.roll(order, 1)
        _move(image, side, order)
        if coverage is None:
            return image
        _move(coverage[..., None], side, order)
        return image, coverage


def permutation(stream: Stream, size: int) -> npt.NDArray[np.int64]:
    """Return 0 … size−1 in the order of keys of 32 bits, of equal ones the first first."""
    keys = stream.integers(size, 32).astype(np.uint64)
    keys <<= 32
    keys |= np.arange(size, dtype=np.uint32)
    keys.sort()
    keys &= 0xFFFFFFFF
    return keys.view(np.int64)  # which indexing takes as it is


def _move(image: Pixels, side: int, order: npt.NDArray[np.int64]) -> None:
    """Rearrange the whole patches of an image in place."""
    rows, columns, channels = image.shape[0] // side, image.shape[1] // side, image.shape[2]
    whole = image[: rows * side, : columns * side]
    patches = whole.reshape(rows, side, columns, side, channels).swapaxes(1, 2)
    patches[:] = patches[order // columns, order % columns].reshape(patches.shape)
