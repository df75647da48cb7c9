"""What makes negatives fit a dataset of the user's: the fields of their job."""

import re
from collections.abc import Mapping
from fractions import Fraction
from itertools import count
from math import floor
from pathlib import Path
from typing import Any

from pixelgen.errors import AnotherJob, BadValue, shell_path
from pixelgen.job import Job
from pixelgen.job_options import read_fields
from pixelgen.rng import SEED_LIMIT
from pixelgen.user_datasets.base import UserDataset

OWN = ("classes", "category_ids", "first_id", "prefix")
"""The fields of a job that a dataset of the user's decides."""
_LAYOUTS = {"coco": "files,coco", "yolo": "files,yolo", "voc": "voc", "imagefolder": "imagefolder"}
_SHARE = re.compile(r"(0?\.[0-9]{1,9})|([0-9]{1,2}(?:\.[0-9]{1,7})?)%", re.ASCII)


def join_fields(user: UserDataset, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a job whose negatives join a dataset: ``given`` with those that fit.

    The classes and their ids are the user's, ids of images follow theirs, and names get a prefix
    where they could be those of the user's images. Without a layout it is that of the dataset.

    Raises:
        BadValue: Where what is given does not fit.
    """
    own = read_fields({name: given[name] for name in OWN if name in given})
    needed = _needed(user)
    if "classes" in own and own["classes"] != needed["classes"]:
        raise BadValue(
            f"the classes {_brief(own['classes'])} are not those of {user.path}:"
            f" {_brief(user.classes)}; remove the classes that you give"
        )
    if "category_ids" in own and own["category_ids"] != needed.get("category_ids"):
        raise BadValue(f"category_ids are not those of {user.path}; remove them")
    least = needed.get("first_id", 0)
    if own.get("first_id", least) < least:
        raise BadValue(
            f"first id {own['first_id']} is taken: {user.path} has ids up to {least - 1}; give"
            f" {least} or more, or none"
        )
    prefix = own.get("prefix", "")
    if prefix and is_taken(prefix, user):
        raise BadValue(
            f"images of {user.path} have names of prefix {prefix!r} and a number; give another"
            " prefix, or none"
        )
    layout = {"layout": _LAYOUTS[user.kind]} if user.kind in _LAYOUTS else {}
    needed |= {"prefix": free_prefix(user)} if not prefix and is_taken("", user) else {}
    return layout | {**given} | needed | own


def _needed(user: UserDataset) -> dict[str, Any]:
    """Return the classes and ids that fit, as :func:`read_fields` returns them."""
    fields: dict[str, Any] = {"classes": user.classes}
    if user.kind == "coco":
        fields |= {"category_ids": user.category_ids, "first_id": least_ids(user)}
    return read_fields(fields)


def is_taken(prefix: str, user: UserDataset) -> bool:
    """Return whether an image of the user's has a name of a prefix and a number.

    So that a larger dataset of the same job has the same prefix, the number may be any.
    """
    size = len(prefix)
    return any(each[:size] == prefix and each[size:].isdecimal() for each in user.stems)


def free_prefix(user: UserDataset) -> str:
    """Return neg_, or the first of neg2_, neg3_, … that no image of the user's has."""
    if not is_taken("neg_", user):
        return "neg_"
    return next(each for n in count(2) if not is_taken(each := f"neg{n}_", user))


def parse_share(text: str) -> Fraction:
    """Read the share of negatives in the whole, above 0 and below 1: 0.1 or 10%.

    Raises:
        BadValue: For anything else.
    """
    found = _SHARE.fullmatch(text.strip())
    share = Fraction(found[1] or Fraction(found[2]) / 100) if found else Fraction(0)
    if not 0 < share < 1:
        raise BadValue(f"invalid share {text[:50]!r}: must be above 0 and below 1; write 0.1")
    return share


def count_of_share(share: Fraction, own: int, place: object) -> int:
    """Return how many negatives are at most a share of the whole of them and ``own`` images.

    Raises:
        BadValue: If there are none.
    """
    negatives = floor(own * share / (1 - share))
    if not negatives:
        raise BadValue(
            f"a share of {float(share):g} beside the {own:,} images of {place} is less than one"
            f" image; give a count, or a share of at least {1 / (own + 1):.2g}"
        )
    return negatives


def check_output(user: UserDataset, out: str) -> None:
    """Refuse to write where files of the dataset are.

    Raises:
        BadValue: If the directory is that of the dataset, or one whose images all belong to it.
    """
    place = Path(out).resolve()
    for folder in (user.path.resolve(), user.folder.resolve(), *user.image_folders):
        is_below = folder in user.image_folders and place.is_relative_to(folder)
        if place == folder or is_below:
            raise BadValue(
                f"output {out} is {'' if place == folder else 'within '}{folder}, whose files"
                " belong to your dataset; choose a directory beside it"
            )


def check_joins(job: Job, user: UserDataset, place: str) -> None:
    """Refuse a finished dataset whose negatives do not fit beside the user's.

    Raises:
        AnotherJob: If its classes, ids or names do not, with the command that makes one that does.
    """
    needed = _needed(user)
    names = {"classes": job.classes or (), "category_ids": job.category_ids}
    wrong = [name for name, value in names.items() if value != needed.get(name)]
    if job.info.first_id < needed.get("first_id", 0):
        wrong.append("first_id")
    if is_taken(job.prefix or "", user):
        wrong.append("prefix")
    if wrong:
        raise AnotherJob(
            f"{place} was made with other {', '.join(wrong)} than {user.path} needs; for negatives"
            f" that fit, run: {fitting_command(job, user, place)}"
        )


def least_ids(user: UserDataset) -> int:
    """Return the first id that is free after those of the user's images."""
    return user.highest_image_id + 1


def fitting_command(job: Job, user: UserDataset, place: str) -> str:
    """Return the command that makes the negatives of a job beside a dataset, in another place."""
    return _command(job, user, place, "", "joined")


def other_command(job: Job, user: UserDataset, place: str) -> str:
    """Return the command that makes negatives as those of a job, but other images."""
    other = (job.image.seed + 1) % SEED_LIMIT
    if job.selection:
        return f"pixelgen mine --model FILE --seed {other} --beside {shell_path(str(user.path))}"
    seed = "" if job.remote else f" --seed {other}"  # images that are fetched differ anyway
    return _command(job, user, place, seed, "more")


def _command(job: Job, user: UserDataset, place: str, seed: str, suffix: str) -> str:
    root = place.rstrip("/")
    needed = _LAYOUTS.get(user.kind, "").removeprefix("files,")
    layout = ""
    if needed in ("coco", "yolo") and needed not in str(job.layout).split(","):
        layout = f" --layout {shell_path(f'{job.layout},{needed}')}"
    remote = " --remote" if job.remote else ""
    if job.selection:
        return (
            f"pixelgen select {shell_path(root)} --beside {shell_path(str(user.path))}{layout}"
            f" -o {shell_path(f'{root}-{suffix}')}"
        )
    return (
        f"pixelgen generate --recipe {shell_path(f'{root}/pixelgen.json')} --beside"
        f" {shell_path(str(user.path))}{layout}{remote}{seed} -o {shell_path(f'{root}-{suffix}')}"
    )


def _brief(names: tuple[str, ...]) -> str:
    text = ", ".join(names)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(names)})"
