"""classes.txt, the list of classes that labelling tools and scripts read beside YOLO labels.

https://github.com/HumanSignal/labelImg, "Create pre-defined classes": UTF-8, one name a line.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pixelgen.layouts.base import File, ManifestView, Sidecar


@dataclass(frozen=True)
class Classes(Sidecar):
    """Names of classes: classes.txt, those of --classes, or the only one; one a line."""

    name = "classes"

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the list."""
        yield "classes.txt", "".join(f"{name}\n" for name in manifest.info.categories).encode()
