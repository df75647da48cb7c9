"""The negatives that are joined to a dataset of the user's: what is there, and what fits."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Self

from pixelgen.dataset.existing_plan import finished_plan
from pixelgen.dataset.manifest_reader import read_records
from pixelgen.dataset.missing_files import check_present
from pixelgen.dataset.source_record import read_sources
from pixelgen.dataset.staging import read_new_plan
from pixelgen.errors import AnotherJob, BadValue, Conflict
from pixelgen.formats import Data
from pixelgen.job import Job
from pixelgen.joining.fitting_fields import (
    count_of_share,
    fitting_command,
    least_ids,
    other_command,
)
from pixelgen.layouts import ManifestView
from pixelgen.storage import LocalStore, Store, open_store
from pixelgen.user_datasets.base import UserDataset

_NAMED = 3  # collisions that a message names


class Part(NamedTuple):
    """A split of the joined dataset, '' for all of it: how many images are whose."""

    split: str
    own: int
    negatives: int


@dataclass(frozen=True)
class Joined:
    """An index of the user's images and of negatives.

    Attributes:
        path: The file.
        parts: The images of each split that negatives joined.
        root: The folder that the file names of a COCO index count from; '' in a data.yaml.
        missing: The user's images that are listed and do not exist, as their names are written.
    """

    path: str
    parts: tuple[Part, ...]
    root: str = ""
    missing: tuple[str, ...] = ()

    @property
    def own(self) -> int:
        """The number of the user's images in the splits that negatives joined."""
        return sum(each.own for each in self.parts)

    @property
    def negatives(self) -> int:
        """The number of negatives."""
        return sum(each.negatives for each in self.parts)


@dataclass(frozen=True)
class Negatives:
    """A finished dataset of image files in a directory."""

    store: Store
    job: Job

    @classmethod
    def open(cls, place: str) -> Self:
        """Open the dataset in a directory, and see that its files are there.

        Raises:
            BadValue: If it is in an object store.
            PixelgenError: If no finished dataset is there.
            Conflict: If it lacks files, or has some of a change that was begun.
        """
        store = open_store(place, follows_links=True)
        if not store.has_local_paths:
            raise BadValue(f"{place} is not a directory, and an index names files; copy it first")
        plan = finished_plan(store)
        check_present(plan.job, store)
        if read_new_plan(plan, store):
            raise Conflict(
                f"{place} has images of a change that was begun; first run the command that began"
                " it again or, to delete them, the one that made the dataset"
            )
        return cls(store, read_sources(plan, store))

    @property
    def root(self) -> str:
        """The directory, absolute and without links."""
        return os.path.realpath(self.store.root)

    def check(self, user: UserDataset) -> None:
        """Refuse negatives that do not fit the user's classes.

        Raises:
            BadValue: If they are not image files.
            AnotherJob: If their classes are others.
        """
        job = self.job
        if job.layout.container.name != "files":
            raise BadValue(
                f"{self.store.root} has layout {job.layout.container.name}, and {user.path} lists"
                " image files; make negatives of layout files"
            )
        ids = job.category_ids or tuple(range(1, len(user.classes) + 1))
        if (job.classes or ()) != user.classes or (user.category_ids or ids) != ids:
            numbers = (job.info.category_numbers, user.category_ids)
            names = (job.info.categories, user.classes)
            theirs, own = (
                _classes(each, number if user.kind == "coco" else ())
                for each, number in zip(names, numbers, strict=True)
            )
            raise AnotherJob(
                f"{self.store.root} has the classes {theirs}, and {user.path} has {own}; for"
                f" negatives that fit, run: {fitting_command(job, user, self.store.root)}"
            )

    def choose(self, split: str, share: Fraction | None, own: int) -> list[int]:
        """Return the indices of the images of a split ('': all), or of the first of them.

        Raises:
            BadValue: If there are fewer than a share of the whole needs.
        """
        job = self.job
        found = (n for n in job.indices if not split or job.info.split(n) == split)
        if share is None:
            return list(found)
        needed = count_of_share(share, own, "your dataset")
        chosen = list(islice(found, needed))
        if len(chosen) < needed:
            most = int(1000 * len(chosen) / (own + len(chosen))) / 1000
            raise BadValue(
                f"a share of {float(share):g} beside {own:,} images needs {needed:,} negatives, and"
                f" {self.store.root} has {len(chosen):,}; make more, or give a share of at most"
                f" {most:g}"
            )
        return chosen

    def check_names(
        self, indices: Sequence[int], user: UserDataset, ids: dict[int, str], paths: Iterable[str]
    ) -> None:
        """Refuse ids and names that are the user's; ``ids`` are theirs that were found, with names.

        ``paths`` are the user's images; they are looked at where names collide.

        Raises:
            AnotherJob: With the ids and names, and the command that makes others.
        """
        names = [name for n in indices if (name := self.job.info.key(n)) in user.stems]
        root = self.store.root
        if names and (again := self._joined_before(names, paths)):
            raise AnotherJob(
                f"{user.path} has images of {root} already, {_first(again)}; to join all of {root},"
                f" give your dataset without them to --into; for other images, run:"
                f" {other_command(self.job, user, root)}"
            )
        said = []
        if ids:
            first = [f"{number} ({name[:100]})" for number, name in sorted(ids.items())]
            said.append(f"ids {_first(first)}: --first-id must be {least_ids(user)} or more")
        if names:
            said.append(f"names {_first(names)}: they need another --prefix")
        if said:
            raise AnotherJob(
                f"images of {root} and of {user.path} have the same {', and '.join(said)}; run:"
                f" {fitting_command(self.job, user, root)}"
            )

    def _joined_before(self, names: Iterable[str], paths: Iterable[str]) -> list[str]:
        """Return the names that files of this dataset have among the user's images."""
        known, root = set(names), Path(self.root)
        same = [path for each in paths if (path := Path(each)).stem in known]
        return sorted(
            path.stem
            for path in same
            if os.path.isfile(path)  # noqa: PTH113 - Path raises OSError where a name is too long
            and path.parent.resolve().is_relative_to(root)
        )

    def rows(self, indices: Sequence[int]) -> Iterator[dict[str, Any]]:
        """Yield the rows of some images, whose indices ascend."""
        job, wanted = self.job, iter(indices)
        view = ManifestView(job.info, job.layout.container, partial(read_records, job, self.store))
        index = next(wanted, None)
        for row in view.rows():
            if row["index"] == index:
                yield row
                index = next(wanted, None)


def _classes(names: tuple[str, ...], ids: tuple[int, ...]) -> str:
    numbered = [f"{name} ({n})" for name, n in zip(names, ids, strict=True)] if ids else [*names]
    text = ", ".join(numbered)
    return text if len(text) <= 2000 else f"{text[:2000]}…"


def _first(texts: list[str]) -> str:
    """Return the first texts of a list, and how many there are."""
    more = f", … ({len(texts):,} in all)" if len(texts) > _NAMED else ""
    return ", ".join(texts[:_NAMED]) + more


@dataclass(frozen=True)
class MergeRequest:
    """What is to be joined, where to, and what of the negatives.

    Attributes:
        user: A COCO file or a data.yaml.
        negatives: Negatives of its classes.
        out: The file to write. Lists of files, which a share of a data.yaml needs, go beside it.
        share: Of the negatives in the whole; the first are taken. None takes all.
        images: Of COCO: the folder that the user's file names count from; None searches it.
        split: Of COCO: the split of the negatives that is taken; None means train, if they have
            splits.
    """

    user: UserDataset
    negatives: Negatives
    out: Path
    share: Fraction | None = None
    images: str | None = None
    split: str | None = None


NewFile = tuple[Path, Callable[[], Iterator[Data]]]
"""A file to write, and what yields its bytes, as often as it is called."""


def check_name(out: Path, suffixes: tuple[str, ...]) -> None:
    """Check the name of the file to write.

    Raises:
        BadValue: Unless it ends in one of some suffixes.
    """
    if out.suffix.lower() not in suffixes:
        name = out.with_suffix(suffixes[0]) if out.name else f"joined{suffixes[0]}"
        raise BadValue(f"{out} must end in {suffixes[0]}; write -o {name}")


def write_new(files: list[NewFile]) -> None:
    """Write files that do not exist, each whole or not at all; keep those that have the bytes.

    Raises:
        Conflict: If one exists with other bytes; then nothing is written.
    """
    stores = [LocalStore(str(path.parent)) for path, _ in files]
    there = [store.exists(path.name) for store, (path, _) in zip(stores, files, strict=True)]
    for store, exists, (path, chunks) in zip(stores, there, files, strict=True):
        if exists and not store.content_equals(path.name, chunks()):
            raise Conflict(f"{path} exists, and is never replaced; choose another name, or move it")
    for store, exists, (path, chunks) in zip(stores, there, files, strict=True):
        if not exists:
            store.create()
            store.remove_stale_files("")
            store.put(path.name, chunks())
            store.sync(path.name)
