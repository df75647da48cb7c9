"""BagIt, the File Packaging Format of archives (RFC 8493)."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from pixelgen.layouts.base import File, ManifestView
from pixelgen.layouts.containers._image_files import ImageFiles, all_numbered, numbered
from pixelgen.layouts.dataset_info import DatasetInfo


@dataclass(frozen=True)
class Bagit(ImageFiles):
    """A bag: one file an image under data/, and the bag's own lists of sums beside it."""

    name = "bagit"
    needs_checksum: ClassVar = True

    def folder(self, info: DatasetInfo, index: int) -> str:
        """Return data/, or its sub-folder."""
        return numbered("data", info, index)

    def folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield data/, or its sub-folders."""
        return all_numbered("data", info)

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the bag's declaration, its description, and the sums of the images and of these."""
        declaration = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
        yield "bagit.txt", declaration
        yield "manifest-sha256.txt", _sums(manifest)
        yield "bag-info.txt", _about(manifest)
        yield "tagmanifest-sha256.txt", _tag_sums(manifest, declaration)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of the Library of Congress's bagit."""
        return f"bagit.Bag({root!r}).validate()"


def _sums(manifest: ManifestView) -> Iterator[bytes]:
    for row in manifest.rows():
        yield f"{row['sha256']}  {row['file_name']}\n".encode()


def _about(manifest: ManifestView) -> Iterator[bytes]:
    octets = sum(row["bytes"] for row in manifest.rows())
    yield f"Payload-Oxum: {octets}.{manifest.info.count}\n".encode()


def _tag_sums(manifest: ManifestView, declaration: bytes) -> Iterator[bytes]:
    tags = {
        "bag-info.txt": _about(manifest),
        "bagit.txt": iter([declaration]),
        "manifest-sha256.txt": _sums(manifest),
    }
    for name, chunks in tags.items():
        digest = sha256()
        for chunk in chunks:
            digest.update(chunk)
        yield f"{digest.hexdigest()}  {name}\n".encode()
