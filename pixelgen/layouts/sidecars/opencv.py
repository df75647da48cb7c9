"""OpenCV's cascade tools: a list of background images, one path a line.

https://docs.opencv.org/4.x/dc/d88/tutorial_traincascade.html. ``opencv_traincascade`` looks for the
paths from the working directory and ``opencv_createsamples`` from the list's own, so both must run
there; one stops at an empty line, the other at a carriage return.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pixelgen.layouts.base import File, ManifestView, Sidecar


@dataclass(frozen=True)
class OpenCv(Sidecar):
    """OpenCV cascades: bg.txt, a path a line, to be used in its own directory; one a --split."""

    name = "opencv"

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the list, or one of each split."""
        for name, split in manifest.split_files("bg", ".txt"):
            yield name, (f"{row['file_name']}\n".encode() for row in manifest.rows(split))
