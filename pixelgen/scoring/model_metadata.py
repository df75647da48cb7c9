"""What is known of a model beside its graph: metadata in it, and JSON files beside it.

Ultralytics writes ``task``, ``imgsz``, ``names``, ``stride``, ``end2end`` and the ``args`` of the
export into the model, as literals of Python. Hugging Face has ``preprocessor_config.json`` and
``config.json``.
"""

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, TypeGuard

from pixelgen.errors import BadValue
from pixelgen.scoring.score_kinds import MOST_CLASSES

TASKS = ("detect", "segment", "pose", "obb", "classify")
"""The tasks of Ultralytics."""

_LONGEST = 1 << 20


@dataclass(frozen=True)
class ImageProcessor:
    """What ``preprocessor_config.json`` says of the images.

    Attributes:
        type: ``image_processor_type``; '' if it has none.
        size: Width and height; None if it has none.
        scale: Factor of the levels.
        mean: Subtracted from the scaled levels, for each channel.
        std: What they are then divided by.
    """

    type: str
    size: tuple[int, int] | None
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class ModelMetadata:
    """What is known of a model beside its graph.

    Attributes:
        task: Of Ultralytics; '' if the model is not of it.
        size: Width and height of its images; None if unknown.
        stride: Of which width and height are multiples; 1 if unknown.
        end2end: Whether the metadata says that boxes are already selected.
        names: Of its classes; () if unknown.
        has_names: Whether they are in the model, where they count all its classes.
        processor: Of Hugging Face, or None.
    """

    task: str
    size: tuple[int, int] | None
    stride: int
    end2end: bool
    names: tuple[str, ...]
    has_names: bool
    processor: ImageProcessor | None


def read_metadata(path: str, metadata: Mapping[str, str]) -> ModelMetadata:
    """Read the metadata in a model and the JSON files beside it.

    Raises:
        BadValue: Where they are damaged.
    """
    task = metadata.get("task", "")
    task = task if task in TASKS else ""
    names = _literal_names(path, metadata)
    return ModelMetadata(
        task=task,
        size=_literal_size(path, metadata),
        stride=_literal_stride(path, metadata),
        end2end=metadata.get("end2end") == "True" or "'nms': True" in metadata.get("args", ""),
        names=names or _names_beside(path),
        has_names=bool(names),
        processor=None if task else _read_processor(path),
    )


def _literal(path: str, metadata: Mapping[str, str], key: str) -> Any:
    """Return the value of a key, or None."""
    text = metadata.get(key)
    if text is None:
        return None
    try:
        if len(text) > _LONGEST:
            raise ValueError
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise _unreadable(path, key, text) from None


def _unreadable(path: str, key: str, value: object) -> BadValue:
    return BadValue(
        f"metadata {key!r} of the model {path} cannot be read: {str(value)[:40]!r}; export the"
        " model again"
    )


def _literal_size(path: str, metadata: Mapping[str, str]) -> tuple[int, int] | None:
    """Return width and height: Ultralytics writes [height, width]."""
    value = _literal(path, metadata, "imgsz")
    if value is None:
        return None
    sides = value if isinstance(value, list | tuple) else (value, value)
    if len(sides) != 2 or not all(_is_side(side) for side in sides):
        raise _unreadable(path, "imgsz", value)
    return sides[1], sides[0]


def _is_side(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 1 << 16


def _literal_stride(path: str, metadata: Mapping[str, str]) -> int:
    value = _literal(path, metadata, "stride")
    if value is None:
        return 1
    if isinstance(value, list) and value and all(_is_side(each) for each in value):
        value = max(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not _is_side(value):
        raise _unreadable(path, "stride", value)
    stride: int = value
    return stride


def _literal_names(path: str, metadata: Mapping[str, str]) -> tuple[str, ...]:
    value = _literal(path, metadata, "names")
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    names = _to_names(value)
    if not names:
        raise _unreadable(path, "names", value)
    return names


def _to_names(value: object) -> tuple[str, ...]:
    """Return the names of a mapping of numbers to names; () if it is not one."""
    if not isinstance(value, dict) or not all(isinstance(n, str | int) for n in value.values()):
        return ()
    try:
        names = {int(key): str(name) for key, name in value.items()}
    except (ValueError, TypeError):
        return ()
    if not names or min(names) < 0 or max(names) >= MOST_CLASSES:
        return ()
    return tuple(names.get(number, str(number)) for number in range(max(names) + 1))


def _names_beside(path: str) -> tuple[str, ...]:
    return _to_names(_read_json(Path(path).with_name("config.json")).get("id2label"))


def _read_json(file: Path) -> dict[str, Any]:
    """Return the object in a file; {} if it is not found."""
    if not file.is_file():
        return {}
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadValue(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadValue(
            f"{file}, beside the model, is not a JSON object; correct it, or move the model"
        )
    return value


def _read_processor(path: str) -> ImageProcessor | None:
    file = Path(path).with_name("preprocessor_config.json")
    values = _read_json(file)
    if not values:
        return None
    try:
        return _to_processor(values)
    except (TypeError, ValueError, OverflowError):
        raise BadValue(
            f"{file} has a value that cannot be read; correct its size, image_mean, image_std or"
            " rescale_factor"
        ) from None


def _to_processor(values: Mapping[str, Any]) -> ImageProcessor:
    scale = float(values.get("rescale_factor", 1 / 255)) if values.get("do_rescale", True) else 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    if values.get("do_normalize", "image_mean" in values):
        mean = tuple(float(each) for each in values.get("image_mean", mean))
        std = tuple(float(each) for each in values.get("image_std", std))
    if not all(map(isfinite, (scale, *mean, *std))) or 0 in {scale, *std}:
        raise ValueError
    return ImageProcessor(
        str(values.get("image_processor_type", "")), _processor_size(values), scale, mean, std
    )


def _processor_size(values: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return width and height: of the crop, if one is cut out, since the model is fed that."""
    size = values.get("crop_size") if values.get("do_center_crop") else None
    size = size or values.get("size")
    if isinstance(size, dict):
        side = size.get("shortest_edge")
        sides = (size.get("width", side), size.get("height", side))
    else:
        sides = (size, size)
    if sides == (None, None):
        return None
    width, height = sides
    if not _is_side(width) or not _is_side(height):
        raise ValueError
    return width, height
