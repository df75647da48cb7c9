"""The width of a blur: how it follows the frame, and the widest that leaves contrast."""

from pixelgen.errors import BadValue
from pixelgen.image_types import Shape
from pixelgen.registry import parameter

NARROWEST = 0.3
"""Pixels; a narrower blur leaves almost everything where it is."""

WIDEST = 4096.0


def side_parameter() -> int:
    """Declare the side of the frames that a sigma is meant for."""
    return parameter(
        0, "side in pixels that sigma is meant for: it shrinks with smaller frames; 0: it does not",
        low=0, high=65536,
    )  # fmt: skip


def shorter_side(shape: Shape) -> int:
    """Return the shorter side of a frame, in pixels."""
    return min(shape.height, shape.width)


def scaled_sigma(sigma: float, side: int, shape: Shape) -> float:
    """Return the sigma of a blur in a frame, in pixels.

    Where the shorter side is below ``side``, sigma shrinks with it: to ``NARROWEST`` at least,
    unless it was less to begin with.
    """
    shorter = shorter_side(shape)
    if shorter >= side:
        return sigma
    return max(sigma * shorter / side, min(sigma, NARROWEST))


def widest_sigma(side: int) -> float:
    """Return the widest blur along a side: 0.4 of it. Wider ones leave little but the mean."""
    return side * 2 / 5  # the float nearest to that, as a sigma that is read from text


def check_sigma(name: str, sigma: float, side: int, shape: Shape) -> None:
    """Refuse a blur that is too wide for a frame.

    Raises:
        BadValue: Where sigma is more than 0.4 of the shorter side; or of ``side``, if that is more.
    """
    shorter = shorter_side(shape)
    widest = widest_sigma(max(shorter, side))
    if sigma > widest:
        frame = f"side={side}" if shorter < side else f"images of {shape.width}x{shape.height}"
        raise BadValue(
            f"family {name!r}: sigma={sigma} is too wide for {frame}: must be at most {widest:g},"
            f" 0.4 of the side; choose a smaller sigma or a larger size, or add"
            f" side={-int(-sigma * 5 // 2)}, with which sigma shrinks with the frame"
        )
