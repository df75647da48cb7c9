"""Labelled datasets as users have them, in each format, with names and ids that collide."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.sax.saxutils import escape

from PIL import Image

TWO = ("big dog", "Käfer: #1, 'x'")
_NAMES = (
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,"
    "stop sign,parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,"
    "backpack,umbrella,handbag,tie,suitcase,frisbee,skis,snowboard,sports ball,kite,baseball bat,"
    "baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,cup,fork,knife,spoon,bowl,"
    "banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,"
    "potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,"
    "oven,toaster,sink,refrigerator,book,clock,vase,scissors,teddy bear,hair drier,"
    "toothbrush"
)
COCO_NAMES = tuple(_NAMES.split(","))
"""The 80 classes of COCO, in its order."""

_GAPS = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
COCO_IDS = tuple(number for number in range(1, 91) if number not in _GAPS)
"""Their ids, of 1 to 90."""

CLASSES = {"two": TWO, "eighty": COCO_NAMES}
IMAGES = 9  # of each dataset, 6 of them in train
QUICK = "-s 40 -j 1 -q"
"""Options that make negatives quickly."""


def image(path: Path) -> None:
    """Write a small image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 40), (200, 30, len(path.name))).save(path)


def coco(root: Path, classes: tuple[str, ...], names: str = "{:06d}.png") -> Path:
    """Write images in train/, and annotations/instances_train.json; return the latter."""
    ids = COCO_IDS if len(classes) == 80 else range(1, len(classes) + 1)
    files = [names.format(number, root=root) for number in range(IMAGES)]
    for name in files:
        image(root / "train" / name)
    content = {
        "info": {"year": 2026, "note": "ä"},
        "licenses": [],
        "images": [{"id": n, "file_name": name, "width": 40, "height": 40, "license": 1}
                   for n, name in enumerate(files)],
        "annotations": [{"id": 7 + n, "image_id": n, "category_id": ids[n % len(classes)],
                         "bbox": [1, 2, 20, 20.5], "area": 410.0, "iscrowd": 0}
                        for n in range(IMAGES)],
        "categories": [{"id": number, "name": name, "supercategory": "own"}
                       for number, name in zip(ids, classes, strict=True)],
    }  # fmt: skip
    path = root / "annotations/instances_train.json"
    path.parent.mkdir()
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def yolo(root: Path, classes: tuple[str, ...], head: str = "") -> Path:
    """Write images and labels of train and val, and data.yaml; return the latter."""
    for number in range(IMAGES):
        split = "train" if number < 6 else "val"
        image(root / f"images/{split}/{number:06d}.png")
        label = root / f"labels/{split}/{number:06d}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(f"{number % len(classes)} 0.5 0.5 0.5 0.5\n")
    names = "".join(f"  {n}: {json.dumps(name)}\n" for n, name in enumerate(classes))
    path = root / "data.yaml"
    path.write_text(f"{head}train: images/train\nval: images/val\nnames:\n{names}")
    return path


def voc(root: Path, classes: tuple[str, ...]) -> Path:
    """Write a VOC folder, with an image of each class at least; return the folder."""
    for folder in ("Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    for number in range(max(IMAGES, len(classes))):
        image(root / f"JPEGImages/{number:06d}.jpg")
        name = escape(classes[number % len(classes)])
        (root / f"Annotations/{number:06d}.xml").write_text(
            f"<annotation><filename>{number:06d}.jpg</filename><object><name>{name}</name>"
            "<part><name>head</name></part></object></annotation>",
            encoding="utf-8",
        )
    (root / "ImageSets/Main/train.txt").write_text("000000\n")
    return root


def imagefolder(root: Path, classes: tuple[str, ...]) -> Path:
    """Write a folder for each class; return their folder."""
    for number in range(max(IMAGES, len(classes))):
        image(root / classes[number % len(classes)] / f"{number:06d}.png")
    return root


def huggingface(root: Path, classes: tuple[str, ...]) -> Path:
    """Write images with metadata.jsonl, of which the column label has texts."""
    rows = []
    for number in range(max(IMAGES, len(classes))):
        image(root / f"{number:06d}.png")
        rows.append({"file_name": f"{number:06d}.png", "label": classes[number % len(classes)]})
    (root / "metadata.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return root


BUILDERS: Mapping[str, Callable[[Path, tuple[str, ...]], Path]] = {
    "coco": coco, "yolo": yolo, "voc": voc, "imagefolder": imagefolder, "huggingface": huggingface,
}  # fmt: skip


def digests(root: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, by its name."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
