"""TFRecord, Parquet, numpy and MDS files, record by record."""

import io
import json
import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.loaders.conftest import COUNT, SHARES, Made, Sets

ENCODINGS = {"image": "png", "index": "int", "row": "json"}


def pixels(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)))


def shards(made: Made) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the manifest by the file that holds their images."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in made.rows:
        found.setdefault(row["shard"], []).append(row)
    return found


def test_tfrecord_reads_every_key_of_every_example(sets: Sets, options: tuple[str, ...]) -> None:
    reader = pytest.importorskip("tfrecord.reader", reason="tfrecord is not installed")
    made = sets("tfrecord", *options)
    for name, rows in shards(made).items():
        for row, example in zip(
            rows, reader.tfrecord_loader(str(made.root / name), None), strict=True
        ):
            encoded = bytes(example.pop("image/encoded"))
            numbers = {key: example.pop(key).tolist() for key in list(example)
                       if isinstance(example[key], np.ndarray)}  # fmt: skip
            assert (pixels(encoded) == made.job.render(row["index"])).all()
            assert numbers == {
                "image/height": [row["height"]],
                "image/width": [row["width"]],
                "image/class/label": [0],
            }
            assert example == {
                "image/format": b"png",
                "image/filename": row["file_name"].encode(),
                "image/key/sha256": row["sha256"].encode(),
                "image/source_id": str(row["index"]).encode(),
                "image/class/text": b"bird" if options else b"",
            }


def test_every_record_of_a_tfrecord_has_the_checksums_of_its_length_and_its_data(
    sets: Sets, options: tuple[str, ...]
) -> None:
    crc = pytest.importorskip("google_crc32c", reason="google-crc32c is not installed")

    def masked(data: bytes) -> int:
        value: int = crc.value(data)
        return ((value >> 15 | value << 17) + 0xA282EAD8) % 2**32

    made = sets("tfrecord", *options)
    for name, rows in shards(made).items():
        file = io.BytesIO((made.root / name).read_bytes())
        for _ in rows:
            head = file.read(8)
            assert struct.unpack("<I", file.read(4)) == (masked(head),)
            data = file.read(*struct.unpack("<Q", head))
            assert struct.unpack("<I", file.read(4)) == (masked(data),)
        assert file.read() == b""


def test_a_parquet_file_declares_its_image_column_to_hugging_face(
    sets: Sets, options: tuple[str, ...]
) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    made = sets("parquet", *options)
    for name, rows in shards(made).items():
        table = pq.read_table(made.root / name)
        features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
        assert features["image"] == {"_type": "Image"}
        assert list(features) == table.column_names
        for row, found in zip(rows, table.to_pylist(), strict=True):
            image = found.pop("image")
            assert image["path"] == row["file_name"]
            assert (pixels(image["bytes"]) == made.job.render(row["index"])).all()
            assert found == {k: row[k] for k in row if k not in ("file_name", "shard")}
            assert all(type(found[key]) is type(row[key]) for key in found)


def test_numpy_maps_the_pixels_of_every_image_into_memory(
    sets: Sets, options: tuple[str, ...]
) -> None:
    made = sets("npy", *options)
    for name, rows in shards(made).items():
        array = np.load(made.root / name, mmap_mode="r")
        assert isinstance(array, np.memmap)
        assert len(array) == len(rows)
        for levels, row in zip(array, rows, strict=True):
            assert (levels == made.job.render(row["index"])).all()
            assert levels.dtype == np.uint8


@pytest.mark.cli
@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_an_array_of_16_bits_has_the_levels_of_the_images(sets: Sets, mode: str) -> None:
    made = sets("npy", "--depth", "16", "--mode", mode)
    found = np.concatenate([np.load(path) for path in sorted(made.root.glob("*.npy"))])

    assert found.dtype == np.uint16
    assert (found == np.stack(list(made.job))).all()


def mds(folder: Path, shard: dict[str, Any]) -> Iterator[dict[str, bytes]]:
    """Read the columns of each sample of a shard, as its own header describes them."""
    data = (folder / shard["raw_data"]["basename"]).read_bytes()
    assert len(data) == shard["raw_data"]["bytes"]
    (count,) = struct.unpack_from("<I", data)
    places = struct.unpack_from(f"<{count + 1}I", data, 4)
    config = json.loads(data[4 * (count + 2) : places[0]])
    assert config == {key: shard[key] for key in config}
    assert (count, len(data)) == (shard["samples"], places[-1])
    for start, stop in pairwise(places):
        sample = data[start:stop]
        fixed = config["column_sizes"]
        varying = fixed.count(None)
        lengths = iter(struct.unpack_from(f"<{varying}I", sample))
        at, columns = 4 * varying, {}
        for name, size in zip(config["column_names"], fixed, strict=True):
            length = size or next(lengths)
            columns[name] = sample[at : at + length]
            at += length
        assert at == len(sample)
        yield columns


def test_every_shard_of_mds_holds_what_its_header_and_its_index_say(
    sets: Sets, options: tuple[str, ...]
) -> None:
    made = sets("mds", *options)
    for split in SHARES if options else [""]:
        index = made.json(f"{split}/index.json".lstrip("/"))
        assert index["version"] == 2
        found = []
        for shard in index["shards"]:
            encodings = dict(zip(shard["column_names"], shard["column_encodings"], strict=True))
            assert encodings == ENCODINGS
            assert shard["column_names"] == sorted(shard["column_names"])
            assert (shard["version"], shard["format"]) == (2, "mds")
            assert [shard[key] for key in ("compression", "hashes", "zip_data")] == [None, [], None]
            assert shard["size_limit"] is None
            assert shard["raw_data"]["hashes"] == {}
            found += list(mds(made.root / split, shard))
        rows = [row for row in made.rows if row.get("split", "") == split]
        assert len(rows) == (SHARES[split] if split else COUNT)
        assert [json.loads(each["row"]) for each in found] == rows
        assert [struct.unpack("<q", each["index"]) for each in found] == [
            (row["index"],) for row in rows
        ]
        for each, row in zip(found, rows, strict=True):
            assert (pixels(each["image"]) == made.job.render(row["index"])).all()
