"""WebDataset: tar archives in which the files of a sample are adjacent and share a key.

https://github.com/webdataset/webdataset: a key ends at the first dot of a name, and archives are
numbered without gaps.
"""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pixelgen.formats.base import Data
from pixelgen.layouts.base import Samples, ShardRecord
from pixelgen.layouts.containers._sharded import Sharded, file_prefix
from pixelgen.layouts.containers._ustar import END, LATEST, Member, archive, padded_size
from pixelgen.layouts.dataset_info import DatasetInfo, Shard
from pixelgen.layouts.loader_text import archives
from pixelgen.registry import parameter


@dataclass(frozen=True)
class WebDataset(Sharded):
    """Tar archives, negatives-000000.tar and so on: for each image NAME.png, NAME.cls, NAME.json.

    The class is a number, and the JSON is the image's row of the manifest.
    """

    name = "webdataset"
    aliases = ("tar",)

    mtime: int = parameter(
        0, "time of all files in them, in seconds since 1970", low=0, high=LATEST
    )

    def file(self, split: str, number: int, total: int) -> str:
        """Return a number in six digits."""
        return f"{file_prefix(split)}-{number:06d}.tar"

    def pattern(self, split: str) -> str:
        """Return a glob pattern for the files of a split."""
        return f"{file_prefix(split)}-*.tar"

    def pack(self, info: DatasetInfo, shard: Shard, samples: Samples) -> Iterator[Data]:
        """Write an archive."""
        return archive(_members(info, samples), self.mtime)

    def size(self, info: DatasetInfo, shard: Shard, record: ShardRecord) -> int:
        """Add up the members."""
        rows = (padded_size(len(info.row(each)) - 1) for each in record.image_records(shard))
        labels = len(record.sizes) * padded_size(len(str(info.label_number)))
        return sum(rows) + labels + sum(map(padded_size, record.sizes)) + len(END)

    def unpack(self, file: BinaryIO, info: DatasetInfo, shard: Shard) -> Iterator[bytes]:
        """Read each image."""
        try:
            with tarfile.open(fileobj=file) as tar:
                for index in shard.indices:
                    yield _content(tar, info.file(index), info.most_bytes)
        except (tarfile.TarError, KeyError) as error:
            raise ValueError(str(error)) from None

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of webdataset."""
        split = info.first_split
        shards = info.split_units(split, info.shard_count)
        first, last = (self.file(split, number, 0) for number in (0, max(shards - 1, 0)))
        if shards > 1:
            start = len(first) - len("000000.tar")
            first = f"{first[:start]}{{{first[start:-4]}..{last[start:-4]}}}.tar"
        files = archives(root, first, self.pattern(split))
        return (
            f'webdataset.WebDataset({files}, shardshuffle=False).decode("pil")'
            f'.to_tuple("{info.suffix[1:]}", "cls", "json")'
        )


def _content(tar: tarfile.TarFile, name: str, limit: int) -> bytes:
    """Return a file of an archive; raise ValueError for links, sparse files and too large ones."""
    member = tar.getmember(name)
    if not member.isreg() or member.issparse() or member.size > limit:
        raise ValueError(f"its member {name} is not an image")
    with tar.extractfile(member) or io.BytesIO() as file:
        return file.read()


def _members(info: DatasetInfo, samples: Samples) -> Iterator[Member]:
    """Yield the three files of each sample, in the order of their names."""
    image_first, label = info.suffix < ".cls", str(info.label_number).encode()
    for sample in samples:
        key = info.key(sample.number)
        row = info.row(sample.image_record)[:-1]
        if image_first:
            yield key + info.suffix, sample.data
        yield f"{key}.cls", label
        yield f"{key}.json", row
        if not image_first:
            yield key + info.suffix, sample.data


def member_sizes(
    info: DatasetInfo, shard: Shard, record: ShardRecord
) -> Iterator[tuple[str, str, int]]:
    """Yield key, extension and size of each file of an archive, in its order."""
    image_first, label_size = info.suffix < ".cls", len(str(info.label_number))
    for image_record in record.image_records(shard):
        key, image = info.key(image_record.number), (info.suffix[1:], image_record.size)
        row = len(info.row(image_record)) - 1
        others = (("cls", label_size), ("json", row))
        for extension, size in (image, *others) if image_first else (*others, image):
            yield key, extension, size
