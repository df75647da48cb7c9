"""A list for a look at crops: which were cut out of each image of the user's, and where."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

from pixelgen.layouts.base import File, ManifestView, Sidecar

_MOST_CROPS = 100_000  # they are sorted in memory
_COLUMNS = ("file_name", "shard", "crop_x", "crop_y", "crop_width", "crop_height")


@dataclass(frozen=True)
class Review(Sidecar):
    """A list by source image: review.jsonl, of the first 100,000 images that have a source.

    A line for each image of yours: its name, and for each image made of it the file and where it
    was cut out. So an object that has no label is found by looking at one image
    of yours at a time.
    """

    name = "review"
    containers: ClassVar = ()

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the list."""
        yield "review.jsonl", _lines(manifest)


def _lines(manifest: ManifestView) -> Iterator[bytes]:
    crops: dict[str, list[dict[str, Any]]] = {}
    sourced = (row for row in manifest.rows() if row.get("source"))
    for row in islice(sourced, _MOST_CROPS):
        crop = {key: value for key, value in row.items() if key in _COLUMNS}
        crops.setdefault(row["source"], []).append(crop)
    for source, made in sorted(crops.items()):
        yield json.dumps({"source": source, "images": made}).encode() + b"\n"
