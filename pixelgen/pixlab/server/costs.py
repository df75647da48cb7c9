"""What an image takes: CPU time and memory, estimated before it is made.

The figures are measured by ``python -m benchmarks.costs``, which also compares them with those of
another machine: here one core of a virtual machine (x86-64 with AVX2, 2026), in RGB, which takes
more than gray. Each is the greatest of 256x256, 1021x1021 and 1024x1024 pixels, rounded up. The
estimate is a bound rather than a mean: small and narrow images take less.
"""

import sys
from functools import lru_cache
from typing import NamedTuple

from pixelgen.families.mixture import Member, Mixture
from pixelgen.job import Job
from pixelgen.pixlab.server.parsing import Refusal, bad


class Figure(NamedTuple):
    """What a pixel takes: nanoseconds of CPU time, and bytes of memory at the peak."""

    nanoseconds: float
    bytes: float


class FamilyCost(NamedTuple):
    """The figures of a family: of its default parameters, and of those that take most.

    Some families need tables as large as the longer side squared, so the shorter side counts as at
    least ``least`` times the longer. Where matrix products do the work, time per pixel ``grows``
    with the longer side beyond 1,024 pixels.
    """

    usual: Figure
    worst: Figure
    least: float = 0.0
    grows: bool = False

    def estimate(self, width: int, height: int, *, is_usual: bool) -> Figure:
        """Return the nanoseconds and the bytes of an image."""
        figure = self.usual if is_usual else self.worst
        shorter, longer = sorted((width, height))
        pixels = longer * max(shorter, self.least * longer)
        growth = max(1.0, longer / _GROWS_FROM) if self.grows else 1.0
        return Figure(pixels * figure.nanoseconds * growth, pixels * figure.bytes)


class Cost(NamedTuple):
    """What an image takes: seconds of CPU time, and bytes of memory at the peak."""

    seconds: float
    bytes: float


_GROWS_FROM = 1024
_THIN = 1 / 4
_ANY_SIZE = 32 << 20
"""Bytes of the tables that even the smallest image needs."""

FAMILY_COSTS = {
    "blobs": FamilyCost(Figure(90, 110), Figure(250, 110), _THIN, grows=True),
    "checker": FamilyCost(Figure(6, 11), Figure(6, 11)),
    "dead_leaves": FamilyCost(Figure(70, 40), Figure(1900, 150), _THIN),
    "fbm": FamilyCost(Figure(60, 40), Figure(1100, 160), _THIN),
    "fractal": FamilyCost(Figure(60, 30), Figure(1850, 30)),
    "gabor": FamilyCost(Figure(130, 90), Figure(2650, 600), _THIN),
    "gaussian": FamilyCost(Figure(12, 36), Figure(30, 36)),
    "gradient": FamilyCost(Figure(32, 18), Figure(32, 18)),
    "patch_shuffle": FamilyCost(Figure(70, 40), Figure(130, 40), _THIN),
    "perlin": FamilyCost(Figure(30, 20), Figure(90, 30), _THIN),
    "phase_scramble": FamilyCost(Figure(740, 200), Figure(740, 200), _THIN, grows=True),
    "pixel_shuffle": FamilyCost(Figure(170, 40), Figure(350, 120), _THIN, grows=True),
    # On a square whose side is a power of two: 1025x1025 takes as much as 2048x2048.
    "plasma": FamilyCost(Figure(110, 180), Figure(110, 180), least=1.0),
    "rademacher": FamilyCost(Figure(20, 11), Figure(20, 11)),
    "salt_pepper": FamilyCost(Figure(13, 17), Figure(28, 17)),
    "shapes": FamilyCost(Figure(25, 32), Figure(420, 460), grows=True),
    "smooth": FamilyCost(Figure(110, 110), Figure(280, 110), _THIN, grows=True),
    "solid": FamilyCost(Figure(6, 11), Figure(6, 11)),
    "spectrum": FamilyCost(Figure(340, 135), Figure(340, 135), _THIN, grows=True),
    "spectrum_color": FamilyCost(Figure(370, 135), Figure(370, 135), _THIN, grows=True),
    "stripes": FamilyCost(Figure(8, 11), Figure(20, 55), _THIN),
    "uniform": FamilyCost(Figure(8, 11), Figure(8, 11)),
    "voronoi": FamilyCost(Figure(45, 26), Figure(480, 40)),
    "wmm": FamilyCost(Figure(1850, 190), Figure(1850, 190), _THIN, grows=True),
}
"""The figures of each family that pixelgen has, by name."""

UNKNOWN = FamilyCost(Figure(2650, 600), Figure(2650, 600), _THIN, grows=True)
"""A family from another project counts as the most expensive of ours."""

_FORMATS = {"webp": Figure(240, 32)}
_FORMAT = Figure(65, 24)  # PNG of noise over a color, and the blending; most take a tenth


def check_cost(job: Job, most_seconds: float, most_bytes: int) -> Cost:
    """Return what the image of a job takes; raise Refusal if that is too much."""
    cost = estimate(job.family, job.width, job.height, job.format.name)
    if cost.seconds > most_seconds:
        needed = f"{cost.seconds:,.1f} seconds of CPU time, and at most {most_seconds:g}"
        raise _too_much(job, needed, "--max-seconds")
    if cost.bytes > most_bytes:
        needed = f"{cost.bytes / 1e6:,.0f} MB of memory, and at most {most_bytes / 1e6:,.0f}"
        raise _too_much(job, needed, "--max-memory")
    return cost


def _too_much(job: Job, needed: str, option: str) -> Refusal:
    return bad(
        f"{job.width}x{job.height} of {str(job.family)[:60]} would take about {needed} are allowed;"
        f" ask for fewer pixels or a cheaper noise, or start the server with a larger {option}"
    )


@lru_cache(maxsize=64)
def estimate(family: Mixture, width: int, height: int, format_name: str) -> Cost:
    """Estimate what an image takes; of a mix, the most expensive of its members."""
    encoding = _FORMATS.get(format_name, _FORMAT)
    drawn = [_member(member, width, height) for member in family.members]
    pixels = width * height
    return Cost(
        (max(each.nanoseconds for each in drawn) + pixels * encoding.nanoseconds) / 1e9,
        max(each.bytes for each in drawn) + pixels * encoding.bytes + _ANY_SIZE,
    )


def _member(member: Member, width: int, height: int) -> Figure:
    family = FAMILY_COSTS.get(member.family.name, UNKNOWN)
    is_usual = not member.drawn and member.family == type(member.family)()
    return family.estimate(width, height, is_usual=is_usual)


def forget_tables() -> None:
    """Free the tables that families cache for the latest sizes and parameters.

    Each function caches several, and those of large images would take more than the images.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith(("pixelgen.families.", "pixelgen.numeric.")):
            for value in list(vars(module).values()):
                parameters = getattr(value, "cache_parameters", None)
                if parameters and parameters()["maxsize"] is not None:
                    value.cache_clear()
