"""What a job is made from: its fields by name, and how each is read from text."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypedDict

from pixelgen import pixlab_api, registry
from pixelgen.colors import Color, parse_color
from pixelgen.errors import BadValue, suggest_choice
from pixelgen.families import Family
from pixelgen.families.mixture import Member, Mixture
from pixelgen.families.pointwise import Uniform
from pixelgen.formats import Format
from pixelgen.generator import ImageSpec
from pixelgen.layouts import Container, DatasetInfo, Splits
from pixelgen.layouts.dataset_info import SPLIT_WORDS, names_a_split
from pixelgen.layouts.image_indices import ImageIndices, IndexRanges
from pixelgen.layouts.layout import Layout
from pixelgen.rng import parse_seed

_LABEL = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}", re.ASCII)
_PREFIX = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,31}", re.ASCII)
_LONGEST_CLASS = 200  # characters
GENERATED = ("family", "density", "mode", "depth", "seed", "start")
"""The fields that only jobs of generated images have."""
_UNIFORM = Mixture((Member(Uniform()),))
_SIZE = re.compile(r"(-?\d{1,12})(?:[xX](-?\d{1,12}))?")
_LIKE_SIZE = re.compile(r"[\[(]?(\d{1,6})\s*[,;:×xX*/ ]\s*(\d{1,6})[\])]?")


class JobOptions(TypedDict, total=False):
    """What :class:`Job` takes by keyword; each value may also be given as text."""

    count: int | str
    size: str | int | tuple[int, int]
    width: int | str
    height: int | str
    mode: str
    depth: int | str
    color: str | Color | None
    density: float | str | None
    family: str | Family | Mixture | Sequence[str]
    format: str | Format
    layout: str | Layout
    checksum: str
    seed: int | str
    start: int | str | None
    removed: str | IndexRanges | None
    label: str | None
    classes: str | Sequence[str] | None
    first_id: int | str | None
    prefix: str | None
    split: str | Splits | None
    remote: str


class _Field(NamedTuple):
    """What a field is called in messages, of what type it is, and how it is read from text."""

    noun: str
    type: type
    read: Callable[[Any], Any]


def _read_int(text: str) -> int:
    return int(text.strip())


def _read_mixture(value: object) -> Mixture:
    """Make a mixture of a family, or of families as text."""
    if isinstance(value, Mixture):
        return value
    if isinstance(value, Family):
        return Mixture((Member(value),))
    texts = [value] if isinstance(value, str) else value
    if isinstance(texts, list | tuple) and all(isinstance(each, str) for each in texts):
        return Mixture.parse(texts)
    raise TypeError


def _read_label(text: str) -> str:
    label = text.strip()
    if not _LABEL.fullmatch(label):
        raise BadValue(
            f"invalid class {label[:50]!r}: must be of ASCII letters, digits, _ and - (it may"
            " become the name of a folder)"
        )
    if label in SPLIT_WORDS:
        raise BadValue(
            f"invalid class {label!r}: it would be taken for a split; choose another name"
        )
    return label


def _read_classes(value: object) -> tuple[str, ...]:
    """Read names of classes, in their order; in text a backslash keeps a comma within a name."""
    given = value if isinstance(value, list | tuple) else None
    names = [*map(registry.unescape, registry.split_list(str(value)))] if given is None else given
    if not all(isinstance(name, str) for name in names):
        raise TypeError
    read: dict[str, None] = {}  # looked up by name: a plan may list very many
    for name in map(str.strip, names):
        if not name or not name.isprintable() or len(name) > _LONGEST_CLASS:
            raise BadValue(
                f"invalid class {name[:50]!r}: must be 1 to {_LONGEST_CLASS} printable characters"
            )
        if name in read:
            raise BadValue(f"the class {name[:50]!r} is given twice; give each once")
        read[name] = None
    return tuple(read)


def _read_prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise BadValue(
            f"invalid prefix {text[:50]!r}: must be of ASCII letters, digits, _ and -; write neg_"
        )
    if names_a_split(text):
        raise BadValue(
            f"invalid prefix {text!r}: loaders would take it for a split; choose another, as neg_"
        )
    return text


_READERS: Mapping[str, _Field] = {
    "count": _Field("a whole number", int, _read_int),
    "width": _Field("a whole number", int, _read_int),
    "height": _Field("a whole number", int, _read_int),
    "mode": _Field("a mode", str, str.upper),
    "depth": _Field("a whole number", int, _read_int),
    "color": _Field("a color", Color, parse_color),
    "density": _Field("a number", float, float),
    "family": _Field("a family, or a list of them", Mixture, _read_mixture),
    "format": _Field("a format", Format, partial(registry.parse, Format)),
    "layout": _Field("a layout", Layout, Layout.parse),
    "checksum": _Field("a checksum", str, str.lower),
    "seed": _Field("a whole number", int, parse_seed),
    "start": _Field("a whole number", int, _read_int),
    "removed": _Field("indices, such as 17,20-30", IndexRanges, IndexRanges.parse),
    "label": _Field("the name of a class", str, _read_label),
    "classes": _Field("names of classes, or a list of them", tuple, _read_classes),
    "first_id": _Field("a whole number", int, _read_int),
    "prefix": _Field("the beginning of file names", str, _read_prefix),
    "split": _Field("shares of a dataset", Splits, Splits.parse),
    "remote": _Field("an address", str, pixlab_api.parse_address),
}


_MAY_BE_NONE = ("color", "density", "format", "start", "removed", "label", "classes", "first_id",
                "prefix", "split")  # fmt: skip


def parse_size(size: object) -> tuple[int, int]:
    """Read "WxH", "N", N or (W, H) as width and height in pixels; raise BadValue for all else."""
    if isinstance(size, list | tuple) and len(size) == 2:
        width, height = (_read_field("size", side, _READERS["width"]) for side in size)
        return width, height
    sides = _SIZE.fullmatch(str(size).strip())
    if not sides:
        near = _LIKE_SIZE.fullmatch(str(size).strip())
        written = f"{near[1]}x{near[2]}" if near else "300x200, or 300 for a square"
        raise BadValue(
            f"invalid size {str(size)[:50]!r}: must be WIDTHxHEIGHT in pixels; write {written}"
        )
    return int(sides[1]), int(sides[2] or sides[1])


def read_fields(values: Mapping[str, object]) -> dict[str, Any]:
    """Bring the fields that are given to their types; None is not given, where that is allowed."""
    given = {
        name: value
        for name, value in values.items()
        if value is not None or name not in _MAY_BE_NONE
    }
    for name in given:
        if name not in _READERS and name != "size":
            names = {**_READERS, "size": None}
            raise BadValue(f"unknown field {name!r} of a job{suggest_choice(name, names)}")
    if "size" in given:
        if given.keys() & {"width", "height"}:
            raise BadValue("size cannot be combined with width or height; give either")
        given["width"], given["height"] = parse_size(given.pop("size"))
    return {name: _read_field(name, value, _READERS[name]) for name, value in given.items()}


def read_image(fields: Mapping[str, Any]) -> ImageSpec:
    """Return what the images are like, with defaults for what is not given.

    Raises:
        BadValue: For what cannot be drawn.
    """
    color: Color | None = fields.get("color")
    is_opaque = color is None or color.alpha == 255
    return ImageSpec(
        width=fields.get("width", 300),
        height=fields.get("height", 300),
        mode=fields.get("mode") or ("RGB" if is_opaque else "RGBA"),
        depth=fields.get("depth", 8),
        color=color,
        density=fields.get("density"),
        family=fields.get("family", _UNIFORM),
        seed=fields.get("seed", 0),
    )


def check_remote(
    given: Mapping[str, object], image_format: Format, color: Color | None, checksum: str
) -> None:
    """Refuse what cannot be asked of a remote endpoint, rather than do without it.

    Raises:
        BadValue: For a field or a value that the endpoint does not have.
    """
    for name in GENERATED:
        if name in given:
            raise BadValue(
                f"{name} cannot be combined with a remote endpoint, which has none; remove it"
            )
    if image_format != type(image_format)() or image_format.name not in pixlab_api.FORMATS:
        raise BadValue(
            f"the remote endpoint gives {', '.join(pixlab_api.FORMATS)}, without options; not"
            f" {image_format}"
        )
    if color is not None and color.alpha not in (0, 255):
        raise BadValue(
            f"color {color} cannot be combined with a remote endpoint: it has opaque colors, and tr"
        )
    if checksum == "none":
        raise BadValue(
            "--checksum none cannot be combined with a remote endpoint, whose images cannot be"
            " made again"
        )


def check_removed(indices: ImageIndices) -> None:
    """Refuse to remove images that are not there, and to remove all.

    Raises:
        BadValue: For such indices.
    """
    ranges = indices.removed.ranges
    if ranges and not indices.start <= ranges[0][0] <= ranges[-1][1] < indices.stop:
        raise BadValue(
            f"indices {indices.removed} are out of range: the images are {indices.start} to"
            f" {indices.stop - 1}"
        )
    if ranges and not indices:
        raise BadValue("all images would be removed; remove the dataset's directory instead")


def check_layout(layout: Layout, image_format: Format, checksum: str) -> None:
    """Refuse a layout that cannot hold the format, or that lacks checksums that it lists.

    Raises:
        BadValue: For such a layout.
    """
    for component in layout.components:
        if component.needs_checksum and checksum == "none":
            raise BadValue(
                f"layout {component.name} lists checksums and cannot be combined with"
                " --checksum none"
            )
    allowed = layout.container.formats
    if allowed and image_format.name not in allowed:
        raise BadValue(
            f"layout {layout.container.name} holds {' or '.join(allowed)}, not {image_format.name}"
        )


def check_splits(container: Container, info: DatasetInfo) -> None:
    """Refuse splits of which one would have no image.

    Raises:
        BadValue: For such splits.
    """
    for name in info.split_names:
        if info.count and not info.has_images(name):
            raise BadValue(
                f"split {name} would be empty: {container.name} splits by the file, and there are"
                f" {info.shard_count} of {info.shard_size:,} images; give per_shard=…, or make more"
                " images"
                if info.splits_shards and info.shard_size > 1
                else f"split {name} would be empty: none of {info.count} images is in it; make more"
            )


def _read_field(name: str, value: object, field_type: _Field) -> Any:
    """Bring one field from text, or from a like type (numpy's integers), to its own."""
    try:
        if isinstance(value, str) or name in ("family", "classes"):
            return field_type.read(value)
        if isinstance(value, bool):
            raise TypeError
        if isinstance(value, field_type.type):
            return value
        if field_type.type is int:
            return operator.index(value)  # type: ignore[arg-type]
        if field_type.type is float and isinstance(value, int):
            return float(value)
    except BadValue:
        raise
    except (ValueError, TypeError, OverflowError):
        pass
    raise BadValue(f"invalid {name} {str(value)[:50]!r}: must be {field_type.noun}")
