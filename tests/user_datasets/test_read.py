"""Datasets of the user's are read as their loaders read them, whatever names they have."""

import gc
import json
import os
from pathlib import Path

import pytest

from pixelgen.errors import BadValue
from pixelgen.user_datasets.base import UserDataset
from pixelgen.user_datasets.coco import iter_objects, open_object
from pixelgen.user_datasets.detect import detect
from tests.layouts.support import missing
from tests.support.user_datasets import (
    BUILDERS,
    CLASSES,
    COCO_IDS,
    COCO_NAMES,
    IMAGES,
    TWO,
    coco,
    digests,
    image,
    imagefolder,
    yolo,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("size", CLASSES)
@pytest.mark.parametrize("kind", BUILDERS)
def test_a_dataset_is_found_by_what_is_there(kind: str, size: str, root: Path) -> None:
    path = BUILDERS[kind](root, CLASSES[size])
    before = digests(root)
    read = detect(root)

    has_order = kind in ("coco", "yolo")
    assert read.kind == kind
    assert read.classes == (CLASSES[size] if has_order else tuple(sorted(CLASSES[size])))
    assert read.images == (IMAGES if has_order else max(IMAGES, len(CLASSES[size])))
    assert {"000000", "000008"} <= read.stems
    assert detect(path).classes == read.classes
    assert digests(root) == before


def test_ids_of_coco_may_have_gaps(root: Path) -> None:
    read = detect(coco(root, COCO_NAMES))
    assert read.category_ids == COCO_IDS
    assert (read.category_ids[0], read.category_ids[-1], len(read.category_ids)) == (1, 90, 80)
    assert (read.highest_image_id, read.highest_annotation_id) == (IMAGES - 1, IMAGES + 6)


def test_a_coco_file_is_read_in_pieces(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = coco(root, TWO)
    whole = json.loads(path.read_text())
    for size in (1, 2, 3, 7, 64):
        monkeypatch.setattr("pixelgen.user_datasets.json_stream._CHUNK", size)
        found, ends = {}, {}
        with open_object(path) as members:
            for name in members.names():
                if name == "info":
                    members.skip()
                else:
                    found[name] = [*iter_objects(members, name, path)]
                    ends[name] = members.offset
        assert found == {name: each for name, each in whole.items() if name != "info"}
        assert {path.read_bytes()[end - 1 : end] for end in ends.values()} == {b"]"}


@pytest.mark.parametrize(
    ("head", "names"),
    [
        ("names: [cat, 7, yes]", ("cat", "7", "True")),
        ("names:\n- cat\n- 'a: b'", ("cat", "a: b")),
        ("names: {1: b, 0: a}", ("a", "b")),
        ("names: {'0': a, '1': b}", ("a", "b")),
        ("nc: 2", ("class_0", "class_1")),
        ("nc: 2\nnames: [a, b]", ("a", "b")),
    ],
)
def test_names_of_yolo_are_those_that_ultralytics_reads(
    head: str, names: tuple[str, ...], root: Path
) -> None:
    image(root / "images/000007.png")
    (root / "data.yaml").write_text(f"train: images\nval: images\n{head}\n")
    assert detect(root).classes == names


@pytest.mark.parametrize(
    "train",
    [
        "images/train", "[images/train]", "../images/train", "list.txt", "[list.txt]",
        "{root}/images/train",
    ],
)  # fmt: skip
def test_images_of_yolo_are_folders_lists_and_texts(train: str, root: Path) -> None:
    yolo(root, TWO)
    lines = [f"./images/train/{n:06d}.png" for n in range(5)]
    (root / "list.txt").write_text("\n".join([*lines, f"{root}/images/train/000005.png", ""]))
    text = train.format(root=root)
    (root / "data.yaml").write_text(f"train: {text}\nval: images/val\nnames: [a, b]\n")
    read = detect(root)

    assert read.split_images == (("train", 6), ("val", 3))
    assert read.joined_images(()) == 6
    assert read.joined_images(("train", "val")) == 9
    assert len(read.stems) == 9


@pytest.mark.parametrize("head", ["path: own\n", "path: .\n", "path: {root}\n"])
def test_path_of_yolo_counts_from_here_or_from_the_file(
    head: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    yolo(root, TWO, head.format(root=root))
    monkeypatch.chdir(tmp_path if "own" in head else root)
    assert detect(root).images == 9


def test_splits_of_an_imagefolder_are_not_classes(root: Path) -> None:
    for split in ("train", "val"):
        imagefolder(root / split, TWO)
    read = detect(root)
    assert read.classes == tuple(sorted(TWO))
    assert read.split_images == (("train", 9), ("val", 9))


LABEL = {"_type": "ClassLabel", "names": ["z", "ä b"]}
CARD = "dataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dataset_info.json", json.dumps({"features": {"label": LABEL, "image": {}}})),
        ("dataset_info.json", json.dumps({"features": {"objects": [{"category": LABEL}]}})),
        ("README.md", f"---\n{CARD}        names:\n          '0': z\n          '1': ä b\n---\n#"),
        ("metadata.csv", "file_name,label\na.png,z\nb.png,ä b\n"),
    ],
)
def test_classes_of_hugging_face_are_where_it_writes_them(name: str, text: str, root: Path) -> None:
    if not name.startswith("metadata"):
        (root / "metadata.jsonl").write_text('{"file_name":"a.png","label":1}\n')
    (root / name).write_text(text, encoding="utf-8")
    assert detect(root).classes == ("z", "ä b")


def test_classes_of_parquet_are_in_its_schema(root: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    features = datasets.Features({"label": datasets.ClassLabel(names=["z", "a"])})
    made = datasets.Dataset.from_dict({"label": [0, 1, 1]}, features=features)
    made.to_parquet(root / "train-00000.parquet")
    read = detect(root)
    assert (read.classes, read.images) == (("z", "a"), 3)


def test_a_loop_of_links_is_read_once(root: Path) -> None:
    path = yolo(root, TWO)
    (root / "images/train/again").symlink_to(root / "images/train")
    assert detect(path).images == 9


def refusal(path: Path) -> str:
    gc.disable()  # a collection where the stack is full would fail, and warn of it
    try:
        with pytest.raises(BadValue) as caught:
            detect(path)
    finally:
        gc.enable()
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert len(message) < 2000
    return message


HOSTILE_COCO = [
    ("", "JSON"), ("[]", "JSON"), ("{", "JSON"), ('{"images":[1', "object"),
    ('{"images":[{"id":1', "JSON"), ("{}", "images"),
    ('{"images":[],"categories":[]} x', "after its end"), ('{"images":{},"categories":[]}', "'{'"),
    ('{"images":[],"images":[],"categories":[]}', "images twice"),
    ('{"images":[1],"categories":[]}', "images 1 object"),
    ('{"images":[{"id":1}],"categories":[]}', "file_name path"),
    ('{"images":[{"id":"1","file_name":"a"}],"categories":[]}', "image id '1'"),
    ('{"images":[{"id":true,"file_name":"a"}],"categories":[]}', "image id"),
    ('{"images":[{"id":1e999,"file_name":"a"}],"categories":[]}', "image id inf"),
    (f'{{"images":[{{"id":{10**30},"file_name":"a"}}],"categories":[]}}', "image id"),
    (f'{{"images":[{{"id":{"9" * 5000},"file_name":"a"}}],"categories":[]}}', "JSON"),
    ('{"images":[{"id":1,"file_name":"a\\u0000"}],"categories":[]}', "file_name path"),
    ('{"images":[],"annotations":[{"id":-1}],"categories":[]}', "annotation id -1"),
    ('{"images":[],"categories":[{"id":1,"name":"a"},{"id":1,"name":"b"}]}', "two 1"),
    ('{"images":[],"categories":[{"id":1,"name":"a"},{"id":2,"name":"a"}]}', "'a' twice"),
    ('{"images":[],"categories":[{"id":1,"name":["a"]}]}', "printable"),
    ('{"images":[],"categories":[{"id":1,"name":"a\\nb"}]}', "printable"),
    ('{"images":[],"categories":[{"id":1,"name":"\\ud800"}]}', "printable"),
    ('{"images":[],"categories":[]}', "no classes"),
    ('{"x":' + "[" * 100_000, "JSON"), ('{"x":[' + "[" * 100_000, "JSON"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "facts"), HOSTILE_COCO, ids=range(len(HOSTILE_COCO)))
def test_a_hostile_coco_file_is_one_line(text: str, facts: str, root: Path) -> None:
    (root / "own.json").write_text(text)
    assert missing(facts, refusal(root / "own.json")) == []


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\ntrain: *b\n"
HOSTILE_YOLO = [
    ("", "train"), ("train: [", "YAML"), ("- train", "train"), ("train: images", "names"),
    ("train: images\nnames: {0: a, 2: b}", "0, gaps"), ("train: images\nnames: {a: b}", "gaps"),
    ("train: images\nnames: {0: a, true: b}", "gaps"),
    ("train: images\nnames: [a, a]", "'a' twice"),
    ("train: images\nnames: [[a]]", "printable"), ("train: images\nnames: []", "no classes"),
    ("train: images\nnames: [2020-01-01]", "printable"), ("train: images\nnames: x", "no names"),
    ("train: images\nnames: [a]\nnc: 2", "nc 2 1"), ("train: images\nnc: 99999999999", "names"),
    ("train: images\nnc: true", "names"),
    ("train: 7\nnames: [a]", "train '7' path"), ("train: [[a]]\nnames: [a]", "train path"),
    ("train: nowhere\nnames: [a]", "'nowhere' exist"), ("train: /\nnames: [a]", "'/' whole"),
    ("train: https://example.org/x.zip\nnames: [a]", "exist"),
    ("path: nowhere\ntrain: images\nnames: [a]", "'nowhere'"), ("path: 7\ntrain: images", "'7'"),
    ("path: {}\ntrain: images", "path"), (BOMB, "alias"), ("a: " + "[" * 3000, "YAML"),
    ("a: !!python/object/apply:os.system ['touch /tmp/x']", "YAML"), ("\0", "YAML"),
    (f"train: images\nnames: [a]\nnc: {'9' * 5000}", "YAML"), ("#" * (1 << 20) + "#", "bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "facts"), HOSTILE_YOLO, ids=range(len(HOSTILE_YOLO)))
def test_a_hostile_data_yaml_is_one_line(text: str, facts: str, root: Path) -> None:
    (root / "images").mkdir()
    (root / "data.yaml").write_text(text)
    assert missing(facts, refusal(root)) == []


ENTITIES = '<!DOCTYPE a [<!ENTITY x "y">]><annotation/>'
OUTSIDE = '<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>'


HOSTILE_VOC = [
    ("", "well-formed"), ("<annotation>", "well-formed"), (ENTITIES, "DOCTYPE"),
    (OUTSIDE, "DOCTYPE"), ("<a>" * 5000, "50 elements"), ("<annotation/>", "no classes"),
    ("<annotation><object><name> </name></object></annotation>", "printable"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "facts"), HOSTILE_VOC, ids=range(len(HOSTILE_VOC)))
def test_a_hostile_voc_file_is_one_line(text: str, facts: str, root: Path) -> None:
    for name in ("Annotations", "ImageSets"):
        (root / name).mkdir()
    (root / "Annotations/000000.xml").write_text(text)
    assert missing(facts, refusal(root)) == []


HOSTILE_HF = [
    ("metadata.jsonl", "{", "JSON"), ("metadata.jsonl", '{"label": 1}\n', "--classes"),
    ("metadata.jsonl", "[1]\n" + "[" * 100_000, "JSON"),
    ("metadata.jsonl", '"' + "x" * (1 << 20), "line"),
    ("metadata.csv", "file_name,label\na,1\n", "--classes"),
    ("metadata.csv", "a,b\n" + "x" * 200_000 + "\n", "CSV"),
    ("dataset_info.json", "[", "JSON"), ("dataset_info.json", "[" * 100_000, "JSON"),
    ("dataset_info.json", json.dumps({"a": LABEL, "b": LABEL}), "a, b --classes"),
    ("train.parquet", "PAR1", "Parquet"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "facts"), HOSTILE_HF, ids=range(len(HOSTILE_HF)))
def test_a_hostile_hugging_face_folder_is_one_line(
    name: str, text: str, facts: str, root: Path
) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    (root / name).write_text(text)
    assert missing(facts, refusal(root)) == []


def test_what_is_not_a_dataset_is_answered_with_what_is(root: Path) -> None:
    assert missing("exist COCO data.yaml", refusal(root / "nowhere")) == []
    assert missing("not COCO data.yaml VOC", refusal(root)) == []
    (root / "own.txt").write_text("x")
    assert missing("not COCO", refusal(root / "own.txt")) == []
    os.mkfifo(root / "own.json")
    assert missing("exist", refusal(root / "own.json")) == []


def test_two_formats_in_a_folder_are_named(root: Path) -> None:
    coco(root, TWO)
    yolo(root, TWO)
    assert missing("data.yaml annotations/instances_train.json", refusal(root)) == []
    read: UserDataset = detect(root / "data.yaml")
    assert read.kind == "yolo"


def test_a_file_that_is_not_utf_8_is_one_line(root: Path) -> None:
    for name in ("own.json", "data.yaml"):
        (root / name).write_bytes(b'{"\xff": 1}')
        assert "UTF-8" in refusal(root / name)
