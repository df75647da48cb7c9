"""Boxes of objects: the same from every format; mistakes are named; nothing is lost to rounding."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from pixelgen.errors import BadValue
from pixelgen.user_datasets.boxes.base import ImageLabels, PixelBoxes, pixel_boxes
from pixelgen.user_datasets.boxes.detect import read_labels

SIZE = (80, 60)
BOXES = {"a.png": [(10, 20, 30, 25), (0, 0, 80, 7)], "b.jpg": [(70, 50, 10, 10)], "more/c.png": []}
"""x, y, width and height, by image."""

Write = Callable[[Path], Path]


def coco(root: Path, boxes: object = None) -> Path:
    content = {
        "images": [{"id": n, "file_name": name, "width": 80, "height": 60}
                   for n, name in enumerate(BOXES, 1)],
        "annotations": [{"id": 10 * n + k, "image_id": n, "bbox": list(box), "category_id": 1,
                         "iscrowd": k, "ignore": k}
                        for n, each in enumerate(BOXES.values(), 1) for k, box in enumerate(each)],
        "categories": [{"id": 1, "name": "cat"}],
    }  # fmt: skip
    path = root / "instances_train.json"
    path.write_text(json.dumps(content))
    return path


def yolo(root: Path) -> Path:
    for name, boxes in BOXES.items():
        path = (root / "labels" / name).with_suffix(".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            f"0 {(x + w / 2) / 80:.6f} {(y + h / 2) / 60:.6f} {w / 80:.6f} {h / 60:.6f}"
            for x, y, w, h in boxes
        ]
        path.write_text("\n".join(lines))
    return root / "labels"


def yolo_beside(root: Path) -> Path:
    yolo(root)
    (root / "data.yaml").write_text("train: images\nval: images\nnames: [cat]\n")
    return root / "data.yaml"


def yolo_points(root: Path) -> Path:
    folder = yolo(root)
    for name, boxes in BOXES.items():
        lines = []
        for x, y, w, h in boxes:
            points = [x, y, x + w, y, x + w, y + h, x, y + h]
            sides = [value / (60 if n % 2 else 80) for n, value in enumerate(points)]
            lines.append(" ".join(map(str, (3, *sides))))
        (folder / name).with_suffix(".txt").write_text("\n".join(lines))
    return folder


def voc(root: Path) -> Path:
    folder = root / "Annotations"
    (folder / "more").mkdir(parents=True)
    for name, boxes in BOXES.items():
        objects = "".join(
            f"<object><name>cat</name><difficult>1</difficult><part><name>head</name><bndbox>"
            f"<xmin>1</xmin><ymin>1</ymin><xmax>99</xmax><ymax>99</ymax></bndbox></part><bndbox>"
            f"<ymax>{y + h}</ymax><xmin>{x + 1}</xmin><ymin>{y + 1}</ymin><xmax>{x + w}.0</xmax>"
            f"</bndbox></object>"
            for x, y, w, h in boxes
        )
        size = "<size><width>80</width><height>60</height><depth>3</depth></size>"
        text = f"<annotation><filename>x</filename>{size}{objects}</annotation>"
        (folder / name).with_suffix(".xml").write_text(text)
    return folder


def table(root: Path) -> Path:
    lines = [
        f"{name},{x},{y},{w},{h},cat"
        for name, boxes in BOXES.items()
        for x, y, w, h in (boxes or [("", "", "", "")])  # type: ignore[list-item]
    ]
    path = root / "boxes.csv"
    path.write_text("\n".join(["file,x,y,w,h,label", *lines]))
    return path


FORMATS: dict[str, Write] = {
    "coco": coco, "yolo": yolo, "data.yaml": yolo_beside, "points": yolo_points, "voc": voc,
    "csv": table,
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make the folder of a dataset; the images are never opened."""
    (tmp_path / "images" / "more").mkdir(parents=True)
    return tmp_path


def read(root: Path, labels: Path, split: str = "") -> dict[str, PixelBoxes]:
    found = read_labels(str(labels), str(root / "images"), BOXES, split)
    return {name: pixel_boxes(each, SIZE, 1) for name, each in found.images.items()}


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_every_format_gives_the_same_boxes(write: Write, root: Path) -> None:
    found = read(root, write(root))
    assert found.keys() == BOXES.keys()
    for name, boxes in BOXES.items():
        assert found[name].tolist() == [[x, y, x + w, y + h] for x, y, w, h in boxes]


@pytest.mark.parametrize("write", [yolo_beside, voc], ids=["data.yaml", "voc"])
def test_only_images_of_the_split_are_read(write: Write, root: Path) -> None:
    path = write(root)
    (root / "train.txt").write_text("./images/a.png\n./images/more/c.png\n")
    (root / "data.yaml").write_text("train: train.txt\nval: images\nnames: [cat]\n")
    (root / "ImageSets" / "Main").mkdir(parents=True)
    (root / "ImageSets" / "Main" / "train.txt").write_text("a\nc  1\n")
    for name in BOXES:
        (root / "images" / name).touch()
    assert read(root, path, "train").keys() == {"a.png", "more/c.png"}


def test_a_split_of_a_table_is_a_column(root: Path) -> None:
    path = root / "boxes.csv"
    path.write_text("split,file,x,y,w,h\ntrain,a.png,1,2,3,4\nval,b.jpg,1,2,3,4\n")
    assert {name: each.tolist() for name, each in read(root, path, "train").items()} == {
        "a.png": [[1, 2, 4, 6]]
    }


@pytest.mark.parametrize(
    "name", ["./a.png", "images\\a.png", "C:\\data\\images\\A.PNG", "/home/me/set/images/a.png"]
)
def test_paths_of_other_folders_and_systems_are_understood(name: str, root: Path) -> None:
    path = root / "boxes.csv"
    path.write_text(f"file,x,y,w,h\n{name},1,2,3,4\n")
    assert read(root, path)["a.png"].tolist() == [[1, 2, 4, 6]]


def test_images_of_one_name_are_distinguished_by_their_folders(root: Path) -> None:
    path = root / "boxes.csv"
    names = ["left/a.png", "right/a.png"]
    path.write_text("file,x,y,w,h\ndata/right/a.png,1,2,3,4\n")
    found = read_labels(str(path), str(root), names).images
    assert [len(found[name].boxes) for name in names] == [0, 4]
    path.write_text("file,x,y,w,h\na.png,1,2,3,4\n")
    with pytest.raises(BadValue, match=r"may be left/a\.png or right/a\.png"):
        read_labels(str(path), str(root), names)


def edited(change: Callable[[dict[str, list[dict[str, object]]]], object]) -> Write:
    """Return the function that writes a COCO file and changes it."""

    def write(root: Path) -> Path:
        path = coco(root)
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
        return path

    return write


def text(name: str, content: str) -> Write:
    """Return the function that writes a file of labels, beside those of YOLO."""

    def write(root: Path) -> Path:
        yolo(root)
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        return path if path.suffix != ".txt" else path.parent

    return write


MISTAKES: dict[str, tuple[Write, str]] = {
    "ids count from another number": (
        edited(lambda c: [a.update(image_id=0) for a in c["annotations"][:1]]),
        r"annotations of image 0, .* ids 1 to 3; correct image_id"),
    "an id twice": (edited(lambda c: c["images"].append(c["images"][0])), "two images of id 1"),
    "no images": (edited(lambda c: c.pop("images")), "lists no images"),
    "shares in COCO": (
        edited(lambda c: [a.update(bbox=[0.1, 0.2, 0.3, 0.4]) for a in c["annotations"]]),
        "as shares of the sides, and must be in pixels"),
    "a text": (edited(lambda c: c["annotations"][1].update(bbox=[1, 2, "x", 4])),
               r"annotation 11: .* is not a coordinate"),
    "a truth": (edited(lambda c: c["annotations"][1].update(bbox=[1, True, 2, 4])),
                "'?True'? is not a coordinate"),
    "no box": (edited(lambda c: c["annotations"][1].pop("bbox")), "no bbox of four numbers"),
    "a negative side": (edited(lambda c: c["annotations"][1].update(bbox=[9, 2, -3, 4])),
                        "must not be negative"),
    "outside": (edited(lambda c: c["annotations"][1].update(bbox=[90, 2, 3, 4])),
                r"box from 90,2 to 93,6 is outside the image of 80x60"),
    "another size": (edited(lambda c: c["images"][0].update(width=160, height=120)),
                     r"image 1: the size is 160x120, and the image has 80x60"),
    "other images": (edited(lambda c: [i.update(file_name=f"z{i['id']}.png") for i in c["images"]]),
                     r"labels of none of the 3 images in the source, such as a\.png"),
    "pixels in YOLO": (text("labels/a.txt", "0 30 20 10 10\n"), r"a\.txt.*is not a share of"),
    "four values": (text("labels/a.txt", "0 0.5 0.5 0.1\n"), "line 1 has 4 values; write class"),
    "words in YOLO": (text("labels/a.txt", "cat dog 0.5 0.5 0.1\n"), "'dog' is not a coordinate"),
    "no such labels": (lambda root: root / "images", r"images/a\.txt does not exist; give"),
    "shares in CSV": (text("b.csv", "file,x,y,w,h\na.png,.1,.2,.3,.4\n"), "must be in pixels"),
    "corners in CSV": (text("b.csv", "file,x1,y1,x2,y2\na.png,1,2,3,4\n"),
                       r"no column x; its first line must name the columns file,x,y,w,h"),
    "half a row": (text("b.csv", "file,x,y,w,h\na.png,1,2,,4\n"), "line 2: '' is not a coordinate"),
    "a short row": (text("b.csv", "file,x,y,w,h\na.png,1,2\n"), "'None' is not a coordinate"),
    "another table": (text("b.csv", "file,x,y,w,h\nz.png,1,2,3,4\n"), "labels of none of the 3"),
    "a broken file": (text("Annotations/a.xml", "<annotation><object>"), "not well-formed XML"),
    "no corner": (
        text("Annotations/a.xml", "<annotation><object><bndbox><xmin>1</xmin></bndbox></object>"
             "</annotation>"), "'' is not a coordinate"),
    "a program": (text("labels.py", ""), r"invalid labels '.*labels\.py': must be a COCO file"),
    "nothing": (lambda root: root / "missing.json", r"do not exist; give a COCO file"),
}  # fmt: skip


@pytest.mark.parametrize(("write", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_that_names_it(write: Write, message: str, root: Path) -> None:
    path = write(root)
    with pytest.raises(BadValue, match=message) as caught:
        read(root, path.parent if path.suffix == ".xml" else path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("write", "message"),
    [(coco, "lists none"), (yolo, "lists none"), (yolo_beside, "no split 'dev'"),
     (voc, r"dev\.txt does not exist"), (table, "no column split")],
)  # fmt: skip
def test_a_split_that_is_not_listed_is_refused(write: Write, message: str, root: Path) -> None:
    with pytest.raises(BadValue, match=message):
        read(root, write(root), "dev")


def test_images_without_a_file_are_background_for_yolo_and_unknown_for_voc(root: Path) -> None:
    (yolo(root) / "b.txt").unlink()
    found = read_labels(str(root / "labels"), str(root / "images"), BOXES)
    assert len(found.images["b.jpg"].boxes) == 0
    assert found.notes == ("1 of 3 images have no file of labels: taken as background",)
    (voc(root) / "b.xml").unlink()
    assert "b.jpg" not in read_labels(str(root / "Annotations"), str(root / "images"), BOXES).images


def test_an_annotation_without_box_is_taken_by_its_polygons(root: Path) -> None:
    polygons = [[10, 20, 40, 20, 25, 45], [30, 44, 31, 44, 30, 45.5]]
    write = edited(lambda c: c["annotations"][0].update(bbox=None, segmentation=polygons))
    assert read(root, write(root))["a.png"].tolist()[:2] == [[10, 20, 40, 45], [30, 44, 31, 46]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_of_the_displayed_image_are_found_in_the_stored_one(
    orientation: int, tmp_path: Path
) -> None:
    """A mark is painted where the box is, and Pillow turns the image."""
    labels = ImageLabels("a", size=(30, 40) if orientation >= 5 else (40, 30))
    labels.add([3, 5, 9, 17])
    boxes = pixel_boxes(labels, (40, 30), orientation)
    assert len(boxes) == (2 if orientation in (2, 3, 4) else 1)  # where sides tell nothing: both
    left, top, right, bottom = boxes[-1]
    exif = Image.Exif()
    exif[0x0112] = orientation
    levels = np.zeros((30, 40), np.uint8)
    levels[top:bottom, left:right] = 255
    Image.fromarray(levels).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as image:
        marked = np.asarray(ImageOps.exif_transpose(image))
    assert (marked[5:17, 3:9] == 255).all()
    assert marked.sum() == 255 * 6 * 12


def test_where_labels_say_no_size_a_box_is_taken_both_ways() -> None:
    labels = ImageLabels("a", is_relative=True)
    labels.add([0.1, 0.1, 0.2, 0.3])
    boxes = pixel_boxes(labels, (40, 30), 6).tolist()
    assert boxes == [[4, 3, 8, 9], [4, 24, 12, 27]]


def test_a_box_partly_outside_is_cut_and_one_without_a_side_is_a_pixel() -> None:
    labels = ImageLabels("a")
    labels.add([-5, -5, 3.2, 4])
    labels.add([10, 10, 10, 10])
    assert pixel_boxes(labels, SIZE, 1).tolist() == [[0, 0, 4, 4], [10, 10, 11, 11]]
