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
from pixelgen.families.member import Member
from pixelgen.families.mixture import Mixture
from pixelgen.families.pointwise import Uniform
from pixelgen.formats import Format
from pixelgen.generator import ImageSpec
from pixelgen.image_types import Sizes, suggest_size
from pixelgen.layouts import Splits
from pixelgen.layouts.dataset_info import SPLIT_WORDS, names_a_split
from pixelgen.layouts.image_indices import IndexRanges
from pixelgen.layouts.layout import Layout
from pixelgen.rng import SEEDS, parse_seed
from pixelgen.user_datasets.base import JSON_LIMIT, LONGEST_CLASS, is_class_name

_LABEL = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}", re.ASCII)
_PREFIX = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,31}", re.ASCII)
_NAMES = re.compile(r"(?:\A|,)((?:\\.|[^,\\])*)", re.DOTALL)  # a backslash keeps a comma
GENERATED = ("family", "density", "mode", "depth", "seed", "start", "selection")
"""The fields that only jobs of generated images have."""
_SIDE = "a whole number of pixels; write a range or a list as size (--size)"
_UNIFORM = Mixture((Member(Uniform()),))


class JobOptions(TypedDict, total=False):
    """What :class:`Job` takes by keyword; each value may also be given as text."""

    count: int | str
    size: str | int | tuple[int, int] | Sizes
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
    label_number: int | str | None
    classes: str | Sequence[str] | None
    category_ids: str | Sequence[int] | None
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
    names = [*map(registry.unescape, _NAMES.findall(str(value)))] if given is None else given
    if not all(isinstance(name, str) for name in names):
        raise TypeError
    read: dict[str, None] = {}  # looked up by name: a plan may list very many
    for name in map(str.strip, names):
        if not name:
            raise BadValue(
                f"the name of class {len(read) + 1} is empty; write a name before and after each"
                " comma: cat,dog"
            )
        if not is_class_name(name):
            raise BadValue(
                f"invalid class {name[:50]!r}: must be 1 to {LONGEST_CLASS} printable characters"
            )
        if name in read:
            raise BadValue(f"the class {name[:50]!r} is given twice; give each once")
        read[name] = None
    return tuple(read)


def _read_ids(value: object) -> tuple[int, ...]:
    """Read ids of categories: integers, or text with commas between them."""
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or any(isinstance(each, bool) for each in given):
        raise TypeError
    ids = [int(each) if isinstance(each, str) else operator.index(each) for each in given]
    for each in ids:
        if not 0 <= each <= JSON_LIMIT:
            raise BadValue(f"invalid category id {str(each)[:50]}: must be 0 to {JSON_LIMIT}")
    if len(set(ids)) < len(ids):
        raise BadValue("category_ids has the same id twice; give each once")
    return tuple(ids)


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


def _read_selection(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise BadValue(f"invalid selection {text[:70]!r}: must be a SHA-256 in hexadecimal")
    return text


_READERS: Mapping[str, _Field] = {
    "count": _Field("a whole number", int, _read_int),
    "width": _Field(_SIDE, int, _read_int),
    "height": _Field(_SIDE, int, _read_int),
    "mode": _Field("a mode", str, str.upper),
    "depth": _Field("a whole number", int, _read_int),
    "color": _Field("a color", Color, parse_color),
    "density": _Field("a number", float, float),
    "family": _Field("a family, or a list of them", Mixture, _read_mixture),
    "format": _Field("a format", Format, partial(registry.parse, Format)),
    "layout": _Field("a layout", Layout, Layout.parse),
    "checksum": _Field("a checksum", str, str.lower),
    "seed": _Field(f"{SEEDS}, or random", int, parse_seed),
    "start": _Field("a whole number", int, _read_int),
    "removed": _Field("indices, such as 17,20-30", IndexRanges, IndexRanges.parse),
    "label": _Field("the name of a class", str, _read_label),
    "label_number": _Field("a whole number", int, _read_int),
    "classes": _Field("names of classes, or a list of them", tuple, _read_classes),
    "category_ids": _Field("whole numbers, or a list of them", tuple, _read_ids),
    "first_id": _Field("a whole number", int, _read_int),
    "prefix": _Field("the beginning of file names", str, _read_prefix),
    "split": _Field("shares of a dataset", Splits, Splits.parse),
    "selection": _Field("a SHA-256", str, _read_selection),
    "remote": _Field("an address", str, pixlab_api.parse_address),
}


_MAY_BE_NONE = ("color", "density", "format", "start", "removed", "label", "label_number",
                "classes", "category_ids", "first_id", "prefix", "split", "selection")  # fmt: skip


def parse_size(size: object) -> Sizes:
    """Read "WxH", "N", N, (W, H) or ranges such as "256..640" and "320x240|640x480", in pixels.

    Raises:
        BadValue: For anything else.
    """
    if isinstance(size, Sizes):
        return size
    sides = size if isinstance(size, list | tuple) else ()
    if len(sides) == 2 and all(re.fullmatch(r"\s*[+-]?\d+\s*", str(side)) for side in sides):
        width, height = (_read_field("size", side, _READERS["width"]) for side in sides)
        return Sizes.of(width, height)
    text = ",".join(map(str, sides)) or str(size).strip()
    if found := Sizes.parse(text):
        return found
    raise BadValue(
        f"invalid size {text[:50]!r}: must be WIDTHxHEIGHT in pixels, a range LOW..HIGH, or a list"
        f" A|B of these; write {suggest_size(text[:50])}"
    )


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
    if "size" in given and given.keys() & {"width", "height"}:
        raise BadValue("size cannot be combined with width or height; give either")
    fields = {
        name: _read_field(name, value, _READERS[name])
        for name, value in given.items()
        if name != "size"
    }
    if "size" in given:
        fields["size"] = parse_size(given["size"])
    _check_classes(fields)
    return fields


def read_image(fields: Mapping[str, Any]) -> ImageSpec:
    """Return what the images are like, with defaults for what is not given.

    Raises:
        BadValue: For what cannot be drawn.
    """
    color: Color | None = fields.get("color")
    is_opaque = color is None or color.alpha == 255
    return ImageSpec(
        size=fields.get("size") or Sizes.of(fields.get("width", 300), fields.get("height", 300)),
        mode=fields.get("mode") or ("RGB" if is_opaque else "RGBA"),
        depth=fields.get("depth", 8),
        color=color,
        density=fields.get("density"),
        family=fields.get("family", _UNIFORM),
        seed=fields.get("seed", 0),
    )


def _check_classes(fields: dict[str, Any]) -> None:
    """Drop category ids that count from 1, as they do by default, and refuse contradictions.

    Raises:
        BadValue: For ids that do not fit the classes, and for a class number that stands for
            another of the user's classes than the label.
    """
    classes, ids = fields.get("classes", ()), fields.get("category_ids")
    if ids is not None and len(ids) != len(classes):
        raise BadValue(
            f"category_ids has {len(ids)} ids for {len(classes)} classes; give one for each class"
        )
    if ids == tuple(range(1, len(classes) + 1)):
        del fields["category_ids"]
    number, label = fields.get("label_number"), fields.get("label")
    if number is None or number < 0 or not classes:
        return
    if label in classes and number != classes.index(label):
        raise BadValue(
            f"class number {number} is not that of class {label!r}, which is"
            f" {classes.index(label)}; remove one of the two"
        )
    if label not in classes and number < len(classes):
        own = f", or name that class: --class {classes[number]}"
        raise BadValue(
            f"class number {number} is that of your class {classes[number]!r}; give"
            f" {len(classes)} or more{own if _LABEL.fullmatch(classes[number]) else ''}"
        )


def check_alpha(image: ImageSpec, image_format: Format) -> None:
    """Refuse a format that would not keep the alpha channel.

    Raises:
        BadValue: For such a format.
    """
    if image.mode.endswith("A") and image.is_opaque and image_format.drops_opaque_alpha:
        raise BadValue(
            f"{image_format.name} drops an alpha channel that is opaque throughout; use mode"
            f" {image.mode[:-1]}, or a color that is not opaque"
        )


def check_remote(
    given: Mapping[str, object], image_format: Format, image: ImageSpec, checksum: str
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
    if image.color is not None and image.color.alpha not in (0, 255):
        raise BadValue(
            f"color {image.color} cannot be combined with a remote endpoint: it has opaque colors,"
            " and tr"
        )
    if not image.size.is_fixed:
        raise BadValue(
            f"size {image.size} cannot be combined with a remote endpoint, whose images all have"
            " one size; write one, such as 300x200"
        )
    if checksum == "none":
        raise BadValue(
            "--checksum none cannot be combined with a remote endpoint, whose images cannot be"
            " made again"
        )


def _read_field(name: str, value: object, field_type: _Field) -> Any:
    """Bring one field from text, or from a like type (numpy's integers), to its own."""
    try:
        if isinstance(value, str) or name in ("family", "classes", "category_ids"):
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
