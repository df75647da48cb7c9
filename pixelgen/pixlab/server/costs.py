"""What an image costs: CPU time and memory, estimated before it is made.

The figures are measured by ``python -m benchmarks.costs``, which also compares them with those of
another machine: here one core of a virtual machine (x86-64 with AVX2, 2026), in RGB, which costs
more than gray. Each is the greatest of 256x256, 1021x1021 and 1024x1024 pixels, rounded up. The
estimate is a bound rather than a mean: small and narrow images cost less.
"""

import sys
from functools import lru_cache
from typing import NamedTuple

from pixelgen.families.member import Member
from pixelgen.families.mixture import Mixture
from pixelgen.job import Job
from pixelgen.numeric.table_cache import cached_tables
from pixelgen.pixlab.server.errors import HttpError, bad_request


class PixelCost(NamedTuple):
    """What a pixel costs: nanoseconds of CPU time, and bytes of memory at the peak."""

    nanoseconds: float
    bytes: float


class FamilyCost(NamedTuple):
    """What a pixel of a family costs: with its default parameters, and with the most expensive.

    Some families need tables as large as the longer side squared, so the shorter side counts as at
    least ``min_aspect`` times the longer. Where matrix products do the work, ``is_superlinear``:
    the time per pixel grows with the longer side beyond 1,024 pixels.
    """

    default: PixelCost
    worst: PixelCost
    min_aspect: float = 0.0
    is_superlinear: bool = False

    def estimate(self, width: int, height: int, *, is_default: bool) -> PixelCost:
        """Return the nanoseconds and the bytes of an image."""
        per_pixel = self.default if is_default else self.worst
        shorter, longer = sorted((width, height))
        pixels = longer * max(shorter, self.min_aspect * longer)
        growth = max(1.0, longer / _GROWS_FROM) if self.is_superlinear else 1.0
        return PixelCost(pixels * per_pixel.nanoseconds * growth, pixels * per_pixel.bytes)


class Cost(NamedTuple):
    """What an image costs: seconds of CPU time, and bytes of memory at the peak."""

    seconds: float
    bytes: float


_GROWS_FROM = 1024
_MIN_ASPECT = 1 / 4
_BASE_BYTES = 32 << 20
"""Bytes of the tables that even the smallest image needs."""

FAMILY_COSTS = {
    "blobs": FamilyCost(PixelCost(90, 110), PixelCost(250, 130), _MIN_ASPECT, is_superlinear=True),
    "checker": FamilyCost(PixelCost(6, 11), PixelCost(6, 11)),
    "crop": FamilyCost(PixelCost(70, 40), PixelCost(70, 40), _MIN_ASPECT),  # of dead leaves
    "dead_leaves": FamilyCost(PixelCost(70, 40), PixelCost(6500, 150), _MIN_ASPECT),
    "facade": FamilyCost(PixelCost(14, 30), PixelCost(14, 30)),
    "fbm": FamilyCost(PixelCost(60, 40), PixelCost(1100, 160), _MIN_ASPECT),
    "fractal": FamilyCost(PixelCost(90, 50), PixelCost(1850, 60)),
    "gabor": FamilyCost(PixelCost(300, 270), PixelCost(2900, 600), _MIN_ASPECT),
    "gaussian": FamilyCost(PixelCost(12, 36), PixelCost(30, 36)),
    "glyphs": FamilyCost(PixelCost(65, 30), PixelCost(65, 30)),
    "gradient": FamilyCost(PixelCost(32, 18), PixelCost(32, 18)),
    "patch_shuffle": FamilyCost(PixelCost(70, 40), PixelCost(130, 40), _MIN_ASPECT),
    "perlin": FamilyCost(PixelCost(30, 20), PixelCost(90, 34), _MIN_ASPECT),
    "phase_scramble": FamilyCost(
        PixelCost(740, 220), PixelCost(740, 220), _MIN_ASPECT, is_superlinear=True
    ),
    "pixel_shuffle": FamilyCost(
        PixelCost(170, 40), PixelCost(350, 130), _MIN_ASPECT, is_superlinear=True
    ),
    # On a square whose side is a power of two: 1025x1025 takes as much as 2048x2048.
    "plasma": FamilyCost(PixelCost(110, 180), PixelCost(110, 180), min_aspect=1.0),
    "rademacher": FamilyCost(PixelCost(20, 11), PixelCost(20, 11)),
    "salt_pepper": FamilyCost(PixelCost(13, 17), PixelCost(28, 17)),
    "shapes": FamilyCost(PixelCost(25, 32), PixelCost(420, 460), is_superlinear=True),
    "smooth": FamilyCost(
        PixelCost(110, 110), PixelCost(280, 120), _MIN_ASPECT, is_superlinear=True
    ),
    "solid": FamilyCost(PixelCost(6, 11), PixelCost(6, 11)),
    "spectrum": FamilyCost(
        PixelCost(340, 135), PixelCost(340, 135), _MIN_ASPECT, is_superlinear=True
    ),
    "spectrum_color": FamilyCost(
        PixelCost(3200, 135), PixelCost(3200, 135), _MIN_ASPECT, is_superlinear=True
    ),
    # Where sides halve well, a quarter of that.
    "spectrum_color_wmm": FamilyCost(
        PixelCost(21000, 260), PixelCost(21000, 260), _MIN_ASPECT, is_superlinear=True
    ),
    "stripes": FamilyCost(PixelCost(8, 11), PixelCost(20, 55), _MIN_ASPECT),
    "uniform": FamilyCost(PixelCost(8, 11), PixelCost(8, 11)),
    "voronoi": FamilyCost(PixelCost(45, 26), PixelCost(480, 60)),
    "wmm": FamilyCost(
        PixelCost(21000, 260), PixelCost(21000, 260), _MIN_ASPECT, is_superlinear=True
    ),
}
"""The cost of each family that pixelgen has, by name."""

UNKNOWN = FamilyCost(PixelCost(21000, 600), PixelCost(21000, 600), _MIN_ASPECT, is_superlinear=True)
"""A family from another project counts as the most expensive of ours."""

_FORMATS = {"webp": PixelCost(240, 32)}
_FORMAT = PixelCost(65, 24)  # PNG of noise over a color, and the blending; most take a tenth


def check_cost(job: Job, max_seconds: float, max_bytes: int) -> Cost:
    """Return what the image of a job costs; raise HttpError if that is too much."""
    cost = estimate(job.image.family, job.image.width, job.image.height, job.format.name)
    if cost.seconds > max_seconds:
        needed = f"{cost.seconds:,.1f} seconds of CPU time, and at most {max_seconds:g}"
        raise _too_much(job, needed, "--max-seconds")
    if cost.bytes > max_bytes:
        needed = f"{cost.bytes / 1e6:,.0f} MB of memory, and at most {max_bytes / 1e6:,.0f}"
        raise _too_much(job, needed, "--max-memory")
    return cost


def _too_much(job: Job, needed: str, option: str) -> HttpError:
    image = job.image
    return bad_request(
        f"{image.width}x{image.height} of {str(image.family)[:60]} would take about {needed} are"
        f" allowed; ask for fewer pixels or a cheaper noise, or start the server with a"
        f" larger {option}"
    )


@lru_cache(maxsize=64)
def estimate(family: Mixture, width: int, height: int, format_name: str) -> Cost:
    """Estimate what an image costs; of a mixture, the most expensive of its members."""
    encoding = _FORMATS.get(format_name, _FORMAT)
    costs = [_member_cost(member, width, height) for member in family.members]
    pixels = width * height
    return Cost(
        (max(each.nanoseconds for each in costs) + pixels * encoding.nanoseconds) / 1e9,
        max(each.bytes for each in costs) + pixels * encoding.bytes + _BASE_BYTES,
    )


def _member_cost(member: Member, width: int, height: int) -> PixelCost:
    family = FAMILY_COSTS.get(member.family.name, UNKNOWN)
    is_default = not member.drawn and member.family == type(member.family)()
    return family.estimate(width, height, is_default=is_default)


def clear_table_caches() -> None:
    """Free the tables that families cache for the latest sizes and parameters.

    Each function caches several, and those of large images would take more than the images.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith(("pixelgen.families.", "pixelgen.numeric.")):
            for value in list(vars(module).values()):
                parameters = getattr(value, "cache_parameters", None)
                is_bounded = parameters and parameters()["maxsize"] is not None
                if is_bounded or isinstance(value, cached_tables):
                    value.cache_clear()
