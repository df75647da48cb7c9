"""One index of a dataset of the user's and of negatives: a COCO file, or a data.yaml."""

import os
from pathlib import Path

from pixelgen.errors import BadValue, shell_path
from pixelgen.joining import merge_coco, merge_yolo
from pixelgen.joining.fitting_fields import parse_share
from pixelgen.joining.negatives import Joined, MergeRequest, Negatives
from pixelgen.user_datasets.base import UserDataset
from pixelgen.user_datasets.detect import detect

FILE_KINDS = ("coco", "yolo")
"""The kinds of datasets that have one file to join."""


def merge(
    dataset: str | os.PathLike[str],
    into: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    share: str | float | None = None,
    images: str | os.PathLike[str] | None = None,
) -> Joined:
    """Write one index of the user's images and of negatives. Their files stay as they are.

    Negatives with splits join the same splits of a data.yaml; a COCO file gets those of train.

    Args:
        dataset: A directory of negatives of the user's classes, of layout files.
        into: A COCO file, or a data.yaml.
        out: The file to write: .json or .yaml. One that exists is not replaced.
        share: Of the negatives in the whole, above 0 and below 1; the first are taken. None: all.
        images: Of COCO: the folder that file names count from; None searches it beside the file.

    Returns:
        The file, with the number of images of both.

    Raises:
        BadValue: If a dataset cannot be joined.
        AnotherJob: If classes differ, or ids or names collide; the message says which.
        Conflict: If the negatives lack files, or ``out`` exists with other bytes.
    """
    user = detect(os.fspath(into))
    if user.kind not in FILE_KINDS:
        raise BadValue(
            f"{user.path} is a dataset of kind {user.kind}, which has no file to join; mix it at"
            f" run time, as this prints: pixelgen merge {shell_path(os.fspath(dataset))} --into"
            f" {shell_path(str(user.path))}"
        )
    negatives = Negatives.open(os.fspath(dataset))
    part = None if share is None else parse_share(str(share))
    folder = None if images is None else os.fspath(images)
    return merge_request(MergeRequest(user, negatives, Path(out), part, folder))


def merge_request(request: MergeRequest) -> Joined:
    """Write the index that is requested.

    Raises:
        BadValue: For what a data.yaml does not have.
    """
    request.negatives.check(request.user)
    if request.user.kind == "coco":
        return merge_coco.merge_coco(request)
    for name, value in (("--images", request.images), ("--split", request.split)):
        if value is not None:
            raise BadValue(f"{name} is for COCO files, and a data.yaml names its own; remove it")
    return merge_yolo.merge_yolo(request)


def loader_call(user: UserDataset, joined: Joined) -> str:
    """Return the call that loads an index that was written."""
    return merge_coco.loader(joined) if user.kind == "coco" else merge_yolo.loader(joined)
