"""What is asked for: the fields of a request as a job of one image, within limits.

``/pixelgenerate`` covers the whole image with random pixels: over ``tr`` or no colour with an
opaque alpha channel, of a gray in gray, else in RGB; so the reference pictures of the service are.
``/newimage`` is one colour throughout. ``seed``, ``noise`` and ``density`` are extensions: the same
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
from pixelgen.pixlab.server.parsing import Fields, Refusal, bad
from pixelgen.rng import parse_seed

FORMATS = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "bmp": "bmp", "tiff": "tiff", "tif": "tiff",
           "gif": "gif", "webp": "webp"}  # fmt: skip
"""What ``export`` may say, and the format it means."""

LONGEST_SIDE = 16_000
MOST_PIXELS = 1 << 27
"""Above any cap that a user may set: what an image of 16,000 pixels a side would need in memory."""

_DECIDING = ("width", "height", "color", "export", "noise", "density")  # besides the seed
_TRANSPARENT = ("", "tr", "none", "transparent")
_GRAY = re.compile(r"gr[ae]y\d{0,3}")
_NOISE = re.compile(r"[a-z_]{1,30}(:[a-z0-9_=,|.+-]{0,100})?")


def job_of(path: str, fields: Fields, most_pixels: int) -> Job:
    """Return the job of a request; raise Refusal, with what to do, where there is none."""
    deciding = tuple((name, fields[name]) for name in _DECIDING if fields.get(name))
    try:
        seed = parse_seed(fields["seed"]) if fields.get("seed") else secrets.randbits(128)
    except BadValue as error:
        raise bad(str(error)) from None
    return _unseeded(path, deciding, most_pixels).seeded(seed)


@lru_cache(maxsize=16)  # most ask for the same again, and to read it takes as long as a small image
def _unseeded(path: str, deciding: tuple[tuple[str, str], ...], most_pixels: int) -> Job:
    fields = dict(deciding)
    width, height = _sides(fields, most_pixels)
    job = {"count": 1, "width": width, "height": height, "format": _format(fields)}
    color = _color(fields)
    if path == "/newimage":
        color = color or "gray"
        job |= {"color": color, "density": 0.0}
    else:
        job["family"] = _noise(fields)
        if fields.get("density"):
            job |= {"color": color or "tr", "density": fields["density"]}
    return _first_that_goes(job, color)


def _first_that_goes(job: dict[str, object], color: str) -> Job:
    """Make a job in the mode that a colour asks for, or else in RGB, which every format holds."""
    refused = []
    for mode in _modes(color):
        try:
            return _without_files(Job.parse(**job, mode=mode))
        except BadValue as error:
            refused.append(str(error))
    raise bad(refused[0])


def _modes(color: str) -> Iterator[str]:
    if color in _TRANSPARENT:
        yield "RGBA"
    elif _GRAY.fullmatch(color):
        yield "L"
    yield "RGB"


def _without_files(job: Job) -> Job:
    """Refuse families that would read files of this machine."""
    if job.sources:
        raise BadValue("noise made of files of the server is not served")
    return job


def _sides(fields: Fields, most_pixels: int) -> tuple[int, int]:
    """Return width and height, of which a missing one takes the other's value."""
    given = {name: fields[name].strip() for name in ("width", "height") if fields.get(name)}
    if not given:
        raise bad("width and height are missing; give at least one of them, in pixels")
    for name, text in given.items():
        if not re.fullmatch("[0-9]{1,6}", text) or not 1 <= int(text) <= LONGEST_SIDE:
            raise bad(f"{name} {text[:20]!r} is no whole number of pixels in 1..{LONGEST_SIDE}")
    sides = [int(text) for text in given.values()]
    if sides[0] * sides[-1] > most_pixels:
        raise bad(f"{sides[0]}x{sides[-1]} is more than the {most_pixels:,} pixels allowed here")
    return sides[0], sides[-1]


def _color(fields: Fields) -> str:
    """Return the word for a colour, which must be one even where none of it will be seen."""
    word = fields.get("color", "").strip().lower()
    try:
        parse_color(word or "tr")
    except BadValue as error:
        raise bad(str(error)) from None
    return word


def _format(fields: Fields) -> str:
    word = fields.get("export", "").strip().lower() or "png"
    if word not in FORMATS:
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"export {word[:20]!r} is not served; use one of {', '.join(FORMATS)}",
        )
    return FORMATS[word]


def _noise(fields: Fields) -> str:
    noise = fields.get("noise", "").strip() or "uniform"
    if not _NOISE.fullmatch(noise):  # a dotted name would import a module
        raise bad(f"noise {noise[:40]!r} is no family's name; see 'pixelgen list families'")
    return noise
