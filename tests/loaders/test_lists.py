"""Small lists beside the images, each read as its reader's source says."""

import ast
import csv
from pathlib import Path

import pytest

from tests.loaders.conftest import COUNT, SHARES, SPLIT, Made, Sets

pytestmark = pytest.mark.cli
NAMES = ("cat", 'Käfer "x", <b>', "it's 100 %: #1")
CLASSES = ("--classes", ",".join(name.replace(",", r"\,") for name in NAMES))


def of_split(made: Made, split: str) -> list[str]:
    """Return the paths of the images of a split, or of all."""
    return [row["file_name"] for row in made.rows if row.get("split", "") == split]


@pytest.fixture(params=["", *SHARES], ids=["whole", *SHARES])
def split(request: pytest.FixtureRequest) -> str:
    """No split, or each one."""
    return str(request.param)


def test_names_of_classes_are_lines_as_they_are(sets: Sets) -> None:
    made = sets("classes,darknet,yolo", *CLASSES)

    text = "".join(f"{name}\n" for name in NAMES)

    assert made.read("classes.txt") == made.read("darknet.names") == text
    assert sets("files").read("classes.txt") == "object\n"


def test_darknet_finds_images_labels_and_names_in_the_dataset_s_directory(
    sets: Sets, split: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sets("darknet,yolo", *CLASSES, *(SPLIT if split else ()))
    monkeypatch.chdir(made.root)
    pairs = (line.split(" = ") for line in made.read("darknet.data").splitlines())
    options = dict(pairs)
    assert options["classes"] == str(len(NAMES))
    assert Path(options["names"]).read_text(encoding="utf-8").splitlines() == [*NAMES]

    paths = Path(options["valid" if split == "val" else "train"]).read_text().splitlines()
    assert [path.removeprefix("./") for path in paths] == of_split(made, split)
    for path in paths:  # as replace_image_to_label of darknet
        label = path.replace("/images/", "/labels/").replace(".png", ".txt")
        assert label != path
        assert Path(path).is_file()
        assert Path(label).read_bytes() == b""


@pytest.mark.parametrize(
    ("layout", "label"),
    [("files,imglist", -1), ("imglist:label=0", 0), ("imagefolder,imglist:label=7", 7)],
)
def test_openood_reads_a_path_and_a_number_from_each_line(
    sets: Sets, layout: str, label: int, split: str
) -> None:
    made = sets(layout, *(SPLIT if split else ()))
    lines = made.read(f"imglist-{split}set.txt" if split else "imglist.txt").splitlines()
    found = [line.split(" ", 1) for line in lines]

    assert [path for path, _ in found] == of_split(made, split)
    assert {ast.literal_eval(number) for _, number in found} == {label}


@pytest.mark.parametrize("container", ["files", "imagefolder"])
def test_the_table_of_labels_has_a_row_an_image(sets: Sets, container: str, split: str) -> None:
    made = sets(f"{container},labels", *(SPLIT if split else ()))
    name = f"labels-{split}set.csv" if split else "labels.csv"
    rows = list(csv.DictReader(made.read(name).splitlines()))

    assert [row["image"] for row in rows] == of_split(made, split)
    assert all(row.keys() == {"image", "label"} for row in rows)
    assert {row["label"] for row in rows} == {"bird" if split else "negatives"}
    assert len(rows) == (SHARES[split] if split else COUNT)
    assert all((made.root / row["image"]).is_file() for row in rows)
