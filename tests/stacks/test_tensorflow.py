"""TensorFlow reads the records, notices every flipped bit, and writes the same ones itself."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelgen.job import Job
from tests.stacks.conftest import load
from tests.support.command import Done

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

MISSING = "tensorflow is not installed"
NO_CRC = "google-crc32c is not installed"
JOB = Job.parse(count=20, width=64, height=48, layout="tfrecord")


def features(tf: Any) -> dict[str, Any]:
    kinds = {"height": tf.int64, "width": tf.int64, "class/label": tf.int64}
    names = ["encoded", "format", "filename", "source_id", "key/sha256", "class/text"]
    return {
        f"image/{name}": tf.io.FixedLenFeature([], kinds.get(name, tf.string))
        for name in (*names, *kinds)
    }


def parsed(tf: Any, records: Any) -> list[dict[str, Any]]:
    """Return the records' values as Python's own."""
    return [
        {key: value.numpy() for key, value in tf.io.parse_single_example(r, features(tf)).items()}
        for r in records
    ]


def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("negatives/metadata.jsonl").read_text().splitlines()]


def test_every_record_is_an_image_of_the_job_with_its_row(make: Callable[..., Done]) -> None:
    tf = pytest.importorskip("tensorflow", reason=MISSING)
    pytest.importorskip("google_crc32c", reason=NO_CRC)
    found = parsed(tf, load(make("-n", 20, "-s", "64x48", "--layout", "tfrecord"), "tensorflow"))

    assert len(found) == 20
    for index, (record, row) in enumerate(zip(found, rows(), strict=True)):
        image = tf.io.decode_image(record["image/encoded"]).numpy()
        assert np.array_equal(image, JOB.render(index))
        assert {key: value for key, value in record.items() if key != "image/encoded"} == {
            "image/format": b"png",
            "image/filename": row["file_name"].encode(),
            "image/source_id": str(index).encode(),
            "image/key/sha256": row["sha256"].encode(),
            "image/class/label": 0,
            "image/class/text": b"",
            "image/height": 48,
            "image/width": 64,
        }


def test_no_record_has_an_object(make: Callable[..., Done]) -> None:
    tf = pytest.importorskip("tensorflow", reason=MISSING)
    pytest.importorskip("google_crc32c", reason=NO_CRC)
    records = load(make("-n", 20, "-s", "64x48", "--layout", "tfrecord"), "tensorflow")
    sparse = {f"image/object/bbox/{side}": tf.io.VarLenFeature(tf.float32) for side in ("xmin",)}
    for record in records:
        assert set(tf.train.Example.FromString(record.numpy()).features.feature) == {*features(tf)}
        boxes = tf.io.parse_single_example(record, sparse)["image/object/bbox/xmin"]
        assert boxes.values.shape == (0,)


def test_each_split_has_records_of_its_own(make: Callable[..., Done]) -> None:
    tf = pytest.importorskip("tensorflow", reason=MISSING)
    pytest.importorskip("google_crc32c", reason=NO_CRC)
    split = "train=0.8,val=0.2"
    done = make("-n", 20, "-s", "64x48", "--layout", "tfrecord", "--split", split)
    train = parsed(tf, load(done, "tensorflow"))
    paths = sorted(map(str, Path("negatives").glob("negatives-val.tfrecord-*")))
    val = parsed(tf, tf.data.TFRecordDataset(paths))

    assert (len(train), len(val)) == (16, 4)
    for name, part in ("train", train), ("val", val):
        indices = [int(record["image/source_id"]) for record in part]
        assert indices == [row["index"] for row in rows() if row["split"] == name]
        for record in part:
            index = int(record["image/source_id"])
            image = tf.io.decode_image(record["image/encoded"]).numpy()
            assert np.array_equal(image, JOB.render(index))


@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "gif", "webp"])
def test_every_format_that_it_decodes_is_decoded(make: Callable[..., Done], kind: str) -> None:
    tf = pytest.importorskip("tensorflow", reason=MISSING)
    pytest.importorskip("google_crc32c", reason=NO_CRC)
    done = make("-n", 3, "-s", "64x48", "--layout", "tfrecord", "-f", kind)
    found = parsed(tf, load(done, "tensorflow"))
    images = [
        tf.io.decode_image(record["image/encoded"], expand_animations=False) for record in found
    ]

    assert [tuple(image.shape) for image in images] == [(48, 64, 3)] * 3
    assert {record["image/format"] for record in found} == {kind.encode()}


def test_every_flipped_bit_is_noticed(make: Callable[..., Done]) -> None:
    tf = pytest.importorskip("tensorflow", reason=MISSING)
    pytest.importorskip("google_crc32c", reason=NO_CRC)
    make("-n", 2, "-s", 4, "--layout", "tfrecord:per_shard=2")
    (path,) = Path("negatives").glob("*.tfrecord-*")
    whole = path.read_bytes()
    found = 0
    assert len(list(tf.data.TFRecordDataset(str(path)))) == 2
    frames = (*range(96), *range(8 * len(whole) - 32, 8 * len(whole)))  # lengths and checksums
    others = range(96, 8 * len(whole), math.ceil(8 * len(whole) / 300))
    for bit in (*frames, *others):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        Path("damaged").write_bytes(damaged)
        with pytest.raises(tf.errors.DataLossError):
            list(tf.data.TFRecordDataset("damaged"))
        found += 1
    assert found > 300


def test_the_records_are_those_of_its_own_writer_to_the_byte(make: Callable[..., Done]) -> None:
    tf = pytest.importorskip("tensorflow", reason=MISSING)
    pytest.importorskip("google_crc32c", reason=NO_CRC)
    make("-n", 20, "-s", "64x48", "--layout", "tfrecord:per_shard=20", "--class", "noise")
    with tf.io.TFRecordWriter("own") as writer:
        for index, row in enumerate(rows()):
            values = {
                "encoded": bytes(JOB.maker()(index)), "format": b"png",
                "filename": row["file_name"].encode(), "source_id": str(index).encode(),
                "key/sha256": row["sha256"].encode(), "class/text": b"noise",
                "class/label": 0, "height": 48, "width": 64,
            }  # fmt: skip
            feature = {
                f"image/{key}": tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
                if isinstance(value, bytes)
                else tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
                for key, value in values.items()
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString(deterministic=True))

    (path,) = Path("negatives").glob("*.tfrecord-*")
    assert path.read_bytes() == Path("own").read_bytes()
