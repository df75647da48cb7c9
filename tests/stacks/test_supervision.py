"""supervision loads a set from COCO, YOLO and Pascal VOC: every image, and no detection."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelgen.job import Job
from tests.support.command import Done

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

MISSING = "supervision is not installed"
JOB = Job(count=20, width=64, height=48)


def check(found: Any, *, pixels: bool = True) -> None:
    """Check that each image of the job is there once, and has no detection."""
    assert len(found) == 20
    indices = []
    for path, image, detections in found:
        index = int(Path(path).stem)
        assert image.shape == (48, 64, 3)
        assert not pixels or np.array_equal(image[..., ::-1], JOB.render(index))  # of OpenCV's BGR
        assert len(detections) == 0
        assert detections.xyxy.shape == (0, 4)
        indices.append(index)
    assert sorted(indices) == list(range(20))


def test_coco_gives_every_image_without_a_detection(make: Callable[..., Done]) -> None:
    supervision = pytest.importorskip("supervision", reason=MISSING)
    make("-n", 20, "-s", "64x48", "--layout", "coco", "--class", "screw")
    found = supervision.DetectionDataset.from_coco("negatives", "negatives/coco.json")

    assert found.classes == ["screw"]
    check(found)


def test_yolo_gives_every_image_without_a_detection(make: Callable[..., Done]) -> None:
    supervision = pytest.importorskip("supervision", reason=MISSING)
    make("-n", 20, "-s", "64x48", "--layout", "yolo", "--class", "screw")
    found = supervision.DetectionDataset.from_yolo(
        "negatives/images", "negatives/labels", "negatives/data.yaml"
    )

    assert found.classes == ["screw"]
    check(found)


def test_voc_gives_every_image_without_a_detection(make: Callable[..., Done]) -> None:
    supervision = pytest.importorskip("supervision", reason=MISSING)
    make("-n", 20, "-s", "64x48", "--layout", "voc")
    root = Path("negatives/VOCdevkit/VOC2012")
    found = supervision.DetectionDataset.from_pascal_voc(
        str(root / "JPEGImages"), str(root / "Annotations")
    )

    check(found, pixels=False)


def test_a_set_merges_with_one_of_one_s_own(make: Callable[..., Done]) -> None:
    supervision = pytest.importorskip("supervision", reason=MISSING)
    make("-n", 20, "-s", "64x48", "--layout", "coco", "--class", "screw")
    negatives = supervision.DetectionDataset.from_coco("negatives", "negatives/coco.json")
    box = supervision.Detections(xyxy=np.array([[1.0, 1, 9, 9]]), class_id=np.array([0]))
    own = supervision.DetectionDataset(["screw"], ["own.png"], {"own.png": box})
    merged = supervision.DetectionDataset.merge([own, negatives])

    assert len(merged) == 21
    assert merged.classes == ["screw"]
    assert sorted(len(merged.annotations[path]) for path in merged.image_paths) == [0] * 20 + [1]
