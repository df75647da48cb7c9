"""What is requested: the parameters of a request as a job of one image, within limits.

``/pixelgenerate`` covers the whole image with random pixels: with an opaque alpha channel if the
color is ``tr`` or absent, in gray if it is a gray, else in RGB, as the images of the service are.
``/newimage`` has one color throughout. ``seed``, ``noise`` and ``density`` are extensions: the same
seed gives the same bytes.
"""

import re
import secrets
from collections.abc import Iterator
from functools import lru_cache
from http import HTTPStatus

from pixelgen.colors import parse_color
from pixelgen.errors import BadValue
from pixelgen.job import Job
from pixelgen.pixlab.server.errors import HttpError, bad_request
from pixelgen.pixlab.server.parsing import Fields
from pixelgen.rng import SEEDS, parse_seed

EXPORT_FORMATS = {
    "png": "png", "jpeg": "jpeg", "jpg": "jpeg", "bmp": "bmp", "tiff": "tiff", "tif": "tiff",
    "gif": "gif", "webp": "webp",
}  # fmt: skip
"""The values of ``export``, and the format that each stands for."""

MAX_SIDE = 16_000
MAX_PIXELS = 1 << 27
"""More than any limit that a user may set: an image of 16,000 pixels a side needs more memory."""

_JOB_FIELDS = ("width", "height", "color", "export", "noise", "density")  # besides the seed
_TRANSPARENT = ("", "tr", "none", "transparent")
_GRAY = re.compile(r"gr[ae]y\d{0,3}")
_NOISE = re.compile(r"[a-z_]{1,30}(:[a-z0-9_=,|.+-]{0,100})?")


def parse_job(path: str, fields: Fields, max_pixels: int) -> Job:
    """Return the job of a request; raise HttpError, with what to do, if it is invalid."""
    job_fields = tuple((name, fields[name]) for name in _JOB_FIELDS if fields.get(name))
    try:
        seed = parse_seed(fields["seed"]) if fields.get("seed") else secrets.randbits(128)
    except BadValue:
        raise bad_request(
            f"invalid seed {fields['seed'][:50]!r}: must be {SEEDS}; without one it is random"
        ) from None
    return _parse_unseeded_job(path, job_fields, max_pixels).with_seed(seed)


@lru_cache(maxsize=16)  # most clients repeat a request, and parsing takes as long as a small image
def _parse_unseeded_job(path: str, job_fields: tuple[tuple[str, str], ...], max_pixels: int) -> Job:
    fields = dict(job_fields)
    width, height = _parse_size(fields, max_pixels)
    job = {"count": 1, "width": width, "height": height, "format": _parse_export(fields)}
    color = _check_color(fields)
    if path == "/newimage":
        color = color or "gray"
        job |= {"color": color, "density": 0.0}
    else:
        job["family"] = _parse_noise(fields)
        if fields.get("density"):
            job |= {"color": color or "tr", "density": fields["density"]}
    return _first_valid_job(job, color)


def _first_valid_job(job: dict[str, object], color: str) -> Job:
    """Return the job in the mode that its color implies, or else in RGB, which all formats have."""
    errors = []
    for mode in _preferred_modes(color):
        try:
            return _without_files(Job.parse(**job, mode=mode))
        except BadValue as error:
            errors.append(str(error))
    raise bad_request(errors[0])


def _preferred_modes(color: str) -> Iterator[str]:
    if color in _TRANSPARENT:
        yield "RGBA"
    elif _GRAY.fullmatch(color):
        yield "L"
    yield "RGB"


def _without_files(job: Job) -> Job:
    if job.image_sources:
        raise BadValue("invalid noise: must not be made of files of the server")
    return job


def _parse_size(fields: Fields, max_pixels: int) -> tuple[int, int]:
    """Return width and height, of which a missing one takes the other's value."""
    given = {name: fields[name].strip() for name in ("width", "height") if fields.get(name)}
    if not given:
        raise bad_request("width and height are missing; give at least one of them, in pixels")
    for name, text in given.items():
        if not re.fullmatch("[0-9]{1,6}", text) or not 1 <= int(text) <= MAX_SIDE:
            raise bad_request(
                f"invalid {name} {text[:20]!r}: must be a whole number of pixels in 1..{MAX_SIDE}"
            )
    sides = [int(text) for text in given.values()]
    if sides[0] * sides[-1] > max_pixels:
        raise bad_request(
            f"invalid size {sides[0]}x{sides[-1]}: must have at most {max_pixels:,} pixels"
        )
    return sides[0], sides[-1]


def _check_color(fields: Fields) -> str:
    """Return the color as it was given, once it is known to be one, whether it is used or not."""
    word = fields.get("color", "").strip().lower()
    try:
        parse_color(word or "tr")
    except BadValue as error:
        raise bad_request(str(error)) from None
    return word


def _parse_export(fields: Fields) -> str:
    word = fields.get("export", "").strip().lower() or "png"
    if word not in EXPORT_FORMATS:
        raise HttpError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"invalid export {word[:20]!r}: must be one of {', '.join(EXPORT_FORMATS)}",
        )
    return EXPORT_FORMATS[word]


def _parse_noise(fields: Fields) -> str:
    noise = fields.get("noise", "").strip() or "uniform"
    if not _NOISE.fullmatch(noise):  # a dotted name would import a module
        raise bad_request(
            f"invalid noise {noise[:40]!r}: must be a family; see 'pixelgen list families'"
        )
    return noise
