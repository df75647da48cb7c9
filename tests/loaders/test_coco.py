"""COCO files in pycocotools."""

from pathlib import Path

import pytest

from tests.loaders.conftest import COUNT, HEIGHT, SHARES, SPLIT, WIDTH, Sets

api = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
IN_FOLDER = "files,coco:path=annotations/instances_default.json,root=images"
FILES = [
    ("files", "coco{}.json", "."),
    (IN_FOLDER, "annotations/instances_default{}.json", "images"),
    ("roboflow", "{folder}/_annotations.coco.json", "{folder}"),
]
"""Layouts, their COCO files, and the folder of the images that these name."""
FOLDERS = {"": "train", "train": "train", "val": "valid"}


@pytest.mark.cli
@pytest.mark.parametrize("split", ["", *SHARES])
@pytest.mark.parametrize(("layout", "file", "images"), FILES, ids=["files", "folder", "roboflow"])
def test_every_image_of_a_set_is_in_its_coco_file_and_has_no_annotation(
    sets: Sets, layout: str, file: str, images: str, split: str
) -> None:
    made = sets(layout, *(SPLIT if split else ()))
    folder = FOLDERS[split]
    found = api.COCO(made.root / file.format(f"-{split}set" if split else "", folder=folder))

    assert len(found.getImgIds()) == (SHARES[split] if split else COUNT)
    assert found.getAnnIds() == []
    assert [each["name"] for each in found.loadCats(found.getCatIds())] == [
        "bird" if split else "object"
    ]
    for image in found.loadImgs(found.getImgIds()):
        path = made.root / images.format(folder=folder) / image["file_name"]
        row = made.rows[image["id"] - 1]
        assert (image["width"], image["height"]) == (WIDTH, HEIGHT)
        assert path == made.root / row["file_name"]
        assert row.get("split", "") == split
        assert path.is_file()


def test_the_coco_files_of_the_splits_share_no_image_and_no_id(sets: Sets) -> None:
    root = sets("files", *SPLIT).root
    found = [api.COCO(root / f"coco-{split}set.json") for split in SHARES]
    ids = [number for each in found for number in each.getImgIds()]
    names = [image["file_name"] for each in found for image in each.dataset["images"]]

    assert len(set(ids)) == len(set(names)) == COUNT


def test_pycocotools_takes_detections_on_a_set(sets: Sets, tmp_path: Path) -> None:
    evaluate = pytest.importorskip("pycocotools.cocoeval").COCOeval
    truth = api.COCO(sets("files").root / "coco.json")
    box = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "score": 0.5}
    run = evaluate(truth, truth.loadRes([box]), "bbox")
    run.evaluate()

    assert run.params.imgIds == list(range(1, COUNT + 1))
    assert [len(each["dtIds"]) for each in run.evalImgs if each] == [1] * 4
