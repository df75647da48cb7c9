"""Croissant, MLCommons' description of datasets in JSON-LD.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html, version 1.0. Images and manifest are
two separate record sets, because the reference reader loses the manifest's values when it joins
them. The manifest's fields are extracted by column, because it reads JSON lines as a table.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pixelgen.errors import BadValue
from pixelgen.layouts.base import File, ManifestView, Sidecar
from pixelgen.layouts.containers._image_files import has_subfolders
from pixelgen.layouts.dataset_info import DatasetInfo
from pixelgen.registry import parameter
from pixelgen.storage.checksums import MeasuredChunks

_TERMS = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty",
    "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField",
    "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator",
    "source", "subField", "transform",
)  # fmt: skip
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,99}", re.ASCII)
_ADDRESS = re.compile(r"https?://[!-~]{1,500}", re.ASCII)
_TYPES = {bool: "sc:Boolean", int: "sc:Integer", float: "sc:Float", str: "sc:Text"}


@dataclass(frozen=True)
class Croissant(Sidecar):
    """Croissant: croissant.json, a description of the images and of the manifest's columns."""

    name = "croissant"

    license: str = parameter("", "the license: its SPDX identifier, such as CC0-1.0, or its URL")

    def __post_init__(self) -> None:
        """Check the license."""
        super().__post_init__()
        given = self.license
        if given and not _SPDX.fullmatch(given) and not _ADDRESS.fullmatch(given):
            raise BadValue(
                f"layout 'croissant': license={given[:80]} must be an SPDX identifier or a URL;"
                " write CC0-1.0"
            )

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the description."""
        yield "croissant.json", _description(manifest, self.license)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of mlcroissant; with splits it gives the rows of the first one.

        The records of images do not say which image they are of.
        """
        dataset = f"mlcroissant.Dataset({f'{root}/croissant.json'!r})"
        if not info.splits:
            return f'{dataset}.records("images")'
        return (
            f'[row for row in {dataset}.records("manifest")'
            f' if row["manifest/split"] == {info.first_split.encode()!r}]'
        )


def _description(manifest: ManifestView, given: str) -> Iterator[bytes]:
    lines = MeasuredChunks(manifest.lines())
    columns: dict[str, Any] = {}
    for line in lines:
        columns = columns or json.loads(bytes(line))
    # A license is a URL; https://spdx.org/licenses names those of the identifiers.
    address = f"https://spdx.org/licenses/{given}" if _SPDX.fullmatch(given) else given
    description = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": "negatives",
        "description": f"{manifest.info.count:,} negative samples, written by pixelgen.",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        **({"license": address} if given else {}),
        "version": "1.0.0",
        "distribution": [_manifest(manifest, lines.sha256), _images(manifest.info)],
        "recordSet": [_image_records(), _manifest_records(columns)],
    }
    yield json.dumps(description, indent=1).encode() + b"\n"


def _manifest(manifest: ManifestView, sha256: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": "manifest.jsonl",
        "name": manifest.container.manifest,
        "contentUrl": manifest.container.manifest,
        "encodingFormat": "application/jsonlines",
        "sha256": sha256,
    }


def _images(info: DatasetInfo) -> dict[str, Any]:
    folder = "images/*" if has_subfolders(info) else "images"
    return {
        "@type": "cr:FileSet",
        "@id": "image-files",
        "name": "image-files",
        "encodingFormat": f"image/{info.format}",
        "includes": f"{folder}/*{info.suffix}",
    }


def _image_records() -> dict[str, Any]:
    image = {
        "@type": "cr:Field",
        "@id": "images/image",
        "name": "image",
        "dataType": "sc:ImageObject",
        "source": {"fileSet": {"@id": "image-files"}, "extract": {"fileProperty": "content"}},
    }
    return {"@type": "cr:RecordSet", "@id": "images", "name": "images", "field": [image]}


def _manifest_records(columns: dict[str, Any]) -> dict[str, Any]:
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"manifest/{column}",
            "name": column,
            "dataType": _TYPES[type(value)],
            "source": {"fileObject": {"@id": "manifest.jsonl"}, "extract": {"column": column}},
        }
        for column, value in columns.items()
    ]
    return {"@type": "cr:RecordSet", "@id": "manifest", "name": "manifest", "field": fields}
