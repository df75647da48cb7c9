"""mlcroissant validates the description, and gives every image and every row of the manifest."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pixelgen.job import Job
from tests.stacks.conftest import levels, load
from tests.support.command import Done

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

MISSING = "mlcroissant is not installed"
JOB = Job(count=20, width=64, height=48)


def validated(folder: str) -> str:
    """Return what mlcroissant's own tool says of a description; it must approve."""
    tool = Path(sys.executable).with_name("mlcroissant")
    done = subprocess.run(
        [tool, "validate", "--jsonld", f"{folder}/croissant.json"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record under the manifest's own names, with text as text."""
    return {
        key.rpartition("/")[2]: value.decode() if isinstance(value, bytes) else value
        for key, value in record.items()
    }


def manifest(folder: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(folder, "metadata.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "layout",
    ["croissant", "universal", "croissant:license=CC0-1.0", "croissant:license=http://a.b"],
)
def test_its_own_tool_approves_of_the_description(make: Callable[..., Done], layout: str) -> None:
    pytest.importorskip("mlcroissant", reason=MISSING)
    make("-n", 20, "-s", "64x48", "--layout", layout)
    said = validated("negatives")

    assert "Done" in said
    assert "error" not in said.lower()


def test_its_own_tool_takes_the_context_for_the_standard_one(make: Callable[..., Done]) -> None:
    pytest.importorskip("mlcroissant", reason=MISSING)
    make("-n", 20, "-s", 8, "--layout", "croissant")

    assert "not standard" not in validated("negatives")


def test_every_image_is_a_record(make: Callable[..., Done]) -> None:
    pytest.importorskip("mlcroissant", reason=MISSING)
    records = list(load(make("-n", 20, "-s", "64x48", "--layout", "croissant"), "mlcroissant"))
    pictures = {levels(record["images/image"]).tobytes() for record in records}

    assert len(records) == 20
    assert {tuple(record) for record in records} == {("images/image",)}  # and no annotation
    assert {record["images/image"].size for record in records} == {(64, 48)}
    assert pictures == {JOB.render(index).tobytes() for index in range(20)}


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--seed", 2**127),
        ("--color", "red", "--class", "void"),
        ("--family", "default", "--split", "train=0.8,val=0.2"),
        ("--checksum", "none", "-f", "jpeg"),
    ],
    ids=["plain", "seed", "color", "mix", "no sums"],
)
def test_every_row_of_the_manifest_is_a_record(
    make: Callable[..., Done], options: tuple[object, ...]
) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason=MISSING)
    make("-n", 20, "-s", "64x48", "--layout", "croissant", *options)
    validated("negatives")
    dataset = mlcroissant.Dataset("negatives/croissant.json")
    records = [plain(record) for record in dataset.records("manifest")]

    assert records == manifest("negatives")
    if "none" not in options:
        for record in records:
            file = Path("negatives", record["file_name"]).read_bytes()
            assert record["sha256"] == hashlib.sha256(file).hexdigest()
            assert record["bytes"] == len(file)


def test_a_set_in_sub_folders_is_found_whole(make: Callable[..., Done]) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason=MISSING)
    done = make("-n", 10_001, "-s", 2, "--layout", "croissant")
    validated("negatives")
    images = list(load(done, "mlcroissant"))
    dataset = mlcroissant.Dataset("negatives/croissant.json")
    records = [plain(record) for record in dataset.records("manifest")]

    assert len(images) == 10_001
    assert {record["images/image"].size for record in images} == {(2, 2)}
    assert records == manifest("negatives")
    assert len({record["file_name"] for record in records}) == 10_001


def test_a_damaged_manifest_is_noticed(make: Callable[..., Done]) -> None:
    pytest.importorskip("mlcroissant", reason=MISSING)
    make("-n", 20, "-s", 8, "--layout", "croissant")
    code = """
import mlcroissant
list(mlcroissant.Dataset("negatives/croissant.json").records("manifest"))
"""
    with Path("negatives/metadata.jsonl").open("a") as file:
        file.write("\n")
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert done.returncode != 0
    assert "is not identical with the reference in the Croissant JSON-LD" in done.stderr
