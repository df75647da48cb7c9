"""BagIt, the File Packaging Format of archives (RFC 8493)."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from pixelgen.layouts.base import Catalogue, File
from pixelgen.layouts.containers._image_files import Loose, all_numbered, numbered
from pixelgen.layouts.dataset_info import Roster


@dataclass(frozen=True)
class Bagit(Loose):
    """A bag: one file an image under data/, and the bag's own lists of sums beside it."""

    name = "bagit"
    needs_checksum: ClassVar = True

    def folder(self, roster: Roster, index: int) -> str:
        """Return data/, or its sub-folder."""
        return numbered("data", roster, index)

    def folders(self, roster: Roster) -> Iterator[str]:
        """Yield data/, or its sub-folders."""
        return all_numbered("data", roster)

    def index(self, catalogue: Catalogue) -> Iterator[File]:
        """Yield the bag's declaration, its description, and the sums of the images and of these."""
        declaration = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
        yield "bagit.txt", declaration
        yield "manifest-sha256.txt", _sums(catalogue)
        yield "bag-info.txt", _about(catalogue)
        yield "tagmanifest-sha256.txt", _tag_sums(catalogue, declaration)

    def loader(self, root: str, roster: Roster) -> str:
        """Return the call of the Library of Congress's bagit."""
        return f"bagit.Bag({root!r}).validate()"


def _sums(catalogue: Catalogue) -> Iterator[bytes]:
    for row in catalogue.rows():
        yield f"{row['sha256']}  {row['file_name']}\n".encode()


def _about(catalogue: Catalogue) -> Iterator[bytes]:
    octets = sum(row["bytes"] for row in catalogue.rows())
    yield f"Payload-Oxum: {octets}.{catalogue.roster.count}\n".encode()


def _tag_sums(catalogue: Catalogue, declaration: bytes) -> Iterator[bytes]:
    tags = {
        "bag-info.txt": _about(catalogue),
        "bagit.txt": iter([declaration]),
        "manifest-sha256.txt": _sums(catalogue),
    }
    for name, chunks in tags.items():
        digest = sha256()
        for chunk in chunks:
            digest.update(chunk)
        yield f"{digest.hexdigest()}  {name}\n".encode()
