"""The layout of a set as a whole: one container, and any sidecars that go with it."""

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
"""What can live together in one directory, each stack seeing its own."""

_NEXT = re.compile(r"(?<!\\),(?=[^,=:]+(?:[:,]|$))")  # a comma before anything but key=value
_NAME = re.compile(r"[^./\s][^/\n]*(/[^./\s][^/\n]*)*")


@dataclass(frozen=True)
class Layout:
    """A container and its sidecars, spelled as a list: ``files,coco,yolo``.

    >>> str(Layout.parse("yolo,coco")), str(Layout.parse("webdataset:per_shard=50,wids"))
    ('files,coco,yolo', 'webdataset:per_shard=50,wids')
    """

    container: Container = Files()
    sidecars: tuple[Sidecar, ...] = ()

    def __post_init__(self) -> None:
        """Put the sidecars in order, each once, and have each look at the container."""
        named: dict[str, Sidecar] = {}
        for sidecar in self.sidecars:
            if named.setdefault(sidecar.name, sidecar) != sidecar:
                raise BadValue(f"{sidecar} and {named[sidecar.name]} cannot both be written")
            sidecar.check(self.container)
        object.__setattr__(self, "sidecars", tuple(named[name] for name in sorted(named)))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a list of parts, at most one of them a container; without one it is ``files``.

        ``universal`` stands for all that can live together in one directory. Raises BadValue for
        what is unknown and for parts that do not go together.
        """
        text = re.sub(r"(^|,)\s*universal\s*(?=,|$)", rf"\1{UNIVERSAL}", text)
        found = [parse(LayoutComponent, each) for each in _NEXT.split(text)]
        containers = {each for each in found if isinstance(each, Container)}
        if len(containers) > 1:  # one that has parameters is meant where it is named without, too
            containers -= {type(each)() for each in containers if each != type(each)()}
        if len(containers) > 1:
            names = " and ".join(sorted(map(str, containers)))
            raise BadValue(f"{names} are both containers, and images go to one; choose either")
        sidecars = tuple(each for each in found if isinstance(each, Sidecar))
        return cls(next(iter(containers), Files()), sidecars)

    def __str__(self) -> str:
        return ",".join(map(str, self.parts))

    @property
    def parts(self) -> tuple[LayoutComponent, ...]:
        """The container, then the sidecars."""
        return (self.container, *self.sidecars)

    def with_sidecars(self, others: tuple[Sidecar, ...]) -> "Layout":
        """Return the layout with some sidecars more."""
        return Layout(self.container, (*self.sidecars, *others))

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the files that index the set."""
        return chain.from_iterable(self.indexes(manifest))

    def indexes(self, manifest: ManifestView) -> Iterator[Iterator[File]]:
        """Yield those of each part by themselves; raise BadValue for a name outside the set."""
        return (_within(each, each.index(manifest)) for each in self.parts)

    def index_folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield the folders that such files have to themselves."""
        return chain.from_iterable(each.index_folders(info) for each in self.parts)

    def loaders(self, root: str, info: DatasetInfo) -> list[str]:
        """Return the calls that load the set, to show to people."""
        return [call for each in self.parts if (call := each.loader(root, info))]


def _within(part: LayoutComponent, files: Iterator[File]) -> Iterator[File]:
    """Yield files whose names are paths within the set, with nothing hidden in them."""
    for name, data in files:
        if not _NAME.fullmatch(name):
            raise BadValue(
                f"layout {part.name} names a file {name!r}: it must be a path within the set, no"
                " part of which begins with a dot"
            )
        yield name, data
