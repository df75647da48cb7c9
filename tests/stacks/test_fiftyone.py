"""FiftyOne's importers find every image of a set, and nothing in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pixelgen.job import Job
from tests.stacks.conftest import levels
from tests.support.command import Done

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

MISSING = "fiftyone is not installed"
JOB = Job(count=20, width=64, height=48)


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FIFTYONE_DO_NOT_TRACK", "true")
    monkeypatch.setenv("FIFTYONE_DATABASE_DIR", str(tmp_path / "database"))


def imported(importer: Any) -> list[tuple[str, Any]]:
    """Return the path and the label of every sample."""
    with importer as samples:
        assert len(samples) == 20
        return [(path, label) for path, _, label in samples]


def check(samples: list[tuple[str, Any]], *, pixels: bool = True) -> None:
    """Check that each image of the job is there once, and has no detection."""
    assert sorted(int(Path(path).stem) for path, _ in samples) == list(range(20))
    for path, label in samples:
        found = label["detections"] if isinstance(label, dict) and label else label
        assert not found or found.detections == []
        image = Image.open(path)
        assert image.size == (64, 48)
        assert not pixels or (levels(image) == JOB.render(int(Path(path).stem))).all()


def test_coco_gives_every_image_without_a_detection(make: Callable[..., Done]) -> None:
    coco = pytest.importorskip("fiftyone.utils.coco", reason=MISSING)
    make("-n", 20, "-s", "64x48", "--layout", "coco")
    importer = coco.COCODetectionDatasetImporter(
        data_path="negatives", labels_path="negatives/coco.json"
    )

    check(imported(importer))


def test_yolo_gives_every_image_without_a_detection(make: Callable[..., Done]) -> None:
    yolo = pytest.importorskip("fiftyone.utils.yolo", reason=MISSING)
    make("-n", 20, "-s", "64x48", "--layout", "yolo")
    importer = yolo.YOLOv5DatasetImporter(
        dataset_dir="negatives", yaml_path="data.yaml", split="train"
    )

    check(imported(importer))


def test_yolo_gives_the_images_of_each_split(make: Callable[..., Done]) -> None:
    yolo = pytest.importorskip("fiftyone.utils.yolo", reason=MISSING)
    make("-n", 20, "-s", "64x48", "--layout", "yolo", "--split", "train=0.8,val=0.2")
    names: dict[str, set[str]] = {}
    for split in ("train", "val"):
        with yolo.YOLOv5DatasetImporter(
            dataset_dir="negatives", yaml_path="data.yaml", split=split
        ) as samples:
            names[split] = {Path(path).name for path, _, _ in samples}

    assert {split: len(found) for split, found in names.items()} == {"train": 16, "val": 4}
    assert not names["train"] & names["val"]


def test_voc_gives_every_image_without_a_detection(make: Callable[..., Done]) -> None:
    voc = pytest.importorskip("fiftyone.utils.voc", reason=MISSING)
    make("-n", 20, "-s", "64x48", "--layout", "voc")
    root = Path("negatives/VOCdevkit/VOC2012")
    importer = voc.VOCDetectionDatasetImporter(
        data_path=str(root / "JPEGImages"), labels_path=str(root / "Annotations")
    )

    check(imported(importer), pixels=False)


def test_a_folder_of_images_gives_every_image(make: Callable[..., Done]) -> None:
    data = pytest.importorskip("fiftyone.utils.data", reason=MISSING)
    make("-n", 20, "-s", "64x48")
    with data.ImageDirectoryImporter("negatives/images") as samples:
        assert len(samples) == 20
        check([(path, None) for path, _ in samples])


def test_a_folder_a_class_gives_every_image_its_class(make: Callable[..., Done]) -> None:
    data = pytest.importorskip("fiftyone.utils.data", reason=MISSING)
    make("-n", 20, "-s", "64x48", "--layout", "imagefolder", "--class", "noise")
    importer = data.ImageClassificationDirectoryTreeImporter("negatives")

    assert [label.label for _, label in imported(importer)] == ["noise"] * 20
