"""Data Package of Frictionless Data: each file with its size and its hash.

https://specs.frictionlessdata.io/data-package/
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pixelgen.layouts.base import File, ManifestView, Sidecar
from pixelgen.layouts.dataset_info import DatasetInfo


@dataclass(frozen=True)
class DataPackage(Sidecar):
    """Frictionless Data: datapackage.json, of every image with its size and hash."""

    name = "datapackage"

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the descriptor."""
        yield "datapackage.json", _resources(manifest)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of frictionless."""
        return f"frictionless.validate({f'{root}/datapackage.json'!r})"


def _resources(manifest: ManifestView) -> Iterator[bytes]:
    yield b'{"name":"negatives","resources":['
    comma = ""
    for row in manifest.rows():
        told: dict[str, Any] = {
            "name": f"image-{row['index']}",
            "path": row["file_name"],
            "format": row["format"].lower(),
            "bytes": row["bytes"],
        }
        if "sha256" in row:
            told["hash"] = f"sha256:{row['sha256']}"
        yield f"{comma}\n{json.dumps(told)}".encode()
        comma = ","
    yield b"\n]}\n"
