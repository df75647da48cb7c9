"""Which format a dataset of the user's has, by what is there."""

from collections.abc import Callable
from pathlib import Path

from pixelgen.errors import BadValue
from pixelgen.user_datasets import coco, huggingface, imagefolder, voc, yolo
from pixelgen.user_datasets.base import UserDataset

_KINDS = (
    "a COCO file (.json), a data.yaml, or the folder of a VOC, ImageFolder or Hugging Face dataset"
)
_YAML = (".yaml", ".yml")
_COCO_NAMES = ("annotations/*.json", "coco*.json", "instances*.json", "_annotations.coco.json")


def detect(path: str | Path) -> UserDataset:
    """Read a dataset of the user's: its classes, ids and names. Writes nothing.

    ``path`` is a COCO file, a data.yaml, or a folder.

    Raises:
        BadValue: If it has no format of these, or several, or is damaged; the message says where.
    """
    place = Path(path)
    if place.is_file():
        return _read_file(place)
    if not place.is_dir():
        raise BadValue(f"{place} does not exist; give {_KINDS}")
    found = _candidates(place)
    if len(found) > 1:
        raise BadValue(f"{place} holds {' and '.join(found)}; give the one that you train with")
    if found:
        return next(iter(found.values()))()
    if imagefolder.is_imagefolder(place):
        return imagefolder.read(place)
    raise BadValue(f"{place} is not a labelled dataset; give {_KINDS}")


def _read_file(path: Path) -> UserDataset:
    if path.name in (*huggingface.METADATA, huggingface.INFO):
        return huggingface.read(path.parent)
    if path.suffix.lower() in _YAML:
        return yolo.read(path)
    if path.suffix.lower() == ".json":
        return coco.read(path)
    raise BadValue(f"{path} is not a labelled dataset; give {_KINDS}")


def _candidates(folder: Path) -> dict[str, Callable[[], UserDataset]]:
    """Return what a folder holds, by what names it, and how each is read."""
    found: dict[str, Callable[[], UserDataset]] = {}
    described = [each for each in _files(folder, "*.y*ml") if each.suffix in _YAML]
    named = [each for each in described if each.name == "data.yaml"]
    for each in named or described:
        found[each.name] = lambda each=each: yolo.read(each)  # type: ignore[misc]
    for pattern in _COCO_NAMES:
        for each in _files(folder, pattern):
            found[str(each.relative_to(folder))] = lambda each=each: coco.read(each)  # type: ignore[misc]
    if inner := voc.find_folder(folder):
        found["a VOC dataset"] = lambda: voc.read(folder, inner)
    if huggingface.is_huggingface(folder):
        found["a Hugging Face dataset"] = lambda: huggingface.read(folder)
    return found


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(each for each in folder.glob(pattern) if each.is_file())
