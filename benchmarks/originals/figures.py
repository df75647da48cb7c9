"""The figures of the originals: what each member of a preset, or a family, is measured against.

Figures of others' code were measured on its own images; no code of theirs is here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A statistic of an original.

    ``member`` is pixelgen's spelling of it, ``size`` the sides of its images in pixels,
    ``statistic`` a name of ``STATISTICS``, ``original`` the figure of the original and
    ``tolerance`` how far ours may be from it; ``images`` are drawn of seed 0 to measure ours, over
    the background ``color``. A ``quick`` one is compared in every run of the tests.
    """

    member: str
    size: int
    statistic: str
    original: float
    tolerance: float
    source: str
    images: int = 100
    quick: bool = True
    color: str | None = None


_NINCO = "NINCO, Bitterwolf et al. 2023"
_OE = "Outlier Exposure, Hendrycks et al. 2019"
_ODIN = "ODIN, Liang et al. 2018"
_CEDA = "CEDA, Hein et al. 2019"
_DRAEM = "DRAEM, Zavrtanik et al. 2021, its code at 2dbf673"
_SOURCES = "the images that are scrambled, unclipped"
_NINCO_CODE = "NINCO, its code at 8f42ce7"
_OE_CODE = "Outlier Exposure, its code at e6ede98"

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

_LAGAE = "Lagae et al. 2009, by its formulas"
_CO = "Co et al. 2019, the middle of images of its code at 176ed1b"
# Of 280 pixels the middle 224, stretched anew: that code reflects kernels at the border.
_CO_NOISE = "gabor:frequency=0.125,overlap=141,cut=1.375,direction=one,tone=gray,stretch=true"

GABOR = (
    Figure("gabor:tone=gray", 256, "contrast", 42.35, 0.6, _LAGAE),
    Figure("gabor:tone=gray", 256, "anisotropy", 0.039, 0.012, _LAGAE),
    Figure("gabor:tone=gray", 256, "kurtosis of steps", 0.16, 0.1, _LAGAE),
    Figure(_CO_NOISE, 224, "contrast", 33.3, 2.0, _CO),
    Figure(_CO_NOISE, 224, "anisotropy", 0.935, 0.004, _CO),
    Figure(_CO_NOISE, 224, "kurtosis of steps", 0.01, 0.15, _CO),
)

_ANDERSON = "Anderson and Farrell 2022, render_colored at b87adf2"
_FRACTALDB = "FractalDB, Kataoka et al. 2020, draw_patch at 1b8fb9f"

# 100,000 points at 224 pixels, and 200,000 at 362.
_COLORED = "fractal:points=1.993"
_PATCHES = "fractal:style=fractaldb,points=1.526"

FRACTAL = (
    Figure(_COLORED, 224, "share of pixels covered", 0.295, 0.035, _ANDERSON, images=200),
    Figure(_COLORED, 224, "contrast", 60.8, 3.5, _ANDERSON, images=200),
    Figure(_COLORED, 224, "correlation of channels", 0.735, 0.04, _ANDERSON, images=200),
    Figure(_PATCHES, 362, "share of pixels covered", 0.2385, 0.02, _FRACTALDB, images=60),
    Figure(_PATCHES, 362, "contrast", 53.8, 1.6, _FRACTALDB, images=60, quick=False),
    Figure(_PATCHES, 362, "kurtosis of steps", 1.2, 0.35, _FRACTALDB, images=60, quick=False),
)

_OE_BLOBS = "blobs:sigma=1.5,channels=blurred,border=symmetric"
_TINY_BLOBS = "blobs:sigma=2,channels=blurred,border=symmetric"
_CEDA_NOISE = "smooth:sigma=1..2.5,border=symmetric"
SCRAMBLED = (
    # Those of 60 images of dead leaves of seed 0, whose spectrum and mean are to be kept.
    Figure("phase_scramble", 224, "spectral slope", -2.68, 0.1, _SOURCES, 60),
    Figure("phase_scramble", 224, "mean level", 128.3, 0.2, _SOURCES, 60),
    Figure("phase_scramble", 224, "share at the ends", 0, 0.011, _SOURCES, 60),
)

_DRAEM_MASK = "perlin:threshold=0.5,mask=drawn"

BLURRED = (
    Figure("smooth:sigma=10", 224, "contrast", 37.92, 1, _NINCO_CODE),
    Figure("smooth:sigma=10", 224, "kurtosis of steps", -0.0195, 0.05, _NINCO_CODE),
    Figure("smooth:sigma=40", 224, "contrast", 43.93, 1, _NINCO_CODE),
    Figure("smooth:sigma=85", 224, "contrast", 15.94, 3, _NINCO_CODE),
    Figure("smooth:sigma=40,scale=channel", 224, "contrast", 62.46, 0.8, _NINCO_CODE),
    Figure("smooth:sigma=85,scale=channel", 224, "contrast", 67.58, 0.6, _NINCO_CODE),
    Figure("smooth:sigma=85,scale=channel", 224, "kurtosis of steps", -0.854, 0.08, _NINCO_CODE),
    Figure("smooth:sigma=40,scale=colorrange", 224, "contrast", 22.8, 2.5, _NINCO_CODE),
    Figure("smooth:sigma=40,scale=colorrange", 224, "share at the ends", 0.209, 0.06, _NINCO_CODE),
    Figure(_CEDA_NOISE, 32, "contrast", 36.09, 0.8, _CEDA, images=400),
    Figure(_CEDA_NOISE, 32, "correlation of opposite edges", 0.043, 0.06, _CEDA, images=400),
    Figure(_OE_BLOBS, 32, "correlation of channels", 0.539, 0.02, _OE_CODE, images=400),
    Figure(_OE_BLOBS, 32, "its spread", 0.165, 0.015, _OE_CODE, images=400),
    Figure(_OE_BLOBS, 32, "share of pixels covered", 0.341, 0.015, _OE_CODE, images=400),
    Figure(_OE_BLOBS, 32, "share of zeros", 0.792, 0.01, _OE_CODE, images=400),
    Figure(_TINY_BLOBS, 64, "correlation of channels", 0.617, 0.02, _OE_CODE),
    Figure(_TINY_BLOBS, 64, "share of pixels covered", 0.204, 0.012, _OE_CODE),
)

MASKS = (
    Figure(_DRAEM_MASK, 256, "share of pixels covered", 0.0495, 0.006, _DRAEM, 400, color="black"),
    Figure(_DRAEM_MASK, 256, "spread of that share", 0.031, 0.009, _DRAEM, 400, color="black"),
)

# Of its Python code at commit a31abe3, 160 images of each model.
_LWN = "Learning to See by Looking at Noise, Baradad et al. 2021"
_SPECTRUM = "spectrum:sx=0.5..3.5,palette=true"
_TEXTURED = "dead_leaves:fill=spectrum_color_wmm"

LWN = (
    Figure(_SPECTRUM, 128, "contrast", 31.1, 3, _LWN),
    Figure(_SPECTRUM, 128, "spread of image means", 14.0, 4, _LWN),
    Figure(_SPECTRUM, 128, "tint", 94.1, 12, _LWN),
    Figure(_SPECTRUM, 128, "its spread", 0.279, 0.05, _LWN),
    Figure("spectrum_color", 128, "contrast", 46.9, 3, _LWN),
    Figure("spectrum_color", 128, "spread of image means", 13.0, 4, _LWN),
    Figure("spectrum_color", 128, "tint", 36.1, 8, _LWN),
    Figure("spectrum_color", 128, "correlation of channels", 0.017, 0.08, _LWN),
    Figure("spectrum_color", 128, "its spread", 0.357, 0.07, _LWN),
    Figure("spectrum_color", 128, "kurtosis of steps", 8.3, 5, _LWN),
    Figure("wmm", 128, "contrast", 18.7, 1, _LWN, images=60),
    Figure("wmm", 128, "tint", 57.2, 9, _LWN, images=60),
    Figure("wmm", 128, "kurtosis of steps", 2.24, 0.6, _LWN, images=60),
    Figure("wmm", 128, "spectral slope", 0.458, 0.15, _LWN, images=60),
    Figure("wmm", 128, "power at 16 to 64 cycles", 0.854, 0.025, _LWN, images=60),
    Figure("spectrum_color_wmm", 128, "contrast", 43.0, 3, _LWN, images=60, quick=False),
    Figure("spectrum_color_wmm", 128, "its spread", 0.28, 0.08, _LWN, images=60, quick=False),
    Figure("spectrum_color_wmm", 128, "kurtosis of steps", 1.72, 0.6, _LWN, images=60, quick=False),
    Figure("spectrum_color_wmm", 128, "spectral slope", -0.53, 0.25, _LWN, images=60, quick=False),
    Figure(_TEXTURED, 128, "contrast", 48, 2, _LWN, images=60, quick=False),
    Figure(_TEXTURED, 128, "share at the ends", 0.004, 0.003, _LWN, images=60, quick=False),
)

FIGURES: tuple[Figure, ...] = (
    *POINTWISE,
    *GABOR,
    *FRACTAL,
    *BLURRED,
    *SCRAMBLED,
    *MASKS,
    *LWN,
)
