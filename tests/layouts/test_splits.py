"""Splits and classes."""

import json
import pathlib
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelgen.layouts import Splits
from tests.layouts.support import SPLIT, make_dataset

# Splits


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(1, 2000))
def test_splits_are_exact_after_a_cycle_and_close_at_any_count(
    weights: list[int], units: int
) -> None:
    shares = tuple((f"s{n}", Fraction(w, sum(weights))) for n, w in enumerate(weights))
    splits = Splits(shares)
    counted = Counter(splits.of(number) for number in range(units))
    for name, share in shares:
        assert splits.count(name, units) == counted[name]
        assert abs(counted[name] - share * units) < len(weights)
        whole = sum(weights)
        assert splits.count(name, whole) == share * whole
    assert Splits.parse(str(splits)) == splits


@pytest.mark.parametrize("layout", ["files", "webdataset:per_shard=5", "parquet:per_shard=10"])
def test_a_larger_dataset_begins_with_the_splits_of_a_smaller_one(
    layout: str, tmp_path: Path
) -> None:
    splits = []
    for count in (40, 80):
        make_dataset(tmp_path / str(count), count=count, layout=layout, split=SPLIT)
        rows = (tmp_path / str(count) / "metadata.jsonl").read_text().splitlines()
        splits.append([json.loads(row)["split"] for row in rows])

    assert splits[1][:40] == splits[0]
    assert Counter(splits[1]) == {"train": 60, "val": 20}


def test_every_row_has_the_class_and_the_split(tmp_path: Path) -> None:
    make_dataset(tmp_path, label="bird", split=SPLIT, layout="imagefolder")
    for line in (tmp_path / "manifest.jsonl").read_text().splitlines():
        row = json.loads(line)
        assert (row["label"], row["file_name"].split("/")[:2]) == ("bird", [row["split"], "bird"])
        assert (tmp_path / row["file_name"]).is_file()


def test_the_printed_call_loads_the_arrays_of_the_first_split(tmp_path: Path) -> None:
    job = make_dataset(tmp_path / "own", count=12, format="npy", split=SPLIT)
    call = job.layout.loaders(str(tmp_path / "own"), job.info)[0]
    loaded = eval(call, {"numpy": np, "pathlib": pathlib, "json": json})  # noqa: S307

    expected = [index for index in range(12) if job.info.split(index) == "train"]
    assert len(loaded) == len(expected) == 9
    for array, index in zip(loaded, expected, strict=True):
        np.testing.assert_array_equal(array, job[index])
