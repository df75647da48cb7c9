"""Rows read back: without parsing where they are right, and as JSON where they are not."""

import json
from collections.abc import Callable

import pytest

from pixelgen import Job
from pixelgen.dataset.manifest_reader import ShardLines, read_rows
from pixelgen.layouts import ImageRecord, ShardRecord

HASH = "0123456789abcdef" * 4
ORIGIN = '"mode":"RGB","depth":8,"host":"example.org","id":"7","status":200'
DAMAGE: dict[str, Callable[[str], str]] = {
    "spelled differently": lambda row: json.dumps(json.loads(row)) + "\n",
    "another column": lambda row: row.replace('"seed":"0x0"', '"seed":"0x1"'),
    "a second size": lambda row: row.replace("}", ',"bytes":99}'),
    "a size of 17 digits": lambda row: row.replace('"bytes":99', f'"bytes":{10**16}'),
    "a size with a zero before it": lambda row: row.replace('"bytes":99', '"bytes":099'),
    "no size": lambda row: row.replace('"bytes":99,', ""),
    "no hash": lambda row: row.replace(f'"sha256":"{HASH}",', ""),
    "a hash in capitals": lambda row: row.replace(HASH, HASH.upper()),
    "no JSON": lambda row: row[:50],
    "missing": lambda row: "",
}
READABLE = {"spelled differently", "another column", "a second size"}


def read(job: Job, row: str) -> tuple[ShardRecord, list[int]]:
    shard = job.shard(0)
    return read_rows(job, ShardLines(shard, [row.encode()] * len(shard.indices), []))


@pytest.mark.parametrize("layout", ["files", "webdataset", "imagefolder"])
@pytest.mark.parametrize("size", [0, 99, 10**15 - 1, 10**15, 2**53 - 1])
@pytest.mark.parametrize("checksum", ["sha256", "none"])
def test_a_row_that_is_right_is_read(layout: str, size: int, checksum: str) -> None:
    job = Job.parse(count=1, size=8, layout=layout, checksum=checksum)
    sha256 = HASH if checksum == "sha256" else ""
    row = job.info.row(ImageRecord(0, size, sha256, "")).decode()
    record, wrong = read(job, row)
    assert not wrong
    assert record.sizes == [size]
    assert record.hashes == [HASH] * (checksum == "sha256")


def test_the_row_of_a_fetched_image_is_read_with_its_origin() -> None:
    job = Job.parse(count=1, size=8, remote="http://127.0.0.1:9/x")
    row = job.info.row(ImageRecord(0, 99, HASH, ORIGIN)).decode()
    assert read(job, row) == (ShardRecord(0, [99], [HASH], origins=[ORIGIN]), [])


@pytest.mark.parametrize("name", DAMAGE)
def test_a_row_that_is_wrong_is_found_and_read_as_far_as_it_can_be(name: str) -> None:
    job = Job(count=1, size=8)
    row = job.info.row(ImageRecord(0, 99, HASH, "")).decode()
    damaged = DAMAGE[name](row)
    assert damaged != row
    record, wrong = read(job, damaged)
    assert wrong == [0]
    if name in READABLE:
        assert (record.sizes, record.hashes) == ([99], [HASH])
    elif name == "no hash":
        assert (record.sizes, record.hashes) == ([99], [""])
    else:
        assert (record.sizes, record.hashes) == ([0], ["0" * 64])


def test_a_row_with_a_hash_is_wrong_in_a_dataset_without() -> None:
    job = Job(count=1, size=8, checksum="none")
    row = job.info.row(ImageRecord(0, 99, HASH, "")).decode()
    assert read(job, row) == (ShardRecord(0, [99], [], origins=[]), [0])
