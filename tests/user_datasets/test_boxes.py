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
from pixelgen.user_datasets.detect import detect

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
    (root / "data.yaml").write_text("train: images\nval: images\nnames: [a, b, c, cat]\n")
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


def voc_above(root: Path) -> Path:
    return voc(root).parent


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
    "above Annotations": voc_above, "csv": table,
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
    "pixels in the first line": (
        text("labels/a.txt", "0 30 20 10 10\n0 .5 .5 .1 .1\n"),
        r"a\.txt, line 1: a coordinate of 35 is"),
    "outside in YOLO": (text("labels/a.txt", "0 1.3 .5 .2 .2\n0 .5 .5 .1 .1\n"),
                        r"a\.txt: the box from 1\.2,0\.4 to 1\.4,0\.6 is outside"),
    "outside in CSV": (text("b.csv", "file,x,y,w,h\na.png,90,2,3,4\na.png,1,2,3,4\n"),
                       r"b\.csv, a\.png: the box from 90,2 to 93,6 is outside"),
    "null": (edited(lambda c: c["annotations"][1].update(bbox=[1, None, 2, 4])),
             "annotation 11: null is not a coordinate"),
    "no file_name": (edited(lambda c: c["images"][1].pop("file_name")), "image has no file_name"),
    "four values": (text("labels/a.txt", "0 0.5 0.5 0.1\n"), "line 1 has 4 values; write class"),
    "words in YOLO": (text("labels/a.txt", "cat dog 0.5 0.5 0.1\n"), "'dog' is not a coordinate"),
    "no such labels": (lambda root: root / "images", r"images/a\.txt does not exist; give"),
    "shares in CSV": (text("b.csv", "file,x,y,w,h\na.png,.1,.2,.3,.4\n"), "must be in pixels"),
    "corners in CSV": (text("b.csv", "file,x1,y1,x2,y2\na.png,1,2,3,4\n"),
                       r"no column x; its first line must name the columns file,x,y,w,h"),
    "half a row": (text("b.csv", "file,x,y,w,h\na.png,1,2,,4\n"),
                   "line 2: w missing; write all of file,x,y,w,h, or leave x,y,w,h empty for"),
    "a short row": (text("b.csv", "file,x,y,w,h\na.png,1,2\n"), "line 2: w and h missing; write"),
    "a row without file": (text("b.csv", "file,x,y,w,h\n,1,2,3,4\n"), "line 2: file missing"),
    "another table": (text("b.csv", "file,x,y,w,h\na.jpg,1,2,3,4\n"),
                      r"none of the 3 .* such as a\.png, but of others, such as a\.jpg; give"),
    "other files of YOLO": (
        text("other/z.txt", "0 0.5 0.5 0.1 0.1\n"),
        r"other/a\.txt does not exist, though z\.txt does; give the folder"),
    "keypoints, some visible": (
        text("labels/a.txt", "0 .5 .5 .2 .2 .4 .4 2 .6 .6 0\n"),
        r"line 1: every third value is 0, 1 or 2, as the visibility of keypoints; give the data"),
    "image_id a text": (
        edited(lambda c: c["annotations"][1].update(image_id="1")),
        r"annotation 11 has image_id '1'; write the id of one of the images, a whole number"),
    "no image_id": (edited(lambda c: [c["annotations"][1].pop(key) for key in ("image_id", "id")]),
                    r"annotations\[1\] has no image_id; write the id"),
    "an image without id": (edited(lambda c: c["images"][1].pop("id")),
                            "the image id is missing; give every image a whole number"),
    "a broken file": (text("Annotations/a.xml", "<annotation><object>"), "not well-formed XML"),
    "no corner": (
        text("Annotations/a.xml", "<annotation><object><bndbox><xmin>1</xmin></bndbox></object>"
             "</annotation>"), r"a\.xml: object 1 has no ymin; write a bndbox with xmin, ymin, xm"),
    "no bndbox": (text("Annotations/a.xml", "<annotation><object><name>cat</name></object>"
                       "</annotation>"), r"a\.xml: object 1 has no bndbox; write"),
    "a folder of COCO": (lambda root: coco(root).parent, r"holds COCO files; .*/instances"),
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
    where = root / "labels"
    assert found.notes == (
        f"{where} has no box in 2 of 3 images, 1 of them without a file of labels",
    )
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


def no_boxes(write: Write) -> Write:
    """Return the function that writes labels in a format, without a single object."""

    def empty(root: Path) -> Path:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(BOXES, "a.png", [])
            patch.setitem(BOXES, "b.jpg", [])
            return write(root)

    return empty


def without_annotations(root: Path) -> Path:
    return edited(lambda c: c.pop("annotations"))(root)


def notes(root: Path, labels: Path, split: str = "") -> tuple[str, ...]:
    return read_labels(str(labels), str(root / "images"), BOXES, split).notes


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_images_without_a_box_are_counted_in_every_format(write: Write, root: Path) -> None:
    (note,) = notes(root, write(root))
    assert note.endswith(" has no box in 1 of 3 images")


@pytest.mark.parametrize(
    "write", [*map(no_boxes, FORMATS.values()), without_annotations], ids=[*FORMATS, "no list"]
)
def test_labels_without_any_object_are_noted(write: Write, root: Path) -> None:
    (note,) = notes(root, write(root))
    assert note.endswith(" has no box in 3 of 3 images: the whole of each is taken as background")


def test_a_table_of_images_without_a_box_is_noted_for_a_split_too(root: Path) -> None:
    path = root / "boxes.csv"
    path.write_text("split,file,x,y,w,h\ntrain,a.png,,,,\ntrain,b.jpg,1,2,3,4\nval,c.png\n")
    assert notes(root, path, "train") == (f"{path} has no box in 1 of 2 images",)
    path.write_text("file,x,y,w,h,split\na.png,1,2,3,4\n")
    with pytest.raises(BadValue, match="line 2: split missing"):
        notes(root, path, "train")


def more_in_coco(root: Path) -> Path:
    images = [{"id": 40 + n, "file_name": f"z{n}.png"} for n in range(5)]
    return edited(lambda c: c["images"].extend(images))(root)


def more_in_yolo(root: Path) -> Path:
    folder = yolo_beside(root).parent / "labels"
    for name in [*(f"z{n}.txt" for n in range(5)), "classes.txt", ".hidden.txt"]:
        (folder / name).touch()
    return root / "data.yaml"


def more_in_voc(root: Path) -> Path:
    folder = voc(root)
    for number in range(5):
        (folder / f"z{number}.xml").touch()
    return folder


def more_in_table(root: Path) -> Path:
    path = table(root)
    path.write_text(path.read_text() + "".join(f"\nz{n}.png,1,2,3,4" for n in (4, 0, 3, 1, 2, 2)))
    return path


@pytest.mark.parametrize("write", [more_in_coco, more_in_yolo, more_in_voc, more_in_table])
def test_labels_of_images_that_are_not_there_are_noted(write: Write, root: Path) -> None:
    note = notes(root, write(root))[-1]
    before, _, named = note.partition(" has labels of 5 images not found in the source: ")
    assert before.startswith(str(root))
    assert [Path(each).stem for each in named.removesuffix(" and 2 more").split(", ")] == [
        "z0", "z1", "z2"
    ]  # fmt: skip


def test_images_that_a_split_of_voc_lists_and_are_not_there_are_noted(root: Path) -> None:
    folder = voc(root)
    (root / "ImageSets" / "Main").mkdir(parents=True)
    (root / "ImageSets" / "Main" / "train.txt").write_text("a\nz\n")
    assert notes(root, root, "train") == (
        f"{folder} has labels of 1 image not found in the source: z",
    )


def test_a_coco_file_with_a_byte_order_mark_is_read(root: Path) -> None:
    path = coco(root)
    before = read(root, path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert {name: each.tolist() for name, each in read(root, path).items()} == {
        name: each.tolist() for name, each in before.items()
    }
    with pytest.raises(BadValue, match="a byte order mark, which trainers refuse; save it as"):
        detect(path)  # of a dataset that negatives join


@pytest.mark.parametrize("inner", ["annotations", "Annotations"])
def test_a_folder_with_annotations_of_voc_alone_is_recognized(inner: str, root: Path) -> None:
    voc(root).rename(root / "moved")
    (root / "voc").mkdir()
    (root / "moved").rename(root / "voc" / inner)
    assert read(root, root / "voc").keys() == BOXES.keys()


@pytest.mark.parametrize("path", [".", "../own", "own"])
def test_the_path_of_a_data_yaml_counts_from_its_folder_too(
    path: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = root / "elsewhere" / "work"
    for each in ("../own", "own"):  # of the dataset's name, without its images
        (here / each / "train").mkdir(parents=True)
    own = root / "own"
    (own / "images").mkdir(parents=True)
    if path == "own":
        (own / "own").symlink_to(own)
    monkeypatch.chdir(here)
    for name in ("a.png", "b.jpg"):
        (own / "images" / name).touch()
    yolo(own)
    (own / "data.yaml").write_text(f"path: {path}\ntrain: images\nval: images\nnames: [cat]\n")
    found = read_labels(str(own / "data.yaml"), str(own / "images"), ["a.png", "b.jpg"], "train")
    assert found.images.keys() == {"a.png", "b.jpg"}
