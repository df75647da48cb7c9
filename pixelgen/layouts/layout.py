"""The layout of a dataset: one container and any number of sidecars."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Self

from pixelgen.errors import BadValue
from pixelgen.layouts.base import Container, File, LayoutComponent, ManifestView, Sidecar
from pixelgen.layouts.containers.files import Files
from pixelgen.layouts.dataset_info import DatasetInfo
from pixelgen.registry import parse

UNIVERSAL = "files,coco,croissant,dlib,hf,opencv,yolo"
"""The components that can share one directory, each stack reading its own files."""

_SEPARATOR = re.compile(r"(?<!\\),(?=[^,=:]+(?:[:,]|$))")  # a comma before anything but key=value
_FILE_NAME = re.compile(r"[^./\s][^/\n]*(/[^./\s][^/\n]*)*")


@dataclass(frozen=True)
class Layout:
    """A container and its sidecars, written as a list: ``files,coco,yolo``.

    >>> str(Layout.parse("yolo,coco")), str(Layout.parse("webdataset:per_shard=50,wids"))
    ('files,coco,yolo', 'webdataset:per_shard=50,wids')
    """

    container: Container = Files()
    sidecars: tuple[Sidecar, ...] = ()

    def __post_init__(self) -> None:
        """Sort the sidecars, drop duplicates, and check that all can be combined."""
        named: dict[str, Sidecar] = {}
        for sidecar in self.sidecars:
            if named.setdefault(sidecar.name, sidecar) != sidecar:
                raise BadValue(
                    f"layout {sidecar} cannot be combined with {named[sidecar.name]}; choose one"
                )
            sidecar.check(self.container)
        for sidecar in self.sidecars:
            for other in sidecar.excludes.keys() & named.keys():
                raise BadValue(
                    f"layout {sidecar.name} cannot be combined with {other}:"
                    f" {sidecar.excludes[other]}; make two datasets"
                )
        object.__setattr__(self, "sidecars", tuple(named[name] for name in sorted(named)))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a list with at most one container; the default container is ``files``.

        ``universal`` stands for all components that can share one directory. A component that is
        named with parameters and without is the one with parameters.

        Raises:
            BadValue: For unknown names and for components that cannot be combined.
        """
        text = re.sub(r"(^|,)\s*universal\s*(?=,|$)", rf"\1{UNIVERSAL}", text)
        found = [parse(LayoutComponent, each) for each in _SEPARATOR.split(text)]
        plain = {type(each)() for each in found if each != type(each)()}
        found = [each for each in found if each not in plain]
        containers = {each for each in found if isinstance(each, Container)}
        if len(containers) > 1:
            names = " and ".join(sorted(map(str, containers)))
            raise BadValue(f"{names} are both containers, and a dataset has one; choose one")
        sidecars = tuple(each for each in found if isinstance(each, Sidecar))
        return cls(next(iter(containers), Files()), sidecars)

    def __str__(self) -> str:
        return ",".join(map(str, self.components))

    @property
    def components(self) -> tuple[LayoutComponent, ...]:
        """The container, then the sidecars."""
        return (self.container, *self.sidecars)

    def with_sidecars(self, others: tuple[Sidecar, ...]) -> "Layout":
        """Return the layout with more sidecars."""
        return Layout(self.container, (*self.sidecars, *others))

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the files that index the dataset."""
        return chain.from_iterable(self.index_by_component(manifest))

    def index_by_component(self, manifest: ManifestView) -> Iterator[Iterator[File]]:
        """Yield the index files of each component; raise BadValue for an unsafe file name."""
        return (_with_safe_names(each, each.index(manifest)) for each in self.components)

    def index_folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield the folders that hold only such files."""
        return chain.from_iterable(each.index_folders(info) for each in self.components)

    def loaders(self, root: str, info: DatasetInfo) -> list[str]:
        """Return the Python calls that load the dataset, as text for the user."""
        calls = (each.loader(root, info) for each in self.components)
        return list(dict.fromkeys(filter(None, calls)))


def _with_safe_names(component: LayoutComponent, files: Iterator[File]) -> Iterator[File]:
    """Yield files whose names are paths inside the dataset, without hidden folders."""
    for name, data in files:
        if not _FILE_NAME.fullmatch(name):
            raise BadValue(
                f"layout {component.name} names a file {name!r}: a name must be a path inside the"
                " dataset in which no folder or file begins with a dot"
            )
        yield name, data
