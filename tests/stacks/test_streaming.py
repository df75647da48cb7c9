"""MosaicML streaming reads the shards, and its own writer makes the same ones."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pixelgen.job import Job
from tests.stacks.conftest import levels, load
from tests.support.command import Done, Run

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

MISSING = "mosaicml-streaming is not installed"
FORMATS = ["png", "jpeg"]


@pytest.fixture(autouse=True)
def cleaned() -> Iterator[None]:
    """Leave no shared memory behind, in which the library keeps what loaders have done."""
    util = pytest.importorskip("streaming.base.util", reason=MISSING)
    yield
    util.clean_stale_shared_memory()


def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("negatives/metadata.jsonl").read_text().splitlines()]


def check(sample: dict[str, Any], job: Job) -> int:
    """Check a sample against the job and the manifest; return its index."""
    index = sample["index"]
    file = bytes(job.maker()(index))
    expected = levels(Image.open(io.BytesIO(file)))
    assert sample["image"].size == (64, 48)
    assert sample["image"].format == job.format.name.upper()
    assert (levels(sample["image"]) == expected).all()
    if job.format.name == "png":
        assert (expected == job.render(index)).all()
    assert set(sample) == {"image", "index", "row"}  # and no annotation
    assert sample["row"] == rows()[index]
    return int(index)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_streaming_data_set_gives_pictures_indices_and_rows(
    make: Callable[..., Done], kind: str
) -> None:
    pytest.importorskip("streaming", reason=MISSING)
    job = Job.parse(count=20, width=64, height=48, layout="mds", format=kind)
    found = load(make("-n", 20, "-s", "64x48", "--for", "streaming", "-f", kind), "streaming")

    assert len(found) == 20
    assert [check(found[place], job) for place in range(20)] == list(range(20))
    assert sorted(int(sample["index"]) for sample in found) == list(range(20))


@pytest.mark.parametrize("kind", FORMATS)
def test_a_local_data_set_gives_the_same(make: Callable[..., Done], kind: str) -> None:
    streaming = pytest.importorskip("streaming", reason=MISSING)
    job = Job.parse(count=20, width=64, height=48, layout="mds", format=kind)
    make("-n", 20, "-s", "64x48", "--for", "streaming", "-f", kind)
    found = streaming.LocalDataset(local="negatives")

    assert len(found) == 20
    assert [check(found[place], job) for place in range(20)] == list(range(20))


def test_each_split_is_a_data_set_of_its_own(make: Callable[..., Done]) -> None:
    streaming = pytest.importorskip("streaming", reason=MISSING)
    split = "train=0.75,val=0.25"
    job = Job.parse(count=20, width=64, height=48, layout="mds", split=split)
    train = load(make("-n", 20, "-s", "64x48", "--for", "streaming", "--split", split), "streaming")
    val = streaming.LocalDataset(local="negatives", split="val")
    indices = [[check(part[n], job) for n in range(len(part))] for part in (train, val)]

    assert sorted(indices[0] + indices[1]) == list(range(20))
    for name, part in zip(("train", "val"), indices, strict=True):
        assert part == [row["index"] for row in rows() if row["split"] == name]


def test_a_data_loader_gives_every_image_once(make: Callable[..., Done]) -> None:
    streaming = pytest.importorskip("streaming", reason=MISSING)
    found = load(make("-n", 20, "-s", "64x48", "--for", "streaming"), "streaming")
    loader = streaming.StreamingDataLoader(found, batch_size=4, num_workers=0, collate_fn=list)

    assert sorted(int(s["index"]) for batch in loader for s in batch) == list(range(20))


@pytest.mark.parametrize("kind", FORMATS)
def test_the_shards_are_those_of_the_library_s_own_writer_to_the_byte(
    make: Callable[..., Done], kind: str
) -> None:
    streaming = pytest.importorskip("streaming", reason=MISSING)
    make("-n", 20, "-s", "64x48", "--layout", "mds:per_shard=7", "-f", kind)
    job = Job.parse(count=20, width=64, height=48, layout="mds:per_shard=7", format=kind)
    columns = {"image": kind, "index": "int", "row": "json"}
    lines = Path("negatives/metadata.jsonl").read_bytes().splitlines()
    index = json.loads(Path("negatives/index.json").read_text())
    for number, start in enumerate(range(0, 20, 7)):
        with streaming.MDSWriter(out=f"own{number}", columns=columns, size_limit=None) as writer:
            for image in range(start, min(start + 7, 20)):
                file = bytes(job.maker()(image))
                writer.write({"image": file, "index": image, "row": lines[image]})
        own = Path(f"own{number}/shard.00000.mds").read_bytes()
        (shard_info,) = json.loads(Path(f"own{number}/index.json").read_text())["shards"]
        shard_info["raw_data"]["basename"] = f"shard.{number:05d}.mds"

        assert Path(f"negatives/shard.{number:05d}.mds").read_bytes() == own
        assert index["shards"][number] == shard_info

    assert set(index) == {"version", "shards"}
    assert index["version"] == 2


def test_two_sets_become_one_by_merging_their_indices(make: Callable[..., Done]) -> None:
    streaming = pytest.importorskip("streaming", reason=MISSING)
    util = pytest.importorskip("streaming.base.util", reason=MISSING)
    for name, seed in ("one", 1), ("two", 2):
        make("-n", 20, "-s", "64x48", "--for", "streaming", "--seed", seed, "-o", f"both/{name}")
    both = Path("both").absolute()
    # By a list: given the folder alone, it takes every JSON file in those below for an index.
    util.merge_index([str(both / name / "index.json") for name in ("one", "two")], str(both))
    found = streaming.LocalDataset(local="both")

    assert len(found) == 40
    assert [found[n]["row"]["seed"] for n in range(40)] == ["0x1"] * 20 + ["0x2"] * 20


def test_the_splits_of_a_set_become_one_again(make: Callable[..., Done], run: Run) -> None:
    streaming = pytest.importorskip("streaming", reason=MISSING)
    util = pytest.importorskip("streaming.base.util", reason=MISSING)
    make("-n", 20, "-s", "64x48", "--for", "streaming", "--split", "train=0.75,val=0.25")
    util.merge_index(str(Path("negatives").absolute()))
    found = streaming.LocalDataset(local="negatives")

    assert sorted(int(found[n]["index"]) for n in range(len(found))) == list(range(20))
    assert run("verify", "negatives").returncode == 0
