"""PASCAL VOC: an XML file for each image; difficult, occluded and cut objects count, too.

http://host.robots.ox.ac.uk/pascal/VOC/voc2012/: ``bndbox`` counts from 1, and its
last pixel is part of it.
"""

from pathlib import Path

from pixelgen.errors import BadValue
from pixelgen.user_datasets.base import read_lines
from pixelgen.user_datasets.boxes.base import ImageLabels, Labels, NameIndex, check_not_relative
from pixelgen.user_datasets.voc import CORNERS, read_objects


def read(annotations: Path, names: NameIndex, split: str) -> Labels:
    """Read the boxes of the images that have a file; of those in a split, if one is given.

    Raises:
        BadValue: If no image has one, or a file is not one of VOC.
    """
    wanted = (
        _stems_of(annotations.parent / "ImageSets" / "Main" / f"{split}.txt") if split else None
    )
    found: dict[str, ImageLabels] = {}
    used = set()
    for name in sorted(names.names):
        image = Path(name)
        if wanted is not None and image.stem not in wanted:
            continue
        file = annotations / image.with_suffix(".xml")
        if not file.is_file():
            file = annotations / f"{image.stem}.xml"
        if file.is_file():
            found[name] = _read_file(file)
            used.add(file)
    if wanted is None:
        others = {each.name for each in annotations.rglob("[!.]*.xml") if each not in used}
    else:
        others = wanted - {Path(name).stem for name in found}
    names.check_any(found, f"{annotations}, split {split!r}," if split else annotations, others)
    check_not_relative(found.values(), annotations)
    return Labels.noted(found, annotations, others)


def _stems_of(path: Path) -> set[str]:
    if not path.is_file():
        raise BadValue(f"{path} does not exist; give a split that is listed in {path.parent}")
    return {line.split()[0] for line in read_lines(path) if line.split()}


def _read_file(path: Path) -> ImageLabels:
    labels = ImageLabels(str(path))
    objects = read_objects(path)
    for number, box in enumerate(objects.boxes, 1):
        if "" in box:
            missing = CORNERS[box.index("")] if any(box) else "bndbox"
            raise BadValue(
                f"{path}: object {number} has no {missing}; write a bndbox with"
                f" {', '.join(CORNERS)}, or remove the object"
            )
        left, top, right, bottom = map(labels.number, box)
        labels.add([left - 1, top - 1, right, bottom])
    if all(each.isdecimal() and 0 < len(each) < 10 and int(each) for each in objects.sides):
        labels.size = int(objects.sides[0]), int(objects.sides[1])
    return labels
