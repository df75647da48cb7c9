"""Presets: mixtures with a name, most of them from the literature.

They reproduce definitions, not bytes: the images are rendered by pixelgen.
"""

from dataclasses import dataclass

from pixelgen.errors import BadValue
from pixelgen.registry import split_list


@dataclass(frozen=True)
class Preset:
    """A mixture with a name: a one-line description, what it is for, its origin, and its members.

    ``false_positives`` says what was measured of a model trained with it. ``sourced`` members read
    the user's images, and are omitted without a source; a preset that requires one
    ``needs_source``.
    """

    about: str
    purpose: str
    origin: str
    false_positives: str
    members: tuple[str, ...]
    sourced: tuple[str, ...] = ()
    needs_source: bool = False

    def with_source(self, source: str) -> tuple[str, ...]:
        """Return all members, with ``source=DIR`` in those that read the user's images."""
        sourced = (f"{member}{',' if ':' in member else ':'}{source}" for member in self.sourced)
        return (*self.members, *sourced)


_SIGMAS = "10|15|25|40|60|85"
_WAVES = "1.5|2.5|4|6|10|15|25|40|60|85"
_UNMEASURED = "not measured"
_EVALUATION = "testing out-of-distribution detection as the paper does"

PRESETS = {
    "default": Preset(
        "random pixels, textures, dead leaves and plain patterns",
        'backgrounds of many kinds, for a detector or a "background" class',
        "pixelgen; the members of classic, and of lwn as they first were",
        "1.10 x those of classic [1.05, 1.14]; with another seed 1.04 x [0.99, 1.09]",
        (
            "uniform",
            f"smooth:sigma={_WAVES},scale=global|channel|colorrange,side=224",
            "spectrum:a=0.5..3.5",
            "spectrum:sx=0.5..3.5",
            # The rounds of the paper, ten, take five times as long.
            "spectrum_color:rounds=2",
            "wmm:r=0.4..0.8,rounds=2",
            "dead_leaves=2",
            "dead_leaves:shape=square",
            "dead_leaves:shape=oriented",
            "dead_leaves:fill=spectrum",
            # Few stripes of primary colors repeat themselves, or are all of one color.
            "stripes=0.5:n=2..20",
            "stripes=0.5:n=10..20,tone=primary",
            "gradient",
            "blobs:sigma=1.5..4,side=96",
        ),
    ),
    "classic": Preset(
        "random pixels and six kinds of structure, in equal parts",
        "backgrounds that cost little time; no mixture was measured to be better",
        "pixelgen",
        "what the others are compared with",
        (
            "uniform",
            f"smooth:sigma={_WAVES},scale=global|channel|colorrange,side=224",
            "spectrum:a=0.5..3.5",
            "dead_leaves",
            "stripes:n=2..20,tone=random|primary",
            "gradient",
            "blobs:sigma=1.5..4,side=96",
        ),
    ),
    "ninco17": Preset(
        "the synthetic unit tests of NINCO: 15, or 17 with source=DIR",
        _EVALUATION,
        'Bitterwolf, Mueller and Hein, "In or Out?", ICML 2023',
        _UNMEASURED,
        (
            "uniform",
            "rademacher",
            "gaussian:sigma=12.75|19.125|25.5|38.25|51|76.5|127.5",
            "blobs:sigma=1.5|2|2.5|3|3.5|4,side=96",
            f"smooth:sigma={_SIGMAS},side=224",
            f"smooth:sigma={_SIGMAS},scale=channel,side=224",
            f"smooth:sigma={_SIGMAS},scale=colorrange,side=224",
            "solid",
            "solid:tone=gray",
            "solid:tone=black",
            "solid:tone=white",
            "stripes:n=3",
            "stripes:n=3,tone=primary",
            "stripes:n=4|5|7|10|15|20,direction=horizontal",
            "stripes:n=4|5|7|10|15|20,direction=vertical",
        ),
        ("pixel_shuffle", "pixel_shuffle:sigma=1|1.5|2|3|4|6|8,side=224"),
    ),
    "oe": Preset(
        "the synthetic test sets of Outlier Exposure, with -1 as black and 1 as white",
        _EVALUATION,
        "Hendrycks, Mazeika and Dietterich, ICLR 2019",
        _UNMEASURED,
        (
            "gaussian:sigma=63.75",
            "rademacher",
            "blobs:sigma=1.5,channels=blurred,border=symmetric",
        ),
    ),
    "odin": Preset(
        "the noise of ODIN",
        _EVALUATION,
        "Liang, Li and Srikant, ICLR 2018",
        _UNMEASURED,
        ("uniform", "gaussian:sigma=255"),
    ),
    "ceda": Preset(
        "blurred noise and blurred shuffled pixels, half each; needs source=DIR",
        "training a classifier to be unsure off your data, as the paper does",
        "Hein, Andriushchenko and Bitterwolf, CVPR 2019",
        _UNMEASURED,
        ("smooth:sigma=1..2.5,border=symmetric",),
        ("pixel_shuffle:sigma=1..2.5,stretch=true,border=symmetric",),
        needs_source=True,
    ),
    "lwn": Preset(
        "dead leaves, spectra and wavelets to learn to see by",
        "textures like those of photographs, beside classic",
        'Baradad et al., "Learning to See by Looking at Noise", NeurIPS 2021',
        "1.26 x those of classic [1.19, 1.35]; half of each, 1.04 x [0.99, 1.10]",
        (
            "dead_leaves:shape=square",
            "dead_leaves:shape=oriented",
            "dead_leaves",
            "dead_leaves:fill=spectrum_color_wmm",
            "spectrum:sx=0.5..3.5,palette=true",
            "spectrum_color",
            "wmm",
            "spectrum_color_wmm",
        ),
    ),
    "co": Preset(
        "Gabor noise of one direction, an adversarial perturbation",
        "testing a network against procedural noise",
        'Co et al., "Procedural Noise Adversarial Examples", CCS 2019',
        _UNMEASURED,
        (
            "gabor:frequency=0.125,overlap=141,cut=1.375,direction=one,tone=gray,stretch=true",
        ),
    ),
}  # fmt: skip


def expand(name: str, parameters: str) -> tuple[str, ...]:
    """Return the members of a preset, which may be given ``source=DIR``.

    Raises:
        BadValue: For other parameters, and where images are needed or not read.
    """
    preset = PRESETS[name]
    if not parameters:
        if preset.needs_source:
            raise BadValue(f"preset {name!r} needs your images; write {name}:source=DIR")
        return preset.members
    if not preset.sourced:
        raise BadValue(
            f"preset {name!r} reads no images and has no parameters; remove ':{parameters[:50]}'"
        )
    keys = [pair.partition("=")[0].strip() for pair in split_list(parameters)]
    if keys != ["source"] or not parameters.partition("=")[2].strip():
        raise BadValue(
            f"preset {name!r}: invalid parameters {parameters[:50]!r}: it has only the parameter"
            f" source; write {name}:source=DIR"
        )
    return preset.with_source(parameters.strip())
