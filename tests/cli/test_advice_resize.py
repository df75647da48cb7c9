"""Advice of commands that add images to a dataset, or remove some."""

import shutil
from pathlib import Path

import pytest

from pixelgen.errors import PixelgenError
from pixelgen.storage.local import LocalStore
from tests.support.advice import DATASET, Console, follows_advice
from tests.support.user_datasets import TWO, yolo


@follows_advice(
    "name the images: write --index 17,20-30 or --where family=stripes",
    "invalid --where …: must be COLUMN=VALUE; write family=stripes",
    "--index cannot be combined with --where; give either",
)
def test_images_to_remove_are_named_by_index_or_by_a_column(console: Console) -> None:
    make = "generate -n 31 -s 8 -q -j 1 --family uniform --family stripes -o set"
    for wrong, right in (
        ("", "--index 17,20-30"),
        ("--where stripes", "--where family=stripes"),
        ("--index 1 --where family=stripes", "--where family=stripes"),
    ):
        console.run(make)
        said = console.run(f"remove set {wrong}", 2)
        assert "cannot" in said or right.split()[-1] in said
        console.run(f"remove set {right} -j 1")
        console.verified()
        shutil.rmtree("set")


@follows_advice(
    "; to remove … from it instead, run: pixelgen remove … --index …",
    "; its images from … on are removed already: to use it as it is, write -n …",
)
@pytest.mark.parametrize(
    ("options", "removed", "first", "ranges"),
    [
        ("", "", 25, "25-39"),
        ("", "0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32", 25, "25-39"),
        ("", "1", 39, "39"),
        ("--start 100 --layout coco", "", 20, "120-139"),
        ("--layout webdataset:per_shard=4", "30-33", 20, "20-39"),
    ],
)
def test_a_dataset_is_made_smaller_by_the_advised_command(
    options: str, removed: str, first: int, ranges: str, console: Console
) -> None:
    make = f"generate -s 8 -q -j 1 {options} -o 'my set'"
    console.run(f"{make} -n 40")
    if removed:
        console.run(f"remove 'my set' -q -j 1 --index {removed}")
    said = console.run(f"{make} -n {first} --dry-run", 3)
    assert console.run(f"{make} -n {first}", 3) == said
    assert f"count is 40, not {first}" in said
    assert "0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32" not in said
    assert console.advised() == f"pixelgen remove 'my set' --index {ranges}"
    console.follow()
    console.verified("my set")
    said = console.run(f"{make} -n {first}", 3)
    console.run(f"{make} {said[said.rindex('-n ') :].strip()}")
    assert "run:" not in console.run(f"{make} -n {first} --seed 7", 3)


def test_a_dataset_of_which_no_image_would_stay_is_not_advised_to_be_made_smaller(
    console: Console,
) -> None:
    console.run(DATASET)
    assert "pixelgen remove" not in console.run(DATASET.replace("-n 6", "-n 0"), 3)
    console.run("remove set -q -j 1 --index 0-2")
    assert "pixelgen remove" not in console.run(DATASET.replace("-n 6", "-n 3"), 3)


@follows_advice("the dataset in … is not finished; first run: pixelgen repair …")
def test_an_unfinished_dataset_is_finished_before_it_grows(console: Console) -> None:
    console.run(DATASET)
    Path("set/metadata.jsonl").rename("set/.pixelgen.journal")
    grow = DATASET.replace("-n 6", "-n 9")
    console.run(grow, 1)
    console.follow()
    console.run(grow)
    console.verified()


@follows_advice(
    "with … images … would be …, and files are not renamed; make the others in another"
    " directory, with --start … -n …"
)
def test_images_that_would_get_other_names_are_made_elsewhere(console: Console) -> None:
    make = "generate -s 1 -q -j 1 --checksum none"
    console.run(f"{make} -n 3 -o set")
    said = console.run(f"{make} -n 10001 -o set", 3)
    options = said[said.index("--start") :].strip()
    assert console.run(f"{make} {options} -o others --dry-run").startswith("9,998 images")


@follows_advice(
    "… is of a dataset of more images or fewer: 'generate -n' or 'remove' was interrupted; run"
    " that command again"
)
def test_a_resize_that_was_interrupted_is_resumed_by_its_command(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    console.run(DATASET)
    grow = DATASET.replace("-n 6", "-n 9")
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise PixelgenError("no room")

        patch.setattr(LocalStore, "overwrite", fail)
        console.run(grow, 1)
    console.run("repair set -q", 3)
    console.run(DATASET, 3)
    console.run(grow)
    console.verified()


@follows_advice(
    "note: a change to … was begun; to finish it, run the command that began it again…",
    "; to delete what it made, run the one that made the dataset",
    "… has images of a change that was begun; first run the command that began it again or, to"
    " delete them, the one that made the dataset",
)
def test_a_resize_that_was_begun_is_finished_or_given_up(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = yolo(Path("own"), TWO)
    make = f"generate -n 6 -s 8 -q -j 1 --beside {path} -o set"
    console.run(make)
    grow = make.replace("-n 6", "-n 9")
    for way in (make, grow):
        with monkeypatch.context() as patch:

            def fail(*_: object) -> None:
                raise PixelgenError("no room")

            patch.setattr("pixelgen.dataset.resize.make_missing", fail)
            console.run(grow, 1)
        assert "to 9 images was begun" in console.run("status set")
        console.run(f"merge set --into {path} -o joined.yaml", 3)
        assert not Path("joined.yaml").exists()
        console.run(way)
        assert "begun" not in console.run("status set")
        console.verified()
    console.run(f"merge set --into {path} -o joined.yaml")


@pytest.mark.parametrize("layout", ["files", "webdataset:per_shard=2"])
def test_every_command_tells_of_a_change_that_was_begun(
    layout: str, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = f"generate -n 6 -s 8 -j 1 --layout {layout} -o set"
    console.run(make)
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise PixelgenError("no room")

        patch.setattr("pixelgen.dataset.resize.make_missing", fail)
        console.run(make.replace("-n 6", "-n 9"), 1)
    note = "note: a change to 9 images was begun; to finish it, run the command that began it again"
    for command in ("verify set", "repair set", "finish set", f"{make} --dry-run"):
        assert console.run(command).count(note) == 1, command
        assert "begun" not in console.run(f"{command} -q")
    assert "; a change to 9 images was begun there" in console.run(f"{make} --seed 7", 3)
    said = console.run(make)
    assert "note: deleted what was made of a change to 9 images" in said
    assert "nothing to do: 6 images already exist" in said
    assert "begun" not in console.run("verify set")


def test_a_greater_count_is_no_difference_of_another_job(console: Console) -> None:
    console.run(DATASET)
    said = console.run(DATASET.replace("-n 6 -s 8", "-n 9 -s 16"), 3)
    assert "width is 8, not 16" in said
    assert "count" not in said
    assert "count is 6, not 3" in console.run(DATASET.replace("-n 6 -s 8", "-n 3 -s 16"), 3)
    assert "count is 6, not 9" in console.run(
        f"{DATASET.replace('-n 6', '-n 9')} --partition 1/2", 3
    )
