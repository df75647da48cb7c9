"""YOLO: a text file of labels for each image, with a line an object.

https://docs.ultralytics.com/datasets/detect/: class, then center x, center y, width, height as
shares of the image's sides; of segments and oriented boxes the points x, y, x, y, …; of poses a box
and points: only the data.yaml says by ``kpt_shape`` that lines are such. An image without such a
file has no objects: so it is in Ultralytics' loader.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pixelgen.errors import BadValue, PixelgenError
from pixelgen.user_datasets.base import read_lines, read_text
from pixelgen.user_datasets.boxes.base import ImageLabels, Labels, NameIndex
from pixelgen.user_datasets.yolo import images_of, load_yaml, read_file

_NOT_LABELS = frozenset(("classes.txt", "train.txt", "val.txt", "test.txt"))
"""Lists of classes and images, which tools write beside labels."""

_EDGE = 0.001  # of a side: what is kept of a box at the edge of an image


def read_folder(folder: Path, source: str, names: NameIndex) -> Labels:
    """Read the labels in a folder, or in its folder ``labels``, beside ``images``.

    Raises:
        BadValue: If no image of the source has any, or for a line that is not one of YOLO.
    """
    file_of: Callable[[str], Path]
    if (folder / "labels").is_dir():
        folder, file_of = folder / "labels", partial(_beside_images, source)
    else:
        file_of = lambda name: folder / Path(name).with_suffix(".txt")  # noqa: E731
    reader = _LineReader(_find_keypoint_values(folder))
    return _read(file_of, names.names, names, folder, reader)


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
    reader = _LineReader(_keypoint_values(file.values, path))
    return _read(partial(_beside_images, source), listed, names, path, reader)


def _keypoint_values(values: Mapping[str, Any], path: Path) -> int:
    """Return how many values of keypoints a line has, as a data.yaml says; 0 if it says none."""
    shape = values.get("kpt_shape")
    if shape is None:
        return 0
    try:
        points, dimensions = map(int, shape)
    except (TypeError, ValueError):
        points, dimensions = 0, 0
    if points < 1 or dimensions not in (2, 3):
        raise BadValue(
            f"{path}: kpt_shape is {str(shape)[:50]}; write the number of keypoints, and 2 or 3"
            " values for each: [17, 3]"
        )
    return points * dimensions


def _find_keypoint_values(folder: Path) -> int | None:
    """Return the same of the data.yaml in a folder or the two above; None without a valid one."""
    for each in (folder, *folder.absolute().parents[:2]):
        path = each / "data.yaml"
        if not path.is_file():
            continue
        try:
            values = load_yaml(read_text(path), path)
            is_described = isinstance(values, dict) and "names" in values
            return _keypoint_values(values, path) if is_described else None
        except PixelgenError:  # it was not asked for: lines are read without it
            return None
    return None


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
    reader: "_LineReader",
) -> Labels:
    found, missing = {}, 0
    for name in sorted(listed):
        file = file_of(name)
        if file.is_file():
            found[name] = reader.read(file)
        else:
            found[name] = ImageLabels(str(file))
            missing += 1
    others = _files_without_image({file_of(name) for name in names.names})
    if missing == len(found):
        first = file_of(min(names.names))
        other = f", though {min(others)} does" if others else ""
        raise BadValue(
            f"{where} has labels of none of the {missing:,} images in the source: {first} does not"
            f" exist{other}; give the folder of their labels, or the data.yaml"
        )
    why = f", {missing:,} of them without a file of labels" if missing else ""
    labels = Labels.noted(found, where, others, why)
    return replace(labels, notes=(*labels.notes, *reader.add_poses(where)))


def _files_without_image(used: set[Path]) -> list[str]:
    """Return the names of the other files of labels in the folders of some."""
    found = {path for folder in {each.parent for each in used} for path in folder.glob("[!.]*.txt")}
    return [path.name for path in found - used if path.name not in _NOT_LABELS]


@dataclass
class _LineReader:
    """Reads files of labels, whose lines of points are polygons, or boxes with keypoints.

    Attributes:
        keypoint_values: How many values of keypoints a line has; 0: lines of points are polygons;
            None: unknown.
        poses: Where that is unknown, by file: its labels, and what its lines are if they have
            keypoints.
        lengths: The numbers of values that these lines have.
    """

    keypoint_values: int | None
    poses: list[tuple[ImageLabels, ImageLabels]] = field(default_factory=list)
    lengths: set[int] = field(default_factory=set)

    def read(self, path: Path) -> ImageLabels:
        """Read a file.

        Raises:
            BadValue: For a line that is not one of YOLO.
        """
        labels = ImageLabels(str(path), is_relative=True)
        poses = ImageLabels(str(path), is_relative=True)
        for number, line in enumerate(read_lines(path), 1):
            if texts := line.split():
                labels.where = poses.where = f"{path}, line {number}"
                self._read_line(texts[1:], labels, poses)
        labels.where = str(path)  # a box outside the image may be of any line
        if poses.boxes:
            self.poses.append((labels, poses))
        return labels

    def _read_line(self, texts: list[str], labels: ImageLabels, poses: ImageLabels) -> None:
        if len(texts) < 4:
            raise BadValue(
                f"{labels.where} has {len(texts) + 1} values; write class, x, y, width, height"
            )
        if self.keypoint_values:
            self._check_length(len(texts), labels.where)
        elif len(texts) >= 6 and len(texts) % 2 == 0:
            values = [*map(labels.number, texts)]
            _check_no_visibility(values, labels.where)
            labels.add_points(values)
            if self.keypoint_values is None:
                self.lengths.add(len(texts))
                _add_pose(values, poses)
            return
        x, y, width, height = map(labels.number, texts[:4])
        labels.add([x - width / 2, y - height / 2, x + width / 2, y + height / 2])

    def _check_length(self, length: int, where: str) -> None:
        expected = 4 + (self.keypoint_values or 0)
        if length not in (4, expected):
            raise BadValue(
                f"{where} has {length + 1} values, and by kpt_shape in data.yaml a line has"
                f" {expected + 1}: class, x, y, width, height and keypoints; correct one of the two"
            )

    def add_poses(self, where: Path) -> list[str]:
        """Add to the labels what lines are if they have keypoints, and return a note of that.

        Lines of different lengths are polygons: all objects have the same number of keypoints.
        """
        if len(self.lengths) != 1 or not self.poses:
            return []
        for labels, poses in self.poses:
            labels.boxes.extend(poses.boxes)
        return [
            f"lines of {min(self.lengths) + 1} values in {where} may be polygons, or boxes with"
            " keypoints: crops avoid both; give the data.yaml as labels, which says what they are"
        ]


def _check_no_visibility(values: list[float], where: str) -> None:
    """Raise BadValue if every third value after a box is a visibility, of which some are 2."""
    flags = values[6::3]
    if len(values) % 3 == 1 and 2 in flags and {*flags} <= {0, 1, 2}:
        raise BadValue(
            f"{where}: every third value is 0, 1 or 2, as the visibility of keypoints; give the"
            " data.yaml as labels, with their number: kpt_shape: [17, 3]"
        )


def _add_pose(values: list[float], poses: ImageLabels) -> None:
    """Add the box that values begin with, if they can be one, cut to the image."""
    x, y, width, height = values[:4]
    if width >= 0 and height >= 0:
        low = [min(max(each, 0), 1 - _EDGE) for each in (x - width / 2, y - height / 2)]
        high = [min(max(each, _EDGE), 1) for each in (x + width / 2, y + height / 2)]
        poses.add([*low, *(max(pair) for pair in zip(low, high, strict=True))])
