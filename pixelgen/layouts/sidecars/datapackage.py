"""Data Package of Frictionless Data: a list of files, each with its size and hash.

https://specs.frictionlessdata.io/data-package/
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pixelgen.layouts.base import File, ManifestView, Sidecar, json_array
from pixelgen.layouts.dataset_info import DatasetInfo
from pixelgen.layouts.loader_text import is_pattern


@dataclass(frozen=True)
class DataPackage(Sidecar):
    """Frictionless Data: datapackage.json, a list of the images with their sizes and hashes."""

    name = "datapackage"

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the descriptor."""
        yield "datapackage.json", _descriptor(manifest)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of frictionless."""
        file = repr(f"{root}/datapackage.json")
        if is_pattern(root):  # which validate() would search for several packages
            return f"frictionless.Package.from_descriptor({file}).validate()"
        return f"frictionless.validate({file})"


def _descriptor(manifest: ManifestView) -> Iterator[bytes]:
    yield b'{"name":"negatives","resources":'
    yield from json_array(_resources(manifest))
    yield b"}\n"


def _resources(manifest: ManifestView) -> Iterator[str]:
    for row in manifest.rows():
        resource: dict[str, Any] = {
            "name": f"image-{row['index']}",
            "path": row["file_name"],
            "format": row["format"].lower(),
            "bytes": row["bytes"],
        }
        if "sha256" in row:
            resource["hash"] = f"sha256:{row['sha256']}"
        yield json.dumps(resource)
