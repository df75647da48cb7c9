"""Images whose waves are in other places: their spectrum with random phases."""

from dataclasses import dataclass

import numpy as np

from pixelgen.families.source import Sourced
from pixelgen.image_types import Coverage, Pixels, Shape, Texture
from pixelgen.numeric import exact, fourier
from pixelgen.numeric.exact import Field
from pixelgen.numeric.fourier import Waves
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
    '45bbb87fcff0518e'
    """

    name = "phase_scramble"
    number = 24
    version = 3
    texture = Texture.SMOOTH

    def rearrange(
        self, stream: Stream, shape: Shape, image: Pixels, coverage: Coverage | None
    ) -> Pixels:
        """Transform, turn, transform back."""
        cosines, sines = _phases(stream, shape)
        sums = image.sum(axis=(0, 1), dtype=np.int64)
        means = np.rint(sums / np.int64(shape.height * shape.width))[:, None, None]
        field = np.empty((shape.channels, shape.height, shape.width))
        for channel, plane in enumerate(field):
            waves = fourier.forward(image[..., channel] - means[channel])
            plane[:] = fourier.backward(_turned(waves, cosines, sines), shape.width)
        field *= _contrast(field, means, shape.top)
        return exact.image(np.rint(field + means), shape)


def _contrast(field: Field, means: Field, top: int) -> float:
    """Return by what to multiply a field so that, about its means, at most 1 % is out of range."""
    room = np.maximum(np.where(field > 0, top - means, means), 0.5)
    reach = np.abs(field / room).ravel()
    within = reach.size - 1 - reach.size // 100
    return 1.0 / max(float(np.partition(reach, within)[within]), 1.0)


def _phases(stream: Stream, shape: Shape) -> tuple[Field, Field]:
    """Draw the cosine and the sine of a random angle for each frequency; the mean gets 0 and 0.

    They are those of the waves of white noise. So each angle is the opposite of that of the
    opposite frequency, and 0 or half a turn where a frequency is its own opposite.
    """
    frequencies = (shape.height, shape.width // 2 + 1)
    white = exact.normals()[stream.integers((2, *frequencies), 16)].astype(np.float64)
    white = 2 * white + 1  # odd, so that none has the length 0, and no angle
    real, imaginary = white
    own_opposites = [0] if shape.width % 2 else [0, shape.width // 2]
    opposite = -np.arange(shape.height)
    for column in own_opposites:
        real[:, column] += real[opposite, column]
        imaginary[:, column] -= imaginary[opposite, column]
    lengths = np.sqrt(real * real + imaginary * imaginary)
    lengths[0, 0] = np.inf
    real /= lengths
    imaginary /= lengths
    return real, imaginary


def _turned(waves: Waves, cosines: Field, sines: Field) -> Waves:
    """Turn waves by angles, one IEEE operation at a time."""
    turned = np.empty_like(waves)
    np.subtract(waves.real * cosines, waves.imag * sines, out=turned.real)
    np.add(waves.real * sines, waves.imag * cosines, out=turned.imag)
    return turned
