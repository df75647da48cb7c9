"""Negatives beside a dataset of the user's: its classes, ids after its ids, names of their own."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixelgen.dataset.api import repair, verify
from pixelgen.errors import BadValue
from pixelgen.job import Job
from pixelgen.layouts import Container
from pixelgen.registry import components
from tests.layouts.support import VARIANTS, files, make_dataset, missing
from tests.support.command import Run

CLASSES = ("cat", "big dog", 'Käfer "x", <b>')
SIDECARS = "files,coco,dlib,opencv,yolo"


@pytest.fixture
def own() -> dict[str, list[dict[str, object]]]:
    """Give the COCO file of a dataset of three images, each with an object."""
    return {
        "images": [{"id": n, "file_name": f"images/{n - 1:06d}.png", "width": 9, "height": 7}
                   for n in (1, 2, 3)],
        "annotations": [{"id": n, "image_id": n, "category_id": n, "bbox": [0, 0, 5, 5],
                         "area": 25, "iscrowd": 0} for n in (1, 2, 3)],
        "categories": [{"id": n, "name": name} for n, name in enumerate(CLASSES, 1)],
    }  # fmt: skip


def test_joined_coco_files_keep_every_box_and_give_negatives_none(
    own: dict[str, list[dict[str, object]]], tmp_path: Path
) -> None:
    make_dataset(tmp_path, layout="coco", classes=CLASSES, first_id=4, prefix="neg_", count=5)
    negatives = json.loads((tmp_path / "coco.json").read_text())
    joined = {name: own[name] + negatives[name] for name in ("images", "annotations")}
    joined["categories"] = own["categories"]
    (tmp_path / "joined.json").write_text(json.dumps(joined))
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed").COCO
    read = coco(tmp_path / "joined.json")

    assert len(read.getImgIds()) == 8
    assert len({image["file_name"] for image in read.loadImgs(read.getImgIds())}) == 8
    assert [len(read.getAnnIds(number)) for number in range(1, 9)] == [1, 1, 1, 0, 0, 0, 0, 0]
    assert [(each["id"], each["name"]) for each in negatives["categories"]] == [
        (each["id"], each["name"]) for each in own["categories"]
    ]


def test_yolo_names_are_the_user_s_and_files_have_names_of_their_own(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml", reason="pyyaml is not installed")
    make_dataset(tmp_path, layout="yolo", classes=CLASSES, prefix="neg_", count=3)

    assert yaml.safe_load((tmp_path / "data.yaml").read_text())["names"] == dict(enumerate(CLASSES))
    assert {"images/neg_000002.png", "labels/neg_000002.txt"} <= files(tmp_path)


@pytest.mark.parametrize(
    ("options", "number"),
    [
        ({}, 0),
        ({"label": "noise"}, 0),
        ({"classes": CLASSES}, 3),
        ({"classes": CLASSES, "label": "noise"}, 3),
        ({"classes": "cat,noise,dog", "label": "noise"}, 1),
        ({"classes": [f"c{n}" for n in range(12)]}, 12),
        ({"classes": CLASSES, "label_number": 300}, 300),
        ({"classes": "cat,dog", "label": "dog", "label_number": 1}, 1),
        ({"label": "noise", "label_number": "7"}, 7),
    ],
)
def test_the_class_number_is_one_of_the_user_s_or_that_after_them(
    options: dict[str, object], number: int, tmp_path: Path
) -> None:
    layout = "webdataset:per_shard=3,dali,wids"
    make_dataset(tmp_path, layout=layout, count=3, **options)
    with tarfile.open(tmp_path / "negatives-000000.tar") as tar:
        assert {read(tar, f"00000{n}.cls") for n in range(3)} == {str(number).encode()}
        offsets = {member.name: (member.offset_data, member.size) for member in tar}

    index = (tmp_path / "negatives-000000.idx").read_text().splitlines()[1:]
    listed = [line.split(" ")[n : n + 4] for line in index for n in range(0, 8, 4)]
    assert {name: (int(at), int(size)) for _, at, size, name in listed}.items() <= offsets.items()
    assert verify(tmp_path).damage == []


def read(tar: tarfile.TarFile, name: str) -> bytes:
    return (tar.extractfile(name) or io.BytesIO()).read()


def test_the_class_number_of_a_tfrecord_is_the_same(tmp_path: Path) -> None:
    loader = pytest.importorskip("tfrecord.reader", reason="tfrecord is not installed")
    make_dataset(tmp_path, layout="tfrecord:per_shard=4", classes=CLASSES, count=4)
    (path,) = tmp_path.glob("*.tfrecord-*")
    found = loader.tfrecord_loader(str(path), None, {"image/class/label": "int"})

    assert [int(record["image/class/label"][0]) for record in found] == [3] * 4


def containers() -> Iterator[str]:
    for name, component in components("layout").items():
        if issubclass(component, Container):
            yield SIDECARS if name == "files" else name


@pytest.mark.parametrize("layout", [*sorted(containers()), *VARIANTS])
def test_a_dataset_with_prefix_and_classes_is_verified_and_repaired(
    layout: str, tmp_path: Path
) -> None:
    options: dict[str, object] = {"prefix": "neg_", "classes": CLASSES, "first_id": 500, "count": 9}
    job = make_dataset(tmp_path, layout=layout, **options)
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    assert verify(tmp_path, jobs=1).damage == []
    (tmp_path / next(iter(job.files()))).unlink()
    repair(tmp_path, jobs=1)

    assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == before
    assert Job.parse(**json.loads(before["pixelgen.json"])["job"]) == job


def test_a_job_without_them_is_what_it_was() -> None:
    names = {"classes", "category_ids", "label_number", "first_id", "prefix"}
    assert not names & Job(count=3).to_dict().keys()


def test_ids_with_gaps_are_those_of_the_coco_file(tmp_path: Path) -> None:
    job = make_dataset(tmp_path, layout="coco", classes=CLASSES, category_ids=(90, 1, 7), count=2)
    written = json.loads((tmp_path / "coco.json").read_text())["categories"]

    assert [each["id"] for each in written] == [90, 1, 7]
    assert tuple(each["name"] for each in written) == CLASSES
    assert Job.parse(**job.to_dict()) == job
    assert verify(tmp_path, jobs=1).damage == []


def test_ids_that_count_from_one_are_not_recorded() -> None:
    job = Job(classes="a,b", category_ids="1,2")
    assert job == Job(classes="a,b")
    assert "category_ids" not in job.to_dict()


@pytest.mark.parametrize(
    ("options", "facts"),
    [
        ({"classes": "cat,cat"}, "'cat' twice"),
        ({"classes": ["a\nb"]}, "printable"),
        ({"classes": ["x" * 201]}, "200"),
        ({"classes": [1]}, "classes names"),
        ({"category_ids": (1, 2)}, "2 0 each class"),
        ({"classes": "a,b", "category_ids": (1, 1)}, "twice"),
        ({"classes": "a,b", "category_ids": (1, -1)}, "-1 0 to"),
        ({"classes": "a,b", "category_ids": (1, 2.5)}, "category_ids"),
        ({"classes": "a,b", "category_ids": "1,x"}, "category_ids"),
        ({"classes": "a,b", "category_ids": (1, True)}, "category_ids"),
        ({"label_number": -1}, "label_number -1"),
        ({"label_number": 1 << 31}, "label_number"),
        ({"classes": "cat,dog", "label_number": 1}, "1 'dog' 2 --class"),
        ({"classes": ["big dog"], "label_number": 0}, "0 'big dog' 1 more"),
        ({"classes": "cat,dog", "label": "cat", "label_number": 1}, "1 'cat' 0"),
        ({"first_id": -1}, "first_id -1"),
        ({"first_id": "x"}, "first_id 'x'"),
        ({"prefix": "../x"}, "'../x' letters"),
        ({"prefix": "a.b"}, "'a.b' letters"),
        ({"prefix": "val-"}, "'val-' split"),
        ({"prefix": "my_test_"}, "'my_test_' split"),
    ],
)
def test_what_cannot_be_a_name_is_refused(options: dict[str, object], facts: str) -> None:
    with pytest.raises(BadValue) as refusal:
        Job.parse(**options)
    assert missing(facts, str(refusal.value)) == [], refusal.value


def test_names_in_a_list_are_taken_as_they_are() -> None:
    names = ("a\\b", r"c\,d", "e,f")
    job = Job(classes=names)
    assert job.classes == names
    assert Job.parse(**job.to_dict()) == job
    assert Job(classes=r"a\\b,c\,d").classes == ("a\\b", "c,d")


def test_a_list_of_classes_may_be_longer_than_a_path(run: Run, tmp_path: Path) -> None:
    names = [f"class number {n}" for n in range(2000)]
    options = ("--classes", ",".join(names), "--layout", "coco", "-q")
    done = run("generate", "-n", 1, "-s", 8, "-o", "own", *options)
    assert done.returncode == 0, done.stderr
    categories = json.loads((tmp_path / "own/coco.json").read_text())["categories"]
    assert [each["name"] for each in categories] == names


@pytest.mark.parametrize("is_file", [False, True])
def test_classes_are_given_as_a_list_or_as_a_file(
    run: Run, tmp_path: Path, *, is_file: bool
) -> None:
    (tmp_path / "names.txt").write_text("cat\nbig, dog\n\n", encoding="utf-8")
    text = "names.txt" if is_file else r"cat,big\, dog"
    options = ("--classes", text, "--first-id", 7, "--prefix", "neg_", "--layout", "coco")
    done = run("generate", "-n", 2, "-s", 8, "-o", "own", "-q", *options)
    assert done.returncode == 0, done.stderr
    made = json.loads((tmp_path / "own/coco.json").read_text())

    assert [each["name"] for each in made["categories"]] == ["cat", "big, dog"]
    assert [each["id"] for each in made["images"]] == [7, 8]
