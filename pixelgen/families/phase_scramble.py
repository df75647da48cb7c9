"""Images whose waves are in other places: their spectrum with random phases."""

from dataclasses import dataclass

import numpy as np

from pixelgen.families.source import Sourced
from pixelgen.image_types import Coverage, Pixels, Shape, Texture
from pixelgen.numeric import exact
from pixelgen.numeric.exact import Field
from pixelgen.numeric.hartley import gain, opposite, transform
from pixelgen.rng import Stream


@dataclass(frozen=True)
class PhaseScramble(Sourced):
    """The power spectrum of an image with random phases, without its contents.

    The same random phases turn the Fourier coefficients of all channels. So the amplitudes and, at
    each frequency, the relation of the channels are kept, and so is the mean. Where more than 1 %
    of the levels would be outside the range, the contrast of the image is lowered until 1 % are;
    these are clipped.

    Source: Oppenheim and Lim, "The Importance of Phase in Signals", Proc. IEEE 69, 1981; here by
    Hartley transforms of integers, which are exact.

    >>> from pixelgen.families import Shape, fingerprint
    >>> fingerprint(PhaseScramble().sample(seed=1, image=2, shape=Shape(5, 7)))[:16]
    '45bbb87fcff0518e'
    """

    name = "phase_scramble"
    number = 24
    version = 2
    texture = Texture.SMOOTH

    def rearrange(
        self, stream: Stream, shape: Shape, image: Pixels, coverage: Coverage | None
    ) -> Pixels:
        """Transform, turn, transform back."""
        field = np.moveaxis(image, -1, 0).astype(np.float64)
        size = shape.height * shape.width
        sums = image.sum(axis=(0, 1), dtype=np.int64)
        means = np.rint(sums / np.int64(size))[:, None, None]
        turned = _joined(_turned(_joined(transform(field - means)), stream))
        # The largest takes 18 bits, so that rounding is no coarser than it must be.
        scale = 2.0 ** (18 - int(np.abs(turned).max()).bit_length())
        back = transform(np.rint(turned * scale))
        back /= gain(*shape[:2]) ** 2 * scale * size
        back *= _contrast(back, means, shape.top)
        return exact.image(np.rint(back + means), shape)


def _contrast(field: Field, means: Field, top: int) -> float:
    """Return by what to multiply a field so that, about its means, at most 1 % is out of range."""
    room = np.maximum(np.where(field > 0, top - means, means), 0.5)
    reach = np.abs(field / room).ravel()
    within = reach.size - 1 - reach.size // 100
    return 1.0 / max(float(np.partition(reach, within)[within]), 1.0)


def _turned(waves: Field, stream: Stream) -> Field:
    """Turn the phase of every coefficient of a Hartley transform by a random angle, but the mean's.

    The angles are those of the coefficients of white noise, so each is the opposite of that of the
    opposite frequency, as in every real image.
    """
    white = exact.normals()[stream.integers(waves.shape[1:], 16)].astype(np.float64)
    white = 2 * white + 1  # odd, so that no coefficient has the length 0, and no phase
    even, odd = white + opposite(white), white - opposite(white)
    length = np.sqrt(even * even + odd * odd)
    turned: Field = waves * (even / length) - opposite(waves) * (odd / length)
    turned[:, 0, 0] = 0
    return turned


def _joined(waves: Field) -> Field:
    """Turn products of cas along the axes into cas of the sum, or back: the two are symmetric."""
    upside, aside = _flipped(waves, -2), _flipped(waves, -1)
    joined: Field = (waves + upside + aside - opposite(waves)) / 2
    return joined


def _flipped(waves: Field, axis: int) -> Field:
    """Take frequency −k for k."""
    return np.roll(np.flip(waves, axis), 1, axis)
