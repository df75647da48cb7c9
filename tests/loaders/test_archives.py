"""Sets in the tools of archives: BagIt, Frictionless Data and sha256sum."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.loaders.conftest import COUNT, Made, Sets


def flip(path: Path) -> None:
    """Turn one bit of a file around."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.cli
def test_a_bag_is_valid(sets: Sets, options: tuple[str, ...]) -> None:
    bagit = pytest.importorskip("bagit", reason="bagit is not installed")
    bag = bagit.Bag(str(sets("bagit", *options).root))

    assert bag.is_valid()
    assert len(list(bag.payload_files())) == COUNT


@pytest.mark.parametrize(
    "name", ["data/000007.png", "bag-info.txt", "bagit.txt", "manifest-sha256.txt"]
)
def test_a_bag_that_was_tampered_with_is_not_valid(sets: Sets, tmp_path: Path, name: str) -> None:
    bagit = pytest.importorskip("bagit", reason="bagit is not installed")
    copy = sets("bagit").copy(tmp_path)
    path = copy / name
    path.write_bytes(path.read_bytes() + b"\n")
    if name.startswith("data/"):
        path.write_bytes((sets("bagit").root / name).read_bytes())
        flip(path)

    assert not bagit.Bag(str(copy)).is_valid()


def test_a_bag_that_lost_or_gained_a_file_is_not_valid(sets: Sets, tmp_path: Path) -> None:
    bagit = pytest.importorskip("bagit", reason="bagit is not installed")
    copy = sets("bagit").copy(tmp_path)
    moved = (copy / "data/000003.png").rename(copy / "data/000099.png")
    assert not bagit.Bag(str(copy)).is_valid()
    moved.rename(copy / "data/000003.png")
    assert bagit.Bag(str(copy)).is_valid()


@pytest.mark.cli
@pytest.mark.parametrize("name", ["manifest-sha256.txt", "tagmanifest-sha256.txt"])
def test_sha256sum_checks_the_lists_of_a_bag(sets: Sets, name: str) -> None:
    root = sets("bagit").root
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", name], check=True, cwd=root, capture_output=True, text=True
    )
    listed = {line.partition(":")[0] for line in done.stdout.splitlines()}
    images = {f"data/{index:06d}.png" for index in range(COUNT)}

    assert listed == (
        images
        if name.startswith("manifest")
        else {"bag-info.txt", "bagit.txt", "manifest-sha256.txt"}
    )


@pytest.mark.cli
def test_sha256sum_checks_every_file_of_a_set_of_any_layout(made: Made) -> None:
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"],
        check=True, cwd=made.root, capture_output=True, text=True,
    )  # fmt: skip
    listed = [line.partition(":")[0] for line in done.stdout.splitlines()]

    assert sorted([*listed, "SHA256SUMS"]) == made.files


def validate(root: Path) -> Any:
    frictionless = pytest.importorskip("frictionless", reason="frictionless is not installed")
    return frictionless.validate(str(root / "datapackage.json"))


def test_a_data_package_is_valid_and_has_every_image(sets: Sets, options: tuple[str, ...]) -> None:
    made = sets("files", *options)
    report = validate(made.root)

    assert report.valid
    assert [task.place for task in report.tasks] == [row["file_name"] for row in made.rows]


def test_a_data_package_finds_the_image_that_was_changed(sets: Sets, tmp_path: Path) -> None:
    copy = sets("files").copy(tmp_path)
    flip(copy / "images/000011.png")
    (copy / "images/000013.png").write_bytes(b"short")
    (copy / "images/000017.png").unlink()
    report = validate(copy)
    wrong = {task.place: {error.type for error in task.errors} for task in report.tasks}

    assert {place: types for place, types in wrong.items() if types} == {
        "images/000011.png": {"hash-count"},
        "images/000013.png": {"hash-count", "byte-count"},
        "images/000017.png": {"scheme-error"},
    }


@pytest.mark.cli
def test_a_data_package_without_checksums_is_valid_too(sets: Sets) -> None:
    made = sets("files", "--checksum", "none")

    assert validate(made.root).valid
    assert "hash" not in json.dumps(made.json("datapackage.json"))
