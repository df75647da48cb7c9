"""Images whose waves are in other places: their spectrum with random phases."""

from dataclasses import dataclass

import numpy as np

from pixelgen.families.palette import Planes
from pixelgen.families.source import Sourced
from pixelgen.image_types import Coverage, Pixels, Shape, Texture
from pixelgen.numeric import exact, fourier
from pixelgen.numeric.exact import Field, Table
from pixelgen.numeric.fourier import Waves
from pixelgen.numeric.lookup import look_up, row_bands
from pixelgen.rng import Stream


@dataclass(frozen=True)
class PhaseScramble(Sourced):
    """The power spectrum of an image with random phases, without its contents.

    The same random phases turn the Fourier coefficients of all channels. So the amplitudes and, at
    each frequency, the relation of the channels are kept, and so is the mean. Where more than 1 %
    of the levels would be outside the range, the contrast of the image is lowered until 1 % are;
    these are clipped.

    Source: Oppenheim and Lim, "The Importance of Phase in Signals", Proc. IEEE 69, 1981.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(PhaseScramble().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    'a51b5bf71d3949a8'
    """

    name = "phase_scramble"
    number = 24
    version = 3
    texture = Texture.SMOOTH

    @property
    def memory(self) -> int:
        """All channels are needed at once."""
        return 12

    def rearrange(
        self, stream: Stream, shape: Shape, image: Pixels, coverage: Coverage | None
    ) -> Pixels:
        """Transform, turn, transform back."""
        white = _white_waves(stream, shape)
        sums = image.sum(axis=(0, 1), dtype=np.int64)
        means = np.rint(sums / np.int64(shape.height * shape.width))
        field = np.empty((shape.channels, shape.height, shape.width), np.float32)
        for channel, (plane, mean) in enumerate(zip(field, means, strict=True)):
            waves = fourier.forward(image[..., channel] - mean)
            _turn(waves, white)
            fourier.backward(waves, plane)
            del waves  # before the next ones take as much memory
        contrast = _contrast(field, means, shape.top)
        pixels = np.empty(shape.levels, shape.dtype)
        for rows in row_bands(shape.height, 3 * shape.width):
            levels = exact.last(field[:, rows]) * contrast + means
            pixels[rows] = np.clip(np.rint(levels, out=levels), 0, shape.top)
        return pixels


def _contrast(field: Planes, means: Field, top: int) -> float:
    """Return by what to multiply a field so that, about its means, at most 1 % is out of range."""
    above, below = np.maximum(top - means, 0.5).tolist(), np.maximum(means, 0.5).tolist()
    reach = np.abs(field)
    for channel, plane in enumerate(field):
        reach[channel] /= np.where(
            plane > 0, np.float32(above[channel]), np.float32(below[channel])
        )
    reach = reach.reshape(-1)
    within = reach.size - 1 - reach.size // 100
    reach.partition(within)
    return 1.0 / max(float(reach[within]), 1.0)


def _white_waves(stream: Stream, shape: Shape) -> Table:
    """Draw the real and imaginary parts of the waves of white noise: (2, height, width // 2 + 1).

    As in the waves of every plane, those of opposite frequencies are conjugates, and those of a
    frequency that is its own opposite are real. No part is 0 otherwise, but the mean is.
    """
    frequencies = shape.height, shape.width // 2 + 1
    white = np.empty((2, *frequencies), np.int16)
    for part in white:
        look_up(exact.normals(), stream.integers(frequencies, 16), part)
    white |= 1
    real, imaginary = white
    later = np.arange(shape.height // 2 + 1, shape.height)
    own_opposites = [0] if shape.height % 2 else [0, shape.height // 2]
    for column in [0] if shape.width % 2 else [0, shape.width // 2]:
        real[later, column] = real[-later, column]
        imaginary[later, column] = -imaginary[-later, column]
        imaginary[own_opposites, column] = 0
    real[0, 0] = 0
    return white


def _turn(waves: Waves, white: Table) -> None:
    """Turn waves by the angles of white ones, in place, one IEEE operation at a time."""
    for rows in row_bands(*waves.shape):
        real, imaginary = waves.real[rows], waves.imag[rows]
        cosines, sines = white[:, rows].astype(np.float64)
        lengths = np.sqrt(np.maximum(cosines * cosines + sines * sines, 1.0))
        cosines /= lengths
        sines /= lengths
        turned = real * cosines - imaginary * sines
        imaginary[:] = real * sines + imaginary * cosines
        real[:] = turned
