"""TFRecord: TensorFlow's files of length-prefixed records, each a ``tf.train.Example``.

https://www.tensorflow.org/tutorials/load_data/tfrecord: a record is its length (64 bits,
little-endian), the length's masked CRC-32C, the data, and the data's masked CRC-32C.
"""

import glob
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from pixelgen.errors import PixelgenError, install_extra
from pixelgen.formats.base import Data
from pixelgen.layouts.base import Samples, ShardRecord
from pixelgen.layouts.containers._sharded import Sharded, file_prefix, read_exactly
from pixelgen.layouts.dataset_info import DatasetInfo, ImageRecord, Shard

_FRAME = 16  # bytes around a record
_IMAGE = b"image/encoded"
_MASK = 0xA282EAD8


@dataclass(frozen=True)
class TfRecord(Sharded):
    """TensorFlow's records: negatives.tfrecord-00000-of-00008 and so on; needs the extra tfrecord.

    Keys: image/encoded, format, filename, height, width, source_id, key/sha256, class/label and
    class/text.
    """

    name = "tfrecord"
    formats: ClassVar = ("png", "jpeg", "bmp", "gif", "webp")  # of tf.io.decode_image

    def file(self, split: str, number: int, total: int) -> str:
        """Return the number and the total, as TensorFlow's own writers do."""
        return f"{file_prefix(split)}.tfrecord-{number:05d}-of-{total:05d}"

    def pattern(self, split: str) -> str:
        """Return a glob pattern for the files of a split."""
        return f"{file_prefix(split)}.tfrecord-*"

    def pack(self, info: DatasetInfo, shard: Shard, samples: Samples) -> Iterator[Data]:
        """Write each image as a framed example."""
        crc = _masked_crc()
        for sample in samples:
            head, tail = _wrap(info, sample.image_record)
            example = b"".join((head, sample.data, tail))
            length = struct.pack("<Q", len(example))
            yield b"".join((length, crc(length), example, crc(example)))

    def size(self, info: DatasetInfo, shard: Shard, record: ShardRecord) -> int:
        """Add up the records."""
        wrapped = (_wrap(info, image_record) for image_record in record.image_records(shard))
        return sum(_FRAME + len(head) + len(tail) for head, tail in wrapped) + sum(record.sizes)

    def unpack(self, file: BinaryIO, info: DatasetInfo, shard: Shard) -> Iterator[bytes]:
        """Read the image from each example."""
        for _ in shard.indices:
            (length,) = struct.unpack("<Q", read_exactly(file, 8, 8))
            yield _image(read_exactly(file, length + 8, info.most_bytes)[4:-4])

    def loader(self, root: str, info: DatasetInfo) -> str:
        """Return the call of TensorFlow."""
        paths = f"{glob.escape(root)}/{self.pattern(info.first_split)}"
        return f"tensorflow.data.TFRecordDataset(sorted(tensorflow.io.gfile.glob({paths!r})))"


def _masked_crc() -> Callable[[bytes], bytes]:
    """Return TensorFlow's checksum function: a CRC-32C, rotated and offset, in four bytes."""
    try:
        from google_crc32c import value
    except ImportError:
        raise PixelgenError(
            f"layout tfrecord needs google-crc32c; {install_extra('tfrecord')}"
        ) from None

    def masked(data: bytes) -> bytes:
        crc = value(data)
        return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF)

    return masked


def _wrap(info: DatasetInfo, image_record: ImageRecord) -> tuple[bytes, bytes]:
    """Return the bytes of an example before and after its image, keys in order.

    Protocol Buffers of tensorflow/core/example: Example.features (1), Features.feature (1, a map),
    Feature.bytes_list (1) or int64_list (3), and their value (1).
    """
    shape = info.image.shape_at(image_record.number)
    before = _entry(b"image/class/label", info.label_number)
    before += _entry(b"image/class/text", info.label.encode())
    after = b"".join((
        _entry(b"image/filename", info.file(image_record.number).encode()),
        _entry(b"image/format", info.format.encode()),
        _entry(b"image/height", shape.height),
        _entry(b"image/key/sha256", image_record.sha256.encode()),
        _entry(b"image/source_id", str(image_record.number).encode()),
        _entry(b"image/width", shape.width),
    ))  # fmt: skip
    head = _entry_head(_IMAGE, image_record.size)
    return _prefix(
        1, len(before) + len(head) + image_record.size + len(after)
    ) + before + head, after


def _entry(key: bytes, value: int | bytes) -> bytes:
    """Encode an entry of the map."""
    if isinstance(value, bytes):
        return _entry_head(key, len(value)) + value
    packed = _varint(value)
    whole = _prefix(3, len(packed) + 2) + _prefix(1, len(packed)) + packed
    named = _prefix(1, len(key)) + key + _prefix(2, len(whole)) + whole
    return _prefix(1, len(named)) + named


def _entry_head(key: bytes, size: int) -> bytes:
    """Encode the part of an entry before its ``size`` bytes."""
    head = _prefix(1, size)
    head = _prefix(1, len(head) + size) + head
    head = _prefix(1, len(key)) + key + _prefix(2, len(head) + size) + head
    return _prefix(1, len(head) + size) + head


def _prefix(field: int, size: int) -> bytes:
    """Encode the tag of a length-delimited field, and the length."""
    return bytes((field << 3 | 2,)) + _varint(size)


def _varint(value: int) -> bytes:
    """Encode an integer, seven bits a byte, the lowest first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*encoded, value))


def _image(example: bytes) -> bytes:
    """Find the image in an example; raise ValueError if it does not exist."""
    offset = example.find(_IMAGE) + len(_IMAGE)
    size = 0
    for _ in range(3):  # the value, its list of bytes, and the first of these
        size, offset = _read_varint(example, offset + 1)
    image = example[offset : offset + size]
    if len(image) != size or example.find(_IMAGE) < 0:
        raise ValueError("a record has no image")
    return image


def _read_varint(data: bytes, offset: int) -> tuple[int, int]:
    """Return the integer at an offset, and the offset after it."""
    value = shift = 0
    for byte in data[offset : offset + 10]:
        value |= (byte & 0x7F) << shift
        offset, shift = offset + 1, shift + 7
        if byte <= 0x7F:
            break
    return value, offset
