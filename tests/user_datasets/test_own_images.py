"""``merge`` looks for every image of the user's: a few may be missing, most may not."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pixelgen.joining.own_images import missing_names
from tests.layouts.support import missing
from tests.support.user_datasets import IMAGES, QUICK, TWO, coco, image, yolo


def remove(folder: Path, *numbers: int) -> None:
    for number in numbers:
        (folder / f"{number:06d}.png").unlink()


@pytest.mark.parametrize("images", ["", "--images own/train"])
def test_a_few_missing_images_are_noted(
    images: str, own: Path, command: Callable[..., str]
) -> None:
    coco(own, TWO)
    command(f"generate {QUICK} -n 2 --beside own -o neg")
    remove(own / "train", 0, 1, 2, 8)
    said = command(f"merge neg --into own -o joined.json {images}")
    assert missing("note: 4 '000000.png' 9 yours", said) == []
    facts = json.loads(command(f"merge neg --into own -o joined.json {images} -q --json"))
    assert facts["missing"] == 4
    assert "note" not in command(f"merge neg --into own -o joined.json {images} -q")


def test_a_folder_that_has_the_first_images_only_is_another(
    own: Path, command: Callable[..., str]
) -> None:
    coco(own, TWO)
    (own / "train").rename(own / "photos")
    for number in range(4):
        image(own / f"val/{number:06d}.png")
    command(f"generate {QUICK} -n 2 --beside own -o neg")
    said = command("merge neg --into own -o joined.json --images own/val", 2)
    assert missing("own/val 4 9 '000004.png' instances_train.json --images", said) == []
    assert "not a folder" in command("merge neg --into own -o a.json --images own/x", 2)
    assert not Path("joined.json").exists()
    assert "own/photos" in command("merge neg --into own -o joined.json")
    remove(own / "photos", 4, 5, 6, 7, 8)
    assert "in no folder" in command("merge neg --into own -o again.json", 2)


def test_absolute_names_must_exist_too(own: Path, command: Callable[..., str]) -> None:
    coco(own, TWO, "{root}/train/{:06d}.png")
    command(f"generate {QUICK} -n 2 --beside own -o neg")
    remove(own / "train", 3)
    assert missing("note: 1 000003.png", command("merge neg --into own -o a.json")) == []
    remove(own / "train", 4, 5, 6, 7)
    assert missing("9 5 000003.png exist", command("merge neg --into own -o b.json", 2)) == []


def test_images_that_a_text_file_of_yolo_lists_must_exist(
    own: Path, command: Callable[..., str]
) -> None:
    yolo(own, TWO)
    (own / "list.txt").write_text("".join(f"own/images/train/{n:06d}.png\n" for n in range(6)))
    (own / "data.yaml").write_text("train: list.txt\nval: images/val\nnames: [a, b]\n")
    command(f"generate {QUICK} -n 2 --beside own -o neg")
    assert "note" not in command("merge neg --into own -o a.yaml")
    remove(own / "images/train", 0, 1, 2)
    said = command("merge neg --into own -o b.yaml")
    assert missing("note: 3 'own/images/train/000000.png'", said) == []
    remove(own / "images/train", 3)
    said = command("merge neg --into own -o c.yaml", 2)
    assert missing("list.txt 6 4 own/images/train/000000.png exist", said) == []


ODD: list[Any] = [
    "x" * 300 + ".png", "\ud800.png", "\ud800/a.png", "nowhere/a.png", "train/", "train", ".",
    "broken.png", "loop.png", "train/000000.png/a.png", "pipe",
]  # fmt: skip


def test_names_of_no_file_are_missing_whatever_they_are(own: Path) -> None:
    image(own / "train/000000.png")
    (own / "broken.png").symlink_to("nowhere")
    (own / "loop.png").symlink_to("loop.png")
    (own / "link.png").symlink_to("train/000000.png")
    (own / "folder").symlink_to("train")
    os.mkfifo(own / "pipe")
    there = ("train/000000.png", "./train/000000.png", "folder/000000.png", "link.png",
             "train/../link.png", str(own / "link.png"))  # fmt: skip
    assert missing_names([*there, *ODD], str(own)) == tuple(ODD)


@pytest.mark.parametrize("name", ODD)
def test_a_coco_file_of_odd_names_is_one_line(
    name: str, own: Path, command: Callable[..., str]
) -> None:
    path = coco(own, TWO)
    content = json.loads(path.read_text())
    content["images"] = [{"id": n, "file_name": name} for n in range(IMAGES)]
    path.write_text(json.dumps(content))
    command(f"generate {QUICK} -n 2 --beside own -o neg")
    assert "--images" in command("merge neg --into own -o joined.json", 2)
    assert "--images" in command("merge neg --into own -o joined.json --images own", 2)
