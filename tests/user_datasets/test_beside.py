"""``--beside``: negatives have the user's classes, ids after theirs and names of their own."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pixelgen.cli import main
from pixelgen.job import Job
from pixelgen.joining.fitting_fields import count_of_share, free_prefix, join_fields, parse_share
from pixelgen.user_datasets.detect import detect
from tests.layouts.support import missing
from tests.support.user_datasets import (
    BUILDERS,
    CLASSES,
    COCO_IDS,
    COCO_NAMES,
    IMAGES,
    QUICK,
    TWO,
    coco,
    digests,
    image,
    yolo,
)


@pytest.fixture
def command(own: Path, command: Callable[..., str]) -> Callable[..., str]:
    """Run the command line; return what it says. The user's folder has the same files after it."""

    def run(text: str, code: int = 0) -> str:
        before = digests(own)
        said = command(text, code)
        assert digests(own) == before
        return said

    return run


def plan(name: str = "neg") -> dict[str, Any]:
    job: dict[str, Any] = json.loads(Path(name, "pixelgen.json").read_text())["job"]
    return job


@pytest.mark.parametrize("size", CLASSES)
@pytest.mark.parametrize("kind", BUILDERS)
def test_what_was_read_is_recorded(
    kind: str, size: str, own: Path, command: Callable[..., str]
) -> None:
    BUILDERS[kind](own, CLASSES[size])
    read = detect(own)
    command(f"generate -n 4 {QUICK} --beside own -o neg")

    assert plan()["classes"] == list(read.classes)
    assert plan().get("first_id") == (IMAGES if kind == "coco" else None)
    has_gaps = kind == "coco" and size == "eighty"
    assert plan().get("category_ids") == ([*COCO_IDS] if has_gaps else None)
    assert plan()["prefix"] == "neg_"
    assert kind in ("huggingface", *plan()["layout"].split(","))


@pytest.mark.parametrize("kind", BUILDERS)
def test_the_user_s_files_are_not_needed_again(
    kind: str, own: Path, command: Callable[..., str]
) -> None:
    BUILDERS[kind](own, COCO_NAMES)
    command(f"generate -n 4 {QUICK} --beside own -o neg")
    before = digests(Path("neg"))
    shutil.rmtree(own)
    command("generate --recipe neg/pixelgen.json -q -j 1 -o again")
    next(each for each in Path("neg").rglob("*_000001.*") if each.stat().st_size).unlink()
    command("repair neg -q -j 1")

    assert digests(Path("again")) == digests(Path("neg")) == before


def test_categories_and_ids_of_coco_are_the_user_s(own: Path, command: Callable[..., str]) -> None:
    theirs = json.loads(coco(own, COCO_NAMES).read_text())
    command(f"generate -n 4 {QUICK} --beside own -o neg")
    made = json.loads(Path("neg/coco.json").read_text())

    for each in made["categories"] + theirs["categories"]:
        del each["supercategory"]
    assert made["categories"] == theirs["categories"]
    assert [each["id"] for each in made["images"]] == [9, 10, 11, 12]
    assert made["annotations"] == []


def test_names_get_a_prefix_only_where_they_could_collide(own: Path) -> None:
    path = coco(own, TWO, "photo_{:06d}.png")
    user = detect(path)
    assert "prefix" not in join_fields(user, {})
    assert join_fields(user, {"prefix": "bg_"})["prefix"] == "bg_"
    for name in ("0000001.png", "neg_000009.png", "neg2_000000.jpg"):
        image(own / "train" / name)
    shutil.rmtree(path.parent)
    yolo(own, TWO)
    (own / "data.yaml").write_text("train: train\nval: train\nnames: [a, b]\n")
    assert free_prefix(detect(own)) == "neg3_"


def test_standard_output_has_no_layout_of_its_own(own: Path, command: Callable[..., str]) -> None:
    yolo(own, TWO)
    assert "PNG" in command("generate -n 1 -s 40 -j 1 -q --beside own -o -")
    assert "standard output" in command(f"generate -n 4 {QUICK} --beside own -o - --layout yolo", 2)


def test_a_layout_that_is_given_stays(own: Path, command: Callable[..., str]) -> None:
    yolo(own, TWO)
    command(f"generate -n 4 {QUICK} --beside own/data.yaml --layout webdataset -o shards")
    assert plan("shards")["layout"] == "webdataset"
    command(f"generate -n 4 {QUICK} --beside own/data.yaml --for detectron2 -o neg")
    assert plan()["layout"] == "files,coco"


@pytest.mark.parametrize(
    ("options", "facts"),
    [
        ("--classes cat,dog", "cat, dog big dog own"),
        ("--first-id 3", "3 8 9"),
        ("--prefix p_", "'p_' prefix"),
        ("-o own", "own beside"),
        ("-o own/annotations/..", "own beside"),
        ("--share 0.5", "--share --count"),
        ("--label 1", "1 2"),
    ],
)
def test_what_contradicts_the_dataset_is_refused(
    options: str, facts: str, own: Path, command: Callable[..., str]
) -> None:
    path = coco(own, TWO, "p_{:06d}.png")
    said = command(
        f"generate -n 4 {QUICK} -o neg --beside {path.relative_to(own.parent)} {options}", 2
    )
    assert missing(facts, said) == [], said
    assert len(said.splitlines()) == 1
    assert not Path("neg").exists()


def test_images_within_the_user_s_folders_would_be_theirs(
    own: Path, command: Callable[..., str]
) -> None:
    yolo(own, TWO)
    assert "within" in command(f"generate -n 4 {QUICK} --beside own -o own/images/train/neg", 2)
    (own / "link").symlink_to(own / "images/train")
    assert "within" in command(f"generate -n 4 {QUICK} --beside own -o own/link/neg", 2)
    command(f"generate -n 4 {QUICK} --beside own -o neg")


def test_below_the_dataset_a_folder_of_its_own_may_be_written(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    yolo(own, TWO)
    before = digests(own)
    for _ in range(2):
        assert main(f"generate -n 4 {QUICK} --beside own -o own/negatives".split()) == 0
    after = digests(own)
    assert {name: after[name] for name in before} == before
    assert all(name.startswith("negatives/") for name in after.keys() - before.keys())


@pytest.mark.parametrize(
    ("share", "split", "count"),
    [("0.5", "", 6), ("50%", "", 6), (".25", "", 2), ("0.5", "--split train=0.5,val=0.5", 9)],
)
def test_a_share_is_that_of_the_images_that_negatives_join(
    share: str, split: str, count: int, own: Path, command: Callable[..., str]
) -> None:
    yolo(own, TWO)
    command(f"generate -s 40 -j 1 -q --beside own --share {share} {split} -o neg")
    assert plan()["count"] == count


@pytest.mark.parametrize("text", ["0", "1", "0.0", "100%", "-0.1", "1e-3", "x", "", "0.1.2", "²%"])
def test_a_share_is_above_none_and_below_all(text: str, own: Path) -> None:
    with pytest.raises(ValueError, match="share"):
        parse_share(text)


def test_a_share_is_exact_and_never_exceeded() -> None:
    assert count_of_share(parse_share("0.1"), 90, "own") == 10
    assert count_of_share(parse_share("10%"), 89, "own") == 9
    for own in range(2, 300):
        count = count_of_share(parse_share("0.4"), own, "own")
        assert count / (own + count) <= 0.4 < (count + 1) / (own + count + 1)
    with pytest.raises(ValueError, match="less than one image"):
        count_of_share(parse_share("0.1"), 8, "own")


def test_a_share_needs_a_dataset(own: Path, command: Callable[..., str]) -> None:
    assert "--beside" in command("generate --share 0.1 -o neg", 2)


def test_the_job_of_a_recipe_fits_its_own_dataset(own: Path, command: Callable[..., str]) -> None:
    coco(own, COCO_NAMES)
    command(f"generate -n 4 {QUICK} --beside own -o neg")
    command("generate --recipe neg/pixelgen.json -q --beside own -o neg")
    job = Job.parse(**plan())
    assert job == Job.parse(**join_fields(detect(own), job.to_dict()))
