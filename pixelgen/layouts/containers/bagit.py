"""BagIt, the File Packaging Format of archives (RFC 8493)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pixelgen.layouts.base import File, ManifestView
from pixelgen.layouts.containers._image_files import ImageFiles, subfolder, subfolders
from pixelgen.layouts.dataset_info import DatasetInfo
from pixelgen.storage import Chunks
from pixelgen.storage.checksums import sha256_of


@dataclass(frozen=True)
class Bagit(ImageFiles):
    """A bag: one file an image under data/, and the bag's own lists of checksums beside it."""

    name = "bagit"
    needs_checksum: ClassVar = True

    def folder(self, info: DatasetInfo, index: int) -> str:
        """Return data/, or its sub-folder."""
        return subfolder("data", info, index)

    def folders(self, info: DatasetInfo) -> Iterator[str]:
        """Yield data/, or its sub-folders."""
        return subfolders("data", info)

    def index(self, manifest: ManifestView) -> Iterator[File]:
        """Yield the bag's declaration, its description, and the checksums of images and tags."""
        declaration = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
        yield "bagit.txt", declaration
        yield "manifest-sha256.txt", _checksums(manifest)
        yield "bag-info.txt", _payload_size(manifest)
        yield "tagmanifest-sha256.txt", _tag_checksums(manifest, declaration)

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of the Library of Congress's bagit."""
        return f"bagit.Bag({root!r}).validate()"


def _checksums(manifest: ManifestView) -> Iterator[bytes]:
    for row in manifest.rows():
        yield f"{row['sha256']}  {row['file_name']}\n".encode()


def _payload_size(manifest: ManifestView) -> Iterator[bytes]:
    total = sum(row["bytes"] for row in manifest.rows())
    yield f"Payload-Oxum: {total}.{manifest.info.count}\n".encode()


def _tag_checksums(manifest: ManifestView, declaration: bytes) -> Iterator[bytes]:
    tags: dict[str, Chunks] = {
        "bag-info.txt": _payload_size(manifest),
        "bagit.txt": declaration,
        "manifest-sha256.txt": _checksums(manifest),
    }
    for name, data in tags.items():
        yield f"{sha256_of(data)}  {name}\n".encode()
