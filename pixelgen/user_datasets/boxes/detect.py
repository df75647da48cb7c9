"""Which format labels have, by their file or folder."""

from collections.abc import Iterable
from pathlib import Path

from pixelgen.errors import BadValue
from pixelgen.user_datasets import voc as voc_files
from pixelgen.user_datasets.base import subfolders
from pixelgen.user_datasets.boxes import coco, csv, voc, yolo
from pixelgen.user_datasets.boxes.base import Labels, NameIndex

_KINDS = (
    "a COCO file (.json), a data.yaml, a CSV file (file,x,y,w,h), or the folder of YOLO labels or"
    " VOC annotations"
)


def read_labels(path: str, source: str, names: Iterable[str], split: str = "") -> Labels:
    """Read the boxes of the images of a folder.

    Args:
        path: A COCO file, a data.yaml, a CSV file, a folder of YOLO labels, or one of VOC.
        source: The folder of the images.
        names: Their paths below it.
        split: Of which split; '': of all.

    Raises:
        BadValue: For labels that are damaged, not of these images, or of no such format or split.
    """
    place, index = Path(path), NameIndex(names)
    if place.is_dir():
        return _read_folder(place, source, index, split)
    if not place.is_file():
        raise BadValue(f"the labels {path!r} do not exist; give {_KINDS}")
    kind = place.suffix.lower()
    if kind in (".yaml", ".yml"):
        return yolo.read_dataset(place, source, index, split)
    if kind == ".csv":
        return csv.read(place, index, split)
    if kind == ".json":
        _refuse_split(split, f"the COCO file {path}")
        return coco.read(place, index)
    raise BadValue(f"invalid labels {path!r}: must be {_KINDS}")


def _read_folder(folder: Path, source: str, names: NameIndex, split: str) -> Labels:
    if annotations := _find_annotations(folder):
        return voc.read(annotations, names, split)
    coco_files = [*folder.glob("*.json"), *folder.glob("annotations/*.json")]
    if coco_files and not (folder / "labels").is_dir() and not next(folder.rglob("*.txt"), None):
        raise BadValue(f"{folder} holds COCO files; give one of them, such as {min(coco_files)}")
    _refuse_split(split, f"the folder of labels {folder}")
    return yolo.read_folder(folder, source, names)


def _find_annotations(folder: Path) -> Path | None:
    """Return the folder of the XML files of VOC: itself, or Annotations/ below; None if none is."""
    if inner := voc_files.find_folder(folder):
        return inner / "Annotations"
    below = [each for each in subfolders(folder) if each.name.lower() == "annotations"]
    return next((each for each in (folder, *below) if next(each.glob("*.xml"), None)), None)


def _refuse_split(split: str, where: str) -> None:
    if split:
        raise BadValue(
            f"split={split} cannot be taken from {where}, which lists none; give the data.yaml, the"
            f" folder of VOC, a CSV file with a column split, or the labels of {split} alone"
        )
