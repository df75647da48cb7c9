"""The references that the families are measured beside: ``python -m benchmarks.families``."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from benchmarks.references import (
    Pixels,
    blobs,
    checker,
    crop,
    dead_leaves,
    facade,
    fbm,
    fractal,
    gabor,
    gaussian,
    glyphs,
    gradient,
    integers,
    oriented,
    patch_shuffle,
    perlin,
    pixel_shuffle,
    plasma,
    rademacher,
    salt_pepper,
    shapes,
    smooth,
    solid,
    squares,
    stripes,
    uniform,
    voronoi,
)
from benchmarks.spectral_references import (
    phase_scramble,
    spectrum,
    spectrum_color,
    spectrum_color_wmm,
    with_palette,
    wmm,
)


class Reference(NamedTuple):
    """What is measured beside a family: how it draws, if it can be had, and in what way.

    ``to_beat`` is a project's images per CPU-second, measured once at 256×256 on another machine.
    """

    family: str
    name: str = ""
    draw: Callable[[int], Pixels] | None = None
    to_beat: str = ""


REFERENCES = (
    Reference("uniform", "as pytorch-ood", uniform, "pytorch-ood 1768"),
    Reference("uniform", "numpy integers", integers, "numpy 6800"),
    Reference("gaussian:mean=128,sigma=128", "as pytorch-ood", gaussian, "pytorch-ood 428"),
    Reference("rademacher", "as Outlier Exposure", rademacher, "Outlier Exposure 360"),
    Reference("solid", "numpy", solid),
    Reference("gradient", "numpy, in floats", gradient),
    Reference("checker", "numpy", checker),
    Reference("stripes", "numpy", stripes),
    Reference("salt_pepper", "numpy masks", salt_pepper, "albumentations 1465"),
    Reference("smooth:sigma=10", "scipy gaussian_filter", smooth, "NINCO 86"),
    Reference("smooth:sigma=40", "scipy gaussian_filter", partial(smooth, sigma=40), "NINCO 27"),
    Reference("smooth:sigma=85", "scipy gaussian_filter", partial(smooth, sigma=85), "NINCO 14"),
    Reference("blobs", "scipy gaussian_filter", blobs, "Outlier Exposure 164"),
    Reference("spectrum:a=2", "numpy FFT", spectrum, "learning_with_noise 6.2"),
    Reference("spectrum:palette=true,sx=1", "numpy FFT", with_palette),
    Reference("spectrum_color", "numpy FFT", spectrum_color, "learning_with_noise 3.9"),
    Reference("wmm", "numpy FFT", wmm, "learning_with_noise 0.7"),
    Reference("spectrum_color_wmm", "numpy FFT", spectrum_color_wmm, "learning_with_noise 0.7"),
    Reference("perlin", "as perlin-numpy", perlin, "perlin-numpy 49"),
    Reference("fbm", "as perlin-numpy", fbm, "perlin-numpy 7.0"),
    Reference("dead_leaves:shape=mixed", "Pillow", dead_leaves, "learning_with_noise 1.1"),
    Reference("dead_leaves:shape=square", "Pillow", squares, "learning_with_noise 1.6"),
    Reference("dead_leaves:shape=oriented", "Pillow", oriented, "learning_with_noise 1.3"),
    Reference("shapes", "Pillow", shapes),
    Reference("pixel_shuffle", "numpy permutation", pixel_shuffle, "NINCO 27"),
    Reference("patch_shuffle", "numpy permutation", patch_shuffle),
    Reference("phase_scramble", "numpy FFT", phase_scramble),
    Reference("crop", "Pillow", crop),
    Reference("voronoi", "scipy cKDTree", voronoi),
    Reference("plasma", "numpy diamond-square", plasma, "fractal-pretraining 1435 (numba)"),
    Reference("gabor", "numpy, by windows", gabor, "procedural-advml 29.9 a channel"),
    Reference("facade", "numpy, in floats", facade),
    Reference("glyphs", "Pillow", glyphs),
    Reference("fractal", "numpy chaos game", fractal, "fractal-pretraining 148 (numba)"),
    Reference("fractal:style=fractaldb", to_beat="FractalDB 1"),
)
