"""``merge``: the loaders of COCO and YOLO read the union, and nobody's boxes or files change."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pixelgen
from pixelgen.cli import main
from pixelgen.errors import AnotherJob, BadValue
from pixelgen.storage.posix import host_name
from tests.layouts.support import missing
from tests.support.user_datasets import (
    CLASSES,
    COCO_IDS,
    IMAGES,
    QUICK,
    TWO,
    coco,
    digests,
    image,
)


def read_coco(path: Path) -> Any:
    loaded = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    return loaded.COCO(path)


@pytest.mark.parametrize("size", CLASSES)
def test_a_joined_coco_file_has_every_box_and_image(
    size: str, own: Path, command: Callable[..., str]
) -> None:
    theirs = json.loads(coco(own, CLASSES[size]).read_text())
    command(f"generate {QUICK} -n 5 --beside own -o neg")
    said = command("merge neg --into own -o joined.json")
    assert "9 yours + 5 negatives = 14 images, share 35.7%" in said
    assert said.splitlines()[-1] == "joined.json"
    made = json.loads(Path("joined.json").read_text())

    for name in theirs.keys() - {"images"}:
        assert made[name] == theirs[name], name
    assert made["images"][:IMAGES] == theirs["images"]
    loaded = read_coco(Path("joined.json"))
    numbers = loaded.getImgIds()
    assert sorted(numbers) == [*range(14)]
    boxes = [len(loaded.getAnnIds(number)) for number in sorted(numbers)]
    assert boxes == [1] * IMAGES + [0] * 5
    assert [each["name"] for each in loaded.loadCats(loaded.getCatIds())] == [*CLASSES[size]]
    assert size == "two" or loaded.getCatIds() == [*COCO_IDS]
    for each in loaded.loadImgs(numbers):
        assert (own / "train" / each["file_name"]).is_file()


def test_the_bytes_of_the_user_s_file_are_all_in_the_joined_one(
    own: Path, command: Callable[..., str]
) -> None:
    path = coco(own, TWO)
    command(f"generate {QUICK} -n 1100 --layout files,coco --beside own -o neg -f bmp -s 8")
    command("merge neg --into own -o joined.json -q")
    old, new = path.read_bytes(), Path("joined.json").read_bytes()
    end = next(n for n in range(len(old)) if old[n] != new[n])
    assert new.startswith(old[:end])
    assert new.endswith(old[end:])
    assert len(json.loads(new)["images"]) == IMAGES + 1100


@pytest.mark.parametrize("content", ["[]", "[ \n ]"])
def test_a_coco_file_without_images_is_joined(
    content: str, own: Path, command: Callable[..., str]
) -> None:
    (own / "own.json").write_text(
        f'{{"images":{content},"annotations":[],"categories":[{{"id":3,"name":"x"}}]}}'
    )
    command(f"generate {QUICK} -n 2 --beside own/own.json -o neg")
    command("merge neg --into own/own.json -o joined.json")
    assert [each["id"] for each in json.loads(Path("joined.json").read_text())["images"]] == [1, 2]


def test_absolute_names_stay_absolute(own: Path, command: Callable[..., str]) -> None:
    coco(own, TWO, "{root}/train/{:06d}.png")
    command(f"generate {QUICK} -n 2 --beside own -o neg")
    said = command("merge neg --into own -o joined.json")
    assert "CocoDetection('/', 'joined.json')" in said
    names = [each["file_name"] for each in json.loads(Path("joined.json").read_text())["images"]]
    assert len(names) == 11
    assert all(Path(name).is_absolute() and Path(name).is_file() for name in names)


def test_the_folder_of_images_is_found_or_given(own: Path, command: Callable[..., str]) -> None:
    path = coco(own, TWO)
    command(f"generate {QUICK} -n 2 --beside own -o neg")
    (own / "train").rename(own / "photos")
    assert f"count from {own}/photos" in command("merge neg --into own -o a.json")
    for name in ("x", "y"):
        (own / name).symlink_to(own / "photos")
        command(f"merge neg --into own -o {name}.json")
    (own / "photos").rename(own.parent / "elsewhere")
    said = command("merge neg --into own -o b.json", 2)
    assert missing("'000000.png' --images", said) == []
    command("merge neg --into own -o b.json --images own", 2)
    command("merge neg --into own -o b.json --images elsewhere")
    for each in json.loads(Path("b.json").read_text())["images"]:
        assert Path("elsewhere", each["file_name"]).is_file()
    for name in ("one", "two"):
        for number in range(IMAGES):
            image(own / name / f"{number:06d}.png")
    assert missing("2 folders --images", command("merge neg --into own -o c.json", 2)) == []
    (own / "two").rename(own / "train")
    assert "own/train" in command("merge neg --into own -o c.json")
    assert path.is_file()


def test_a_share_takes_the_first_negatives(own: Path, command: Callable[..., str]) -> None:
    coco(own, TWO)
    command(f"generate {QUICK} -n 5 --beside own -o neg")
    said = command("merge neg --into own -o joined.json --share 0.2")
    assert "9 yours + 2 negatives = 11 images, share 18.2%" in said
    made = json.loads(Path("joined.json").read_text())
    assert [each["id"] for each in made["images"]] == [*range(11)]
    said = command("merge neg --into own -o more.json --share 0.5", 2)
    assert missing("9 5 0.357", said) == []
    command("merge neg --into own -o more.json --share 0.357")


def test_negatives_that_start_later_or_lost_images_are_joined(
    own: Path, command: Callable[..., str]
) -> None:
    coco(own, TWO)
    command(f"generate {QUICK} -n 6 --start 100 --beside own -o neg")
    before = digests(own)
    assert main(["remove", "neg", "--index", "101,103", "-q"]) == 0
    command("merge neg --into own -o joined.json")
    images = json.loads(Path("joined.json").read_text())["images"]

    assert [image["id"] for image in images[IMAGES:]] == [109, 111, 113, 114]
    assert all(Path("own/train", image["file_name"]).is_file() for image in images)
    assert "4 negatives" in command("merge neg --into own -o again.json --share 0.31")
    assert digests(own) == before


@pytest.mark.parametrize(("option", "split"), [("", "train"), ("--split val", "val")])
def test_one_split_of_the_negatives_joins_a_coco_file(
    option: str, split: str, own: Path, command: Callable[..., str]
) -> None:
    coco(own, TWO)
    command(f"generate {QUICK} -n 6 --split train=0.5,val=0.5 --beside own -o neg")
    command(f"merge neg --into own -o joined.json {option}")
    rows = pixelgen.load("neg").rows
    wanted = [row["file_name"] for row in rows if row["split"] == split]
    images = json.loads(Path("joined.json").read_text())["images"][IMAGES:]
    assert [each["file_name"].partition("neg/")[2] for each in images] == wanted
    assert "splits train, val" in command("merge neg --into own -o x.json --split dev", 2)


def test_ids_and_names_that_collide_are_named(own: Path, command: Callable[..., str]) -> None:
    path = coco(own, TWO)
    command(f"generate {QUICK} -n 5 --classes x,y -o other --layout coco")
    said = command(f"merge other --into {path} -o joined.json", 3)
    assert missing("x (1) y (2) big dog Käfer --beside", said) == []
    names = own.parent / "names.txt"
    names.write_text("\n".join(TWO))
    command(f"generate {QUICK} -n 5 --classes names.txt -o neg --layout coco")
    said = command(f"merge neg --into {path} -o joined.json", 3)
    facts = "1 (000001.png) 5 all --first-id 9 names 000000 000001 --prefix --beside"
    assert missing(facts, said) == []
    assert not Path("joined.json").exists()


def test_a_file_that_exists_is_kept(own: Path, command: Callable[..., str]) -> None:
    coco(own, TWO)
    command(f"generate {QUICK} -n 2 --beside own -o neg")
    command("merge neg --into own -o joined.json")
    command("merge neg --into own -o joined.json")
    for text in ("", "{", "mine"):
        Path("mine.json").write_text(text)
        assert "exists" in command("merge neg --into own -o mine.json", 3)
    assert "exists" in command("merge neg --into own -o own/annotations/instances_train.json", 3)
    assert ".json" in command("merge neg --into own -o joined.yaml", 2)
    assert "-o joined.json" in command("merge neg --into own", 2)


def test_what_a_killed_merge_left_is_removed(own: Path, command: Callable[..., str]) -> None:
    coco(own, TWO)
    command(f"generate {QUICK} -n 2 --beside own -o neg")
    left = Path("new", f".joined.json.{host_name()}.{os.getpid()}.0123abcd.part")
    left.parent.mkdir()
    left.touch()
    assert main(["merge", "neg", "--into", "own", "-o", "new/joined.json", "-q"]) == 0
    assert [each.name for each in left.parent.iterdir()] == ["joined.json"]


def test_the_result_as_json(own: Path, command: Callable[..., str]) -> None:
    coco(own, TWO)
    command(f"generate {QUICK} -n 1 --beside own -o neg")
    said = json.loads(command("merge neg --into own -o new/joined.json --json -q"))
    assert said == {
        "state": "complete", "index": "new/joined.json", "root": str(own / "train"), "yours": 9,
        "negatives": 1, "parts": [{"split": "", "own": 9, "negatives": 1}],
        "missing": 0,
    }  # fmt: skip


def test_merge_in_python(own: Path) -> None:
    path = coco(own, TWO)
    assert main(f"generate {QUICK} -n 3 --beside own -o neg".split()) == 0
    joined = pixelgen.merge("neg", path, "joined.json", share=0.2)
    assert (joined.path, joined.own, joined.negatives) == ("joined.json", 9, 2)
    with pytest.raises(BadValue, match="share"):
        pixelgen.merge("neg", path, "joined.json", share=2)
    assert main(f"generate {QUICK} -n 3 -o other".split()) == 0
    with pytest.raises(AnotherJob, match="classes object"):
        pixelgen.merge("other", path, "joined.json")
