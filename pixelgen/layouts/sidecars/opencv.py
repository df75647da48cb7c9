"""OpenCV's cascade tools: a list of background images, one path a line.

https://docs.opencv.org/4.x/dc/d88/tutorial_traincascade.html. ``opencv_traincascade`` resolves
the paths from the working directory and ``opencv_createsamples`` from the list's folder, so both
must run in that folder. One stops at an empty line, the other at a carriage return.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pixelgen.layouts.base import File, ManifestView, Sidecar


@dataclass(frozen=True)
class OpenCv(Sidecar):
    """OpenCV cascades: bg.txt, one path a line, to be used in its directory; one a --split."""

    name = "opencv"

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the list, or one for each split."""
        for name, split in manifest.split_files("bg", ".txt"):
            yield name, (f"{row['file_name']}\n".encode() for row in manifest.rows(split))
