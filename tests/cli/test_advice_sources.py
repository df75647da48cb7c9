"""The advice of messages about the images and labels that a dataset is made from works."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.advice import Console, follows_advice, photos
from tests.support.command import tree_digest

CROPS = "generate -n 6 -s 16 -j 1 -q --family crop:source=photos,labels=boxes.json"
SHUFFLED = "generate -n 6 -s 16 -j 1 -q --family pixel_shuffle:source=photos"
SHARDS = "--layout webdataset:per_shard=2"
RECORD = Path("set/sources.jsonl")


def label(*box: int) -> None:
    """Write the labels of two images: one box, which is on the first."""
    content = {
        "images": [{"id": number, "file_name": f"{number}.png"} for number in range(2)],
        "annotations": [{"id": 0, "image_id": 0, "bbox": box, "category_id": 1}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    Path("boxes.json").write_text(json.dumps(content))


def damage(how: str) -> None:
    """Lose the record of the images, or leave another one."""
    lines = RECORD.read_text().splitlines(keepends=True)
    text = {"damaged": "{", "cut short": "", "lists other": lines[0]}.get(how)
    if text is None:
        RECORD.unlink()
    else:
        RECORD.write_text(text)


@follows_advice("to write the record again, run: pixelgen repair …")
@pytest.mark.parametrize("make", [CROPS, SHUFFLED])
@pytest.mark.parametrize(
    ("how", "commands"),
    [
        ("missing", ["verify set"]),
        ("damaged", ["verify set", "status set", "make"]),
        ("cut short", ["verify set", "status set", "make"]),
        ("lists other", ["make -n 8"]),
    ],
)
def test_a_record_that_is_lost_is_written_again(
    how: str, commands: list[str], make: str, console: Console
) -> None:
    photos(64, 80)
    label(0, 0, 9, 9)
    console.run(f"{make} -o set")
    whole = tree_digest(Path("set"))
    for command in commands:
        damage(how)
        console.run(command.replace("make", f"{make} -o set"), 3)
        assert f"sources.jsonl {'is ' if how != 'lists other' else ''}{how}" in console.last
        console.follow()
        assert tree_digest(Path("set")) == whole


@follows_advice("; remove the one whose … are out of date, and run the command that made it again")
@pytest.mark.parametrize("changed", ["labels", "images", "images or labels"])
def test_parts_of_other_images_or_labels_are_named_as_such(changed: str, console: Console) -> None:
    photos(64, 80)
    label(0, 0, 9, 9)
    console.run(f"{CROPS} {SHARDS} --partition 1/2 -o one")
    if changed == "images":
        shutil.copy("photos/0.png", "photos/1.png")
    elif changed == "labels":
        label(0, 0, 9, 10)
    else:  # the first image has no room now
        label(0, 0, 64, 64)
    console.run(f"{CROPS} {SHARDS} --partition 2/2 -o two")
    said = console.run("finish set one two -q", 3)
    assert f"two is made from other {changed} than one; remove the one whose {changed} are" in said
    shutil.rmtree("one")
    console.run(f"{CROPS} {SHARDS} --partition 1/2 -o one")
    console.run("finish set one two -q")
    console.verified()


def test_parts_of_other_images_without_labels_say_images(console: Console) -> None:
    photos(64, 80)
    for number in (1, 2):
        console.run(f"{SHUFFLED} {SHARDS} --partition {number}/2 -o part{number}")
        Path("photos/1.png").unlink(missing_ok=True)
    said = console.run("finish set part1 part2 -q", 3)
    assert "part2 is made from other images than part1" in said


@follows_advice("restore … or the …, then run: pixelgen repair …")
@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_a_record_that_cannot_be_written_again_is_restored_or_its_labels_are(
    how: str, console: Console
) -> None:
    photos(64, 80)
    label(0, 0, 9, 9)
    console.run(f"{CROPS} -o set")
    whole, record = tree_digest(Path("set")), RECORD.read_bytes()
    label(0, 0, 9, 10)
    for restore in (lambda: RECORD.write_bytes(record), lambda: label(0, 0, 9, 9)):
        damage(how)
        said = console.run("repair set", 3)
        assert f"set/sources.jsonl is {how}, and the images or labels that set is made" in said
        restore()
        console.follow()
        assert tree_digest(Path("set")) == whole


def test_a_run_that_lost_its_record_says_that_labels_may_have_changed(console: Console) -> None:
    photos(64, 80)
    label(0, 0, 9, 9)
    console.run(f"{CROPS} {SHARDS} --partition 1/2 -o set")
    RECORD.unlink()
    label(0, 0, 9, 10)
    said = console.run(f"{CROPS} {SHARDS} --partition 2/2 -o set", 3)
    assert "the images or labels that the dataset in set is made from have changed" in said
    label(0, 0, 9, 9)
    for number in (1, 2):
        console.run(f"{CROPS} {SHARDS} --partition {number}/2 -o set")
    console.run("finish set -q")
    console.verified()
