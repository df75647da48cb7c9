"""Parquet, as Hugging Face datasets hold images: a struct of bytes and path, with typed columns.

https://huggingface.co/docs/datasets/image_dataset; the schema's metadata marks the struct
as an image.
"""

import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from pixelgen.errors import PixelgenError, install_extra
from pixelgen.formats.base import Data
from pixelgen.layouts.base import Sample, Samples
from pixelgen.layouts.containers._sharded import Sharded
from pixelgen.layouts.dataset_info import DatasetInfo, Shard
from pixelgen.layouts.loader_text import is_pattern, load_shards

if TYPE_CHECKING:
    import pyarrow as pa

_GROUP_BYTES, _GROUP_ROWS = 16 << 20, 1000
_TYPES = {bool: "bool", int: "int64", float: "float64", str: "string"}
_IN_IMAGE = ("image", "file_name", "shard")


@dataclass(frozen=True)
class Parquet(Sharded):
    """Parquet files, data/train-00000-of-00008.parquet and so on; needs the extra parquet.

    Columns: the image, and the row of the manifest.
    """

    name = "parquet"
    formats: ClassVar = ("png", "jpeg", "webp", "bmp", "tiff", "gif", "avif")

    def file(self, split: str, number: int, total: int) -> str:
        """Return the number and the total; without splits all images are for training."""
        return f"data/{split or 'train'}-{number:05d}-of-{total:05d}.parquet"

    def pattern(self, split: str) -> str:
        """Return a glob pattern for the files of a split."""
        return f"data/{split or 'train'}-*.parquet"

    def encoded_by(self) -> str:
        """Return the version of pyarrow, which it writes into each file."""
        _arrow()
        from importlib.metadata import version

        return f"pyarrow {version('pyarrow')}"

    def pack(self, info: DatasetInfo, shard: Shard, samples: Samples) -> Iterator[Data]:
        """Write a file, one row group at a time."""
        pa, pq = _arrow()
        sink, left = _Sink(), iter(samples)
        group = _group(info, left)
        schema = _schema(group[0])
        with pq.ParquetWriter(sink, schema, compression="none") as writer:
            while group:
                writer.write_table(pa.Table.from_pylist(group, schema))
                yield from sink.drain()
                group = _group(info, left)
        yield from sink.drain()

    def unpack(self, file: BinaryIO, info: DatasetInfo, shard: Shard) -> Iterator[bytes]:
        """Read the image from each row."""
        _, pq = _arrow()
        try:
            for batch in pq.ParquetFile(file).iter_batches(columns=["image"]):
                yield from (image["bytes"] for image in batch.column(0).to_pylist())
        except (OSError, TypeError, KeyError) as error:  # what pyarrow raises for flipped bits
            raise ValueError(str(error)) from None

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of Hugging Face datasets."""
        split = info.first_split or "train"
        if is_pattern(root):
            return load_shards(self.name, root, self.pattern(info.first_split), split)
        return f"datasets.load_dataset({root!r}, split={split!r})"


class _Sink(io.RawIOBase):
    """Where pyarrow writes to: keeps what was written until it is taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        self._written += len(self._pieces[-1])
        return len(self._pieces[-1])

    def tell(self) -> int:
        return self._written

    def drain(self) -> list[bytes]:
        pieces, self._pieces = self._pieces, []
        return pieces


def _group(info: DatasetInfo, samples: Iterator[Sample]) -> list[dict[str, Any]]:
    """Take the rows of a group, each with its image: at least one, if one is left."""
    group, size = [], 0
    for sample in samples:
        image = {"bytes": bytes(sample.data), "path": info.file(sample.number)}
        group.append({"image": image, **json.loads(info.row(sample.image_record))})
        size += len(sample.data)
        if size >= _GROUP_BYTES or len(group) >= _GROUP_ROWS:
            break
    return group


def _arrow() -> tuple[Any, Any]:
    # Its allocator's thread would rule out a fork, the fastest way to start workers.
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise PixelgenError(f"layout parquet needs pyarrow; {install_extra('parquet')}") from None
    return pyarrow, pyarrow.parquet


def _schema(row: dict[str, Any]) -> "pa.Schema":
    """Return the columns of a row, with what Hugging Face calls them."""
    pa, _ = _arrow()
    columns = {key: _TYPES[type(value)] for key, value in row.items() if key not in _IN_IMAGE}
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    features |= {key: {"dtype": dtype, "_type": "Value"} for key, dtype in columns.items()}
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    metadata = json.dumps({"info": {"features": features}})
    return pa.schema([("image", image), *columns.items()], {"huggingface": metadata})
