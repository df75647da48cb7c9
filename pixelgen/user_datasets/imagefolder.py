"""ImageFolder: a folder of folders, each of which is a class.

https://pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html: the classes are
the names of the folders, sorted. With splits, each of them is such a folder: root/train/CLASS.
"""

from pathlib import Path

from pixelgen.errors import BadValue
from pixelgen.user_datasets.base import (
    ImageNames,
    UserDataset,
    checked_classes,
    iter_images,
    subfolders,
)

SPLITS = ("train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval")


def is_imagefolder(path: Path) -> bool:
    """Return whether a folder has folders with images."""
    classes = [each for root in _roots(path) for each in subfolders(root)]
    return any(next(iter_images(each), None) for each in classes)


def _roots(path: Path) -> list[Path]:
    """Return the folders of the splits, or the folder itself, whose folders are classes."""
    below = subfolders(path)
    if below and all(each.name in SPLITS for each in below) and any(map(subfolders, below)):
        return below
    return [path]


def read(path: Path) -> UserDataset:
    """Read the classes of a folder of folders.

    Raises:
        BadValue: If its splits have different classes.
    """
    roots, names, counts = _roots(path), ImageNames(), []
    first = next((each for each in roots if each.name.startswith("train")), roots[0])
    classes = [each.name for each in subfolders(first)]
    for root in roots:
        before = names.count
        others = {each.name for each in subfolders(root)} - set(classes)
        if others:
            raise BadValue(
                f"{root} has the class {min(others)[:50]!r}, which {first} has not; give one split,"
                " such as the folder of train"
            )
        for image in iter_images(root):
            names.add(image)
        if root != path:
            counts.append((root.name, names.count - before))
    return UserDataset(
        kind="imagefolder",
        path=path,
        folder=path,
        classes=checked_classes(classes, path),
        stems=frozenset(names.stems),
        images=names.count,
        split_images=tuple(counts),
        image_folders=(path.resolve(),),
    )
