"""Tar shards: few large files, for the many and the small."""

import hashlib
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pixelgen.errors import PixelgenError
from pixelgen.formats.base import Data
from pixelgen.layouts.base import Container, Names, Object, Record, Samples, Shard
from pixelgen.parts import option
from pixelgen.store import Chunks, LocalStore

_BLOCK = 512
_BUFFER = 1 << 20
_END = bytes(2 * _BLOCK)


@dataclass(frozen=True)
class Tar(Container):
    """Tar archives of ``per_shard`` images each: negatives-000000.tar and so on."""

    name = "tar"

    per_shard: int = option(1000, "images in an archive", low=1, high=1_000_000)

    def shard_size(self, image_bytes: int) -> int:
        """Return the images in an archive: a shard is one."""
        return self.per_shard

    def write(
        self, store: LocalStore, names: Names, shard: Shard, samples: Samples, *, checksum: bool
    ) -> str:
        """Publish the archive whole, written in pieces of about a megabyte."""
        digest = hashlib.sha256()

        def hashed() -> Iterator[Data]:
            for piece in archive(names, samples):
                digest.update(piece)
                yield piece

        store.put(_file(shard), hashed() if checksum else archive(names, samples))
        return digest.hexdigest() if checksum else ""

    def contents(
        self, names: Names, shard: Shard, samples: Samples
    ) -> Iterator[tuple[str, Chunks]]:
        """Yield the archive."""
        yield _file(shard), archive(names, samples)

    def location(self, names: Names, index: int) -> dict[str, str]:
        """Return the member's name and the archive it is in."""
        number = index // self.per_shard
        return {"file_name": names.file(index), "shard": _file(Shard(number, 0, 0))}

    def files(self, names: Names, shard: Shard) -> Iterator[str]:
        """Yield the archive."""
        yield _file(shard)

    def objects(self, names: Names, shard: Shard, record: Record) -> Iterator[Object]:
        """Yield the archive with its size, which hangs on those of its members."""
        members = sum(_BLOCK + size + -size % _BLOCK for size in record.sizes)
        yield Object(_file(shard), members + len(_END), record.file_hash)

    def folders(self, names: Names) -> Iterator[str]:
        """Yield the root."""
        yield ""

    def read(self, store: LocalStore, names: Names, shard: Shard) -> Iterator[bytes]:
        """Yield each member."""
        import os
        import tarfile

        try:
            with (
                os.fdopen(store.open(_file(shard)), "rb") as file,
                tarfile.open(fileobj=file) as tar,
            ):
                for index in range(shard.start, shard.stop):
                    with tar.extractfile(names.file(index)) or io.BytesIO() as member:
                        yield member.read()
        except (tarfile.TarError, KeyError) as error:
            raise PixelgenError(f"{store.path(_file(shard))} is damaged: {error}") from None

    def loader(self, root: str, shards: int, suffix: str) -> str:
        """Return the call of webdataset."""
        last = f"{max(shards - 1, 0):06d}"
        return f'webdataset.WebDataset("{root}/negatives-{{000000..{last}}}.tar").decode("rgb8")'


def _file(shard: Shard) -> str:
    return f"negatives-{shard.number:06d}.tar"


def archive(names: Names, samples: Samples) -> Iterator[Data]:
    """Yield a ustar archive of the samples (POSIX.1-1988), in pieces of at most about a megabyte.

    Times, owners and groups are 0 and modes 0644, so the bytes hang on names and contents alone.
    """
    buffer = memoryview(bytearray(_BUFFER))
    used = 0
    for index, data in samples:
        header = _header(names.file(index), len(data))
        padding = bytes(-len(data) % _BLOCK)
        if used + _BLOCK + len(data) + _BLOCK > _BUFFER:
            yield buffer[:used]
            used = 0
        if len(data) + 2 * _BLOCK > _BUFFER:
            yield from (header, data, padding)
            continue
        for piece in (header, data, padding):
            buffer[used : used + len(piece)] = piece
            used += len(piece)
    yield buffer[:used]
    yield _END


def _header(name: str, size: int) -> bytes:
    fields = struct.pack(
        "100s8s8s8s12s12s8sc100s8s32s32s8s8s167x",
        *(name.encode(), b"0000644", b"0000000", b"0000000", b"%011o" % size, b"%011o" % 0),
        *(b" " * 8, b"0", b"", b"ustar\x0000", b"", b"", b"0000000", b"0000000"),
    )
    return fields[:148] + b"%06o\x00 " % sum(fields) + fields[156:]
