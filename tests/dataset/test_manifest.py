"""The manifest: which keys, and in which order."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import Done

KEYS = [
    "file_name", "index", "width", "height", "mode", "depth", "format", "bytes", "sha256",
    "generator", "seed",
]  # fmt: skip


@pytest.fixture
def finished(make: Callable[..., Done], tmp_path: Path) -> Path:
    make("-n", 20, "-s", "64x48", "--seed", 2**127 + 1)
    return tmp_path / "negatives"


def test_a_row_has_the_keys_of_the_schema_in_order(finished: Path) -> None:
    rows = [json.loads(line) for line in (finished / "metadata.jsonl").read_text().splitlines()]

    assert len(rows) == 20
    assert all(list(row) == KEYS for row in rows)
    assert [row["index"] for row in rows] == list(range(20))
    assert rows[3] | {"sha256": ""} == {
        "file_name": "images/000003.png",
        "index": 3,
        "width": 64,
        "height": 48,
        "mode": "RGB",
        "depth": 8,
        "format": "PNG",
        "bytes": 9332,
        "sha256": "",
        "generator": "uniform",
        "seed": "0x80000000000000000000000000000001",
    }


def test_color_and_density_are_in_every_row_or_in_none(
    make: Callable[..., Done], tmp_path: Path
) -> None:
    make("-n", 3, "-s", 8, "--color", "RED")
    make("-n", 3, "-s", 8, "--checksum", "none", "-o", "plain")
    for line in (tmp_path / "negatives/metadata.jsonl").read_text().splitlines():
        assert list(json.loads(line)) == [*KEYS, "color", "density"]
        assert (json.loads(line)["color"], json.loads(line)["density"]) == ("#ff0000", 0.5)
    for line in (tmp_path / "plain/metadata.jsonl").read_text().splitlines():
        assert list(json.loads(line)) == [key for key in KEYS if key != "sha256"]
    assert not (tmp_path / "plain/SHA256SUMS").exists()
