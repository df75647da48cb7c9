"""The figures of the originals: what each member of a preset, or a family, is measured against.

Figures of others' code were measured on its own images; no code of theirs is here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A statistic of an original.

    ``member`` is pixelgen's spelling of it, ``size`` the sides of its images in pixels,
    ``statistic`` a name of ``STATISTICS``, ``original`` the figure of the original and
    ``tolerance`` how far ours may be from it; ``images`` are drawn of seed 0 to measure ours. A
    ``quick`` one is compared in every run of the tests.
    """

    member: str
    size: int
    statistic: str
    original: float
    tolerance: float
    source: str
    images: int = 100
    quick: bool = True


_NINCO = "NINCO, Bitterwolf et al. 2023"
_OE = "Outlier Exposure, Hendrycks et al. 2019"
_ODIN = "ODIN, Liang et al. 2018"

POINTWISE = (
    Figure("uniform", 224, "contrast", 73.9, 0.2, _NINCO),
    Figure("gaussian:sigma=63.75", 32, "contrast", 61.17, 0.3, _OE),
    Figure("gaussian:sigma=63.75", 32, "share at the ends", 0.0464, 0.002, _OE),
    Figure("gaussian:sigma=255", 32, "contrast", 109.7, 0.3, _ODIN),
    Figure("gaussian:sigma=255", 32, "share at the ends", 0.6184, 0.004, _ODIN),
    Figure("blobs:sigma=1.5", 224, "share of zeros", 0.707, 0.005, _NINCO),
    Figure("blobs:sigma=2", 224, "share of zeros", 0.775, 0.005, _NINCO),
    Figure("blobs:sigma=2.5", 224, "share of zeros", 0.832, 0.005, _NINCO),
    Figure("blobs:sigma=4", 224, "share of zeros", 0.942, 0.005, _NINCO),
)

FIGURES: tuple[Figure, ...] = (*POINTWISE,)
