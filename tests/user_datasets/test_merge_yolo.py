"""``merge`` of YOLO: Ultralytics finds every image of both, and a label for each of the user's."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.layouts.support import missing
from tests.support.user_datasets import CLASSES, QUICK, TWO, digests, yolo

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")


def resolve(path: Path) -> dict[str, list[str]]:
    """Return the images of each split, as check_det_dataset and get_img_files of 8.3 find them."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    base = Path(data.get("path") or path.parent)
    found = {}
    for split in ("train", "val", "test"):
        value: Any = data.get(split)
        if isinstance(value, str):
            place = (base / value).resolve()
            if not place.exists() and value.startswith("../"):
                place = (base / value[3:]).resolve()
            value = [str(place)]
        elif value:
            value = [str((base / each).resolve()) for each in value]
        found[split] = [image for each in value or [] for image in listed(Path(each))]
    return found


def listed(place: Path) -> list[str]:
    assert place.exists(), place
    if place.is_dir():
        return sorted(str(each) for each in place.rglob("*.*"))
    parent = str(place.parent) + os.sep
    lines = place.read_text().strip().splitlines()
    return [each.replace("./", parent) if each.startswith("./") else each for each in lines]


def boxes(images: list[str]) -> list[int]:
    """Return the number of boxes of each image, by the label file that Ultralytics looks for."""
    found = []
    for each in images:
        assert Path(each).is_file(), each
        label = Path("/labels/".join(each.rsplit("/images/", 1))).with_suffix(".txt")
        found.append(len(label.read_text().splitlines()))
    return found


@pytest.mark.parametrize("out", ["own/joined.yaml", "joined.yaml", "new/folder/joined.yaml"])
@pytest.mark.parametrize("size", CLASSES)
def test_a_joined_data_yaml_has_every_box_and_image(
    size: str, out: str, own: Path, command: Callable[..., str]
) -> None:
    theirs = yaml.safe_load(yolo(own, CLASSES[size]).read_text())
    before = resolve(own / "data.yaml")
    command(f"generate {QUICK} -n 5 --beside own -o neg")
    said = command(f"merge neg --into own -o {out}")
    assert "train: 6 yours + 5 negatives = 11 images, share 45.5%" in said
    assert "val:" not in said
    after = resolve(Path(out))

    assert yaml.safe_load(Path(out).read_text())["names"] == theirs["names"]
    assert after["val"] == before["val"]
    assert boxes(after["train"]) == [1] * 6 + [0] * 5
    assert len(set(after["train"])) == 11


@pytest.mark.parametrize(
    "train",
    ["images/train", "[images/train]", "../images/train", "list.txt", "{root}/images/train",
     "[list.txt, images/val]"],
)  # fmt: skip
@pytest.mark.parametrize("head", ["", "path: {root}\n", "path: own\n", "path: ../own\n"])
@pytest.mark.parametrize("out", ["own/joined.yaml", "joined.yaml"])
def test_places_are_found_from_the_joined_file(
    out: str, train: str, head: str, own: Path, command: Callable[..., str]
) -> None:
    yolo(own, TWO)
    (own / "list.txt").write_text("".join(f"./images/train/{n:06d}.png\n" for n in range(6)))
    text = f"{head}train: {train}\nval: images/val\nkpt_shape: [17, 3]\nnames: [a, b]\n"
    (own / "data.yaml").write_text(text.format(root=own))
    command(f"generate {QUICK} -n 3 --beside own/data.yaml -o neg")
    command(f"merge neg --into own/data.yaml -o {out} -q")
    after = resolve(Path(out))
    made = yaml.safe_load(Path(out).read_text())

    positives = 9 if "val" in train else 6
    assert boxes(after["train"]) == [1] * positives + [0] * 3
    assert boxes(after["val"]) == [1] * 3
    assert made["kpt_shape"] == [17, 3]
    is_absolute = all(map(os.path.isabs, made["train"]))
    assert is_absolute == ("root" in train)


def test_splits_of_the_negatives_join_those_of_their_name(
    own: Path, command: Callable[..., str]
) -> None:
    yolo(own, TWO)
    command(f"generate {QUICK} -n 10 --split train=0.6,valid=0.4 --beside own -o neg")
    said = command("merge neg --into own -o joined.yaml")
    assert missing("train: 6 val: 3 4", said) == []
    after = resolve(Path("joined.yaml"))
    assert boxes(after["train"]) == [1] * 6 + [0] * 6
    assert boxes(after["val"]) == [1] * 3 + [0] * 4
    assert not set(after["train"]) & set(after["val"])


@pytest.mark.parametrize("out", ["own/joined.yaml", "joined.yaml", "neg/joined.yaml"])
@pytest.mark.parametrize("split", ["", "--split train=0.5,val=0.5"])
def test_a_share_is_a_list_of_the_first_negatives(
    split: str, out: str, own: Path, command: Callable[..., str]
) -> None:
    yolo(own, TWO)
    command(f"generate {QUICK} -n 8 {split} --beside own -o neg")
    command(f"merge neg --into own -o {out} --share 0.25")
    after = resolve(Path(out))
    assert boxes(after["train"]) == [1] * 6 + [0] * 2
    assert boxes(after["val"]) == [1] * 3 + [0] * (1 if split else 0)
    lists = [each.name for each in Path(out).parent.glob("joined-*.txt")]
    names = ["-train", "-val"] if split else [""]
    assert sorted(lists) == [f"joined-negatives{name}.txt" for name in names]


def test_a_list_that_exists_is_kept(own: Path, command: Callable[..., str]) -> None:
    yolo(own, TWO)
    command(f"generate {QUICK} -n 8 --beside own -o neg")
    Path("joined-negatives.txt").write_text("mine")
    said = command("merge neg --into own -o joined.yaml --share 0.25", 3)
    assert missing("joined-negatives.txt exists", said) == []
    assert not Path("joined.yaml").exists()


def test_what_does_not_fit_is_refused(own: Path, command: Callable[..., str]) -> None:
    yolo(own, TWO)
    command(f"generate {QUICK} -n 8 --beside own -o neg --layout files")
    assert "index neg --layout yolo" in command("merge neg --into own -o joined.yaml", 2)
    shutil.rmtree("neg")
    command(f"generate {QUICK} -n 8 --beside own -o neg")
    assert "--split" in command("merge neg --into own -o joined.yaml --split train", 2)
    assert "--images" in command("merge neg --into own -o joined.yaml --images own", 2)
    assert "-o joined.yaml" in command("merge neg --into own -o joined.json", 2)
    command(f"generate {QUICK} -n 8 --beside own -o split --split a=0.5,b=0.5")
    assert "split a" in command("merge split --into own -o joined.yaml", 2)
    command(f"generate {QUICK} -n 8 --beside own -o shards --layout webdataset")
    assert "webdataset" in command("merge shards --into own -o joined.yaml", 2)
    names = own.parent / "names.txt"
    names.write_text("\n".join(TWO))
    command(f"generate {QUICK} -n 8 --classes names.txt -o plain --layout yolo")
    said = command("merge plain --into own -o joined.yaml", 3)
    assert missing("names 000000, 8 all --prefix --beside", said) == []
    command("merge neg --into own -o joined.yaml")


def test_a_link_to_the_negatives_is_followed(own: Path, command: Callable[..., str]) -> None:
    yolo(own, TWO)
    command(f"generate {QUICK} -n 2 --beside own -o real/deep/neg")
    Path("link").symlink_to("real/deep")
    command("merge link/neg --into own -o joined.yaml")
    assert boxes(resolve(Path("joined.yaml"))["train"]) == [1] * 6 + [0] * 2


def test_joined_twice_nothing_collides(own: Path, command: Callable[..., str]) -> None:
    yolo(own, TWO)
    command(f"generate {QUICK} -n 2 --beside own -o neg")
    command("merge neg --into own -o once.yaml")
    command(f"generate {QUICK} -n 2 --beside once.yaml -o more --seed 1")
    command("merge more --into once.yaml -o twice.yaml")
    assert boxes(resolve(Path("twice.yaml"))["train"]) == [1] * 6 + [0] * 4
    assert "000000" in command("merge neg --into once.yaml -o again.yaml", 3)
    before = digests(own)
    shutil.rmtree("more")
    assert digests(own) == before
