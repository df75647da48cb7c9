"""``--classes``: names with commas between them, or the file that they are in."""

import os
from typing import TYPE_CHECKING

from pixelgen.errors import BadValue, shell_path

if TYPE_CHECKING:
    from pathlib import Path

_YAML = (".yaml", ".yml")
_SUFFIXES = (*_YAML, ".txt", ".names", ".csv", ".json")


def load_classes(text: str) -> str | list[str]:
    """Return names of classes: those in a file, if the text is the path of one, else the text.

    A file has a name on each line, or is a data.yaml, of which ``names`` is read.

    Raises:
        BadValue: If the file does not exist, cannot be read, or has no names. A text without commas
            is taken for a path if it has a slash, or ends as the name of a file does.
    """
    from pathlib import Path

    path = os.path.expanduser(text)  # noqa: PTH111 - Path raises OSError where a list is too long
    if os.path.isfile(path):  # noqa: PTH113
        return _read_file(Path(path))
    if "," in text or not ("/" in text or text.lower().endswith(_SUFFIXES)):
        return text
    if os.path.isdir(path):  # noqa: PTH112
        raise BadValue(
            f"the classes {text!r} are a folder; if it is that of your dataset, give --beside"
            f" {shell_path(text)}"
        )
    raise BadValue(
        f"the file of classes {text[:200]!r} does not exist; correct the path, or give names, such"
        " as cat,dog, or a file with one per line"
    )


def _read_file(path: "Path") -> list[str]:
    from pixelgen.user_datasets.base import checked_classes, read_lines, read_text
    from pixelgen.user_datasets.yolo import YoloFile, class_names, load_yaml

    suffix = path.suffix.lower()
    if suffix == ".json":
        raise BadValue(
            f"the file of classes {path} is JSON, and must have one class per line; if it is a COCO"
            f" file, give --beside {shell_path(str(path))}"
        )
    if suffix in _YAML:
        values = load_yaml(read_text(path), path)
        values = values if isinstance(values, dict) else {}
        return [*class_names(YoloFile(path, values, path.parent, keeps_path=False))]
    names = [line for line in read_lines(path) if line.strip()]
    if not names:
        raise BadValue(f"the file of classes {path} is empty; write one class per line")
    return [*checked_classes(names, path)]
