"""wids gives random access to every sample of the archives, by their index."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pixelgen.job import Job
from tests.stacks.conftest import levels, load
from tests.support.command import Done

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

MISSING = "wids is not installed: it is part of webdataset before 1.0"
JOB = Job(count=20, width=64, height=48)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep archives apart from those of other sets of the same name, which wids would take."""
    monkeypatch.setenv("WIDS_CACHE", str(tmp_path / "cache"))


def check(found: Any, rows: list[dict[str, Any]]) -> None:
    assert len(found) == len(rows)
    for place, row in enumerate(rows):
        sample = found[place]
        key = Path(row["file_name"]).stem
        fields = {name: value for name, value in sample.items() if not name.startswith("__")}
        assert sorted(fields) == [".cls", ".json", ".png"]
        assert sample["__key__"] == key
        assert sample["__shard__"] == f"negatives/{row['shard']}"
        assert sample[".json"] == row
        assert sample[".cls"] == 0
        assert sample[".png"].size == (64, 48)
        assert (levels(sample[".png"]) == JOB.render(row["index"])).all()


def manifest() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("negatives/metadata.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("layout", ["webdataset,wids", "webdataset:per_shard=7,wids"])
def test_every_sample_is_there_at_its_place(make: Callable[..., Done], layout: str) -> None:
    pytest.importorskip("wids", reason=MISSING)
    found = load(make("-n", 20, "-s", "64x48", "--layout", layout), "wids")

    check(found, manifest())


def test_each_split_has_an_index(make: Callable[..., Done]) -> None:
    wids = pytest.importorskip("wids", reason=MISSING)
    split = "train=0.75,val=0.25"
    done = make("-n", 20, "-s", "64x48", "--layout", "webdataset,wids", "--split", split)
    rows = manifest()

    check(load(done, "wids"), [row for row in rows if row["split"] == "train"])
    val = wids.ShardListDataset("negatives/index-valset.json")
    check(val, [row for row in rows if row["split"] == "val"])


def test_a_data_loader_takes_it_in_any_order(make: Callable[..., Done]) -> None:
    pytest.importorskip("wids", reason=MISSING)
    data = pytest.importorskip("torch.utils.data", reason="torch is not installed")
    found = load(make("-n", 20, "-s", "64x48", "--layout", "webdataset,wids"), "wids")
    loader = data.DataLoader(found, batch_size=4, shuffle=True, collate_fn=list)
    keys = [sample["__key__"] for batch in loader for sample in batch]

    assert sorted(keys) == [f"{index:06d}" for index in range(20)]


def test_a_set_that_replaced_another_is_the_one_that_the_printed_call_loads(
    make: Callable[..., Done],
) -> None:
    pytest.importorskip("wids", reason=MISSING)
    old = load(make("-n", 20, "-s", 8, "--layout", "webdataset,wids", "--seed", 1), "wids")
    assert {old[place][".json"]["seed"] for place in range(20)} == {"0x1"}
    options = "--layout", "webdataset,wids", "--seed", 2, "--force"
    found = load(make("-n", 20, "-s", 8, *options), "wids")

    assert {found[place][".json"]["seed"] for place in range(20)} == {"0x2"}


def test_the_last_webdataset_with_wids_reads_the_archives_in_order(
    make: Callable[..., Done],
) -> None:
    pytest.importorskip("wids", reason=MISSING)
    samples = list(load(make("-n", 20, "-s", "64x48", "--layout", "webdataset,wids"), "webdataset"))

    assert len(samples) == 20
    for index, (image, label, row) in enumerate(samples):
        assert (levels(image) == JOB.render(index)).all()
        assert (label, row["index"]) == (0, index)
