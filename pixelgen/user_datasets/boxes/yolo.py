"""YOLO: a text file of labels for each image, with a line an object.

https://docs.ultralytics.com/datasets/detect/: class, then center x, center y, width, height as
shares of the image's sides; of segments and oriented boxes the points x, y, x, y, …; of poses a box
and points. An image without such a file has no objects: so it is in Ultralytics' loader.
"""

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from pixelgen.errors import BadValue
from pixelgen.user_datasets.base import read_lines
from pixelgen.user_datasets.boxes.base import ImageLabels, Labels, NameIndex
from pixelgen.user_datasets.yolo import images_of, read_file


def read_folder(folder: Path, source: str, names: NameIndex) -> Labels:
    """Read the labels in a folder, or in its folder ``labels``, beside ``images``.

    Raises:
        BadValue: If no image of the source has any, or for a line that is not one of YOLO.
    """
    if (folder / "labels").is_dir():
        return _read(partial(_beside_images, source), names.names, names, folder / "labels")
    return _read(lambda name: folder / Path(name).with_suffix(".txt"), names.names, names, folder)


def read_dataset(path: Path, source: str, names: NameIndex, split: str) -> Labels:
    """Read the labels of the images in a source, or of those in a ``split`` of a data.yaml.

    Raises:
        BadValue: If it has no such split, no image of the source has labels, or for a line that is
            not one of YOLO.
    """
    file = read_file(path)
    listed: Iterable[str] = names.names
    if split:
        places = [file.resolve(text) for text in file.texts(split)]
        if not places:
            raise BadValue(f"{path} has no split {split!r}; give train, val or test")
        images = {os.path.realpath(image) for place in places for image in images_of(place)}
        listed = [name for name in names.names if os.path.realpath(f"{source}/{name}") in images]
        names.check_any(listed, f"{path}, split {split!r},")
    has_points = "kpt_shape" in file.values
    return _read(partial(_beside_images, source), listed, names, path, has_points=has_points)


def _beside_images(source: str, name: str) -> Path:
    """Return the file of an image's labels: where Ultralytics' img2label_paths looks."""
    path = str(Path(source, name).absolute().with_suffix(".txt"))
    head, found, tail = path.rpartition("/images/")
    return Path(f"{head}/labels/{tail}" if found else path)


def _read(
    file_of: Callable[[str], Path],
    listed: Iterable[str],
    names: NameIndex,
    where: Path,
    *,
    has_points: bool = False,
) -> Labels:
    found, missing = {}, 0
    for name in sorted(listed):
        file = file_of(name)
        if file.is_file():
            found[name] = _read_file(file, has_points=has_points)
        else:
            found[name] = ImageLabels(str(file))
            missing += 1
    if missing == len(found):
        first = file_of(min(names.names))
        raise BadValue(
            f"{where} has labels of none of the {missing:,} images in the source: {first} does not"
            " exist; give the folder of their labels, or the data.yaml"
        )
    note = f"{missing:,} of {len(found):,} images have no file of labels: taken as background"
    return Labels(found, (note,) if missing else ())


def _read_file(path: Path, *, has_points: bool) -> ImageLabels:
    labels = ImageLabels(str(path), is_relative=True)
    for number, line in enumerate(read_lines(path), 1):
        values = line.split()[1:]
        if not line.split():
            continue
        labels.where = f"{path}, line {number}"
        if len(values) >= 6 and len(values) % 2 == 0 and not has_points:
            labels.add_points(values)
        elif len(values) >= 4:
            x, y, width, height = map(labels.number, values[:4])
            labels.add([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
        else:
            raise BadValue(
                f"{labels.where} has {len(values) + 1} values; write class, x, y, width, height"
            )
    return labels
