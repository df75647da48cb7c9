"""Where the image files of a dataset of the user's are, and which of them are not there."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pixelgen.errors import BadValue
from pixelgen.user_datasets.base import UserDataset, subfolders

_SAMPLED = 20  # file names, spread over all: a folder that has none of them has not most of all


class OwnImages(NamedTuple):
    """The folder that file names count from, absolute, and the names that no file there has."""

    root: str
    missing: tuple[str, ...]


def find_images(user: UserDataset, names: Sequence[str], images: str | None) -> OwnImages:
    """Find the folder that the file names of a COCO file count from: / where they are absolute.

    A dataset may lack some of its images, as one that was downloaded often does; a folder that
    lacks more than half of them is another one. ``images`` is the folder, or None to search it.

    Raises:
        BadValue: If the folder is not found, is another one, or if there are several.
    """
    if names and all(map(os.path.isabs, names)):
        return OwnImages("/", check_most(names, "/", f"{user.path} names"))
    if images is None:
        return _search(user, names)
    if not Path(images).is_dir():
        raise BadValue(f"--images {images} is not a folder; give the folder of the images")
    missing = missing_names(names, images)
    if _is_most(missing, names):
        raise BadValue(
            f"--images {images} has {len(names) - len(missing):,} of the {len(names):,} images of"
            f" {user.path}, and not {missing[0][:500]!r}; give the folder of the images"
        )
    return OwnImages(os.path.realpath(images), missing)


def _search(user: UserDataset, names: Sequence[str]) -> OwnImages:
    """Search the folder of the images beside a COCO file, and in the folders there and above."""
    beside, above = user.path.parent, user.path.parent.parent
    places = [beside, *subfolders(beside), *subfolders(beside / "images")]
    places += [above, *subfolders(above), *subfolders(above / "images")]
    sample = names[:: len(names) // _SAMPLED + 1]
    found: dict[str, OwnImages] = {}
    named: set[str] = set()
    for place in places:
        if names and not any(os.path.isfile(place / name) for name in sample):  # noqa: PTH113 - Path raises OSError where a name is too long
            continue
        images = OwnImages(os.path.realpath(place), missing_names(names, str(place)))
        if not _is_most(images.missing, names):
            found[images.root] = images
            if place.name and place.name in user.path.stem:
                named.add(images.root)
    root = os.path.realpath(beside)
    best = [root] if root in found else [*named] or [*found]
    if len(best) != 1:
        what = f"are in {len(found)} folders" if found else "are in no folder beside it"
        raise BadValue(
            f"the images of {user.path}, such as {next(iter(names), '')[:500]!r}, {what}; give"
            " theirs with --images FOLDER"
        )
    return found[best[0]]


def check_most(names: Sequence[str], root: str, subject: str) -> tuple[str, ...]:
    """Return the names that no file has; ``subject`` is what names them, with a verb.

    Raises:
        BadValue: If they are more than half of all.
    """
    missing = missing_names(names, root)
    if _is_most(missing, names):
        raise BadValue(
            f"{subject} {len(names):,} images, and {len(missing):,} do not exist, such as"
            f" {missing[0][:500]!r}; correct their paths, or run this where you train"
        )
    return missing


def missing_names(names: Sequence[str], root: str) -> tuple[str, ...]:
    """Return the names that no file has, counted from a folder; lists each folder once."""
    files: dict[str, frozenset[str]] = {}
    missing = []
    for name in names:
        folder, base = os.path.split(name)
        if folder not in files:
            files[folder] = _files_in(os.path.join(root, folder))  # noqa: PTH118 - many names
        if base not in files[folder]:
            missing.append(name)
    return tuple(missing)


def _is_most(missing: Sequence[str], names: Sequence[str]) -> bool:
    return 2 * len(missing) > len(names)


def _files_in(folder: str) -> frozenset[str]:
    """Return the names of the files in a folder, and of the links to files."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(
                entry.name
                for entry in entries
                if entry.is_file(follow_symlinks=False)
                or (entry.is_symlink() and os.path.isfile(entry.path))  # noqa: PTH113
            )
    except (OSError, ValueError):  # ValueError: a name that no file system can have
        return frozenset()
