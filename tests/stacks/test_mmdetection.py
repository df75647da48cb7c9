"""MMDetection's data sets keep every image, by the call that is printed and by that alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pixelgen.job import Job
from pixelgen.trainers import TRAINERS
from tests.stacks.conftest import load
from tests.support.command import Done

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

MISSING = "mmdet is not installed"
JOB = Job(count=20, width=64, height=48)
PIPELINE = (
    "pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', with_bbox=True),"
    " dict(type='PackDetInputs')]"
)


@pytest.fixture
def mmdet() -> Any:
    found = pytest.importorskip("mmdet", reason=MISSING)
    utils = pytest.importorskip("mmdet.utils", reason=MISSING)
    utils.register_all_modules()
    return found


def check(found: Any, count: int) -> set[int]:
    """Check that images are the job's, and without an instance; return their numbers."""
    assert len(found) == count
    for each in found:
        assert tuple(each["inputs"].shape) == (3, 48, 64)
        sample = each["data_samples"]
        assert tuple(sample.gt_instances.bboxes.shape) == (0, 4)
        assert tuple(sample.gt_instances.labels.shape) == (0,)
        image = each["inputs"].numpy().transpose(1, 2, 0)[..., ::-1]  # of blue, green, red
        assert np.array_equal(image, JOB.render(int(sample.img_id) - 1))
    return {int(each["data_samples"].img_id) for each in found}


def test_the_printed_call_keeps_every_image(mmdet: Any, make: Callable[..., Done]) -> None:
    found = load(make("-n", 20, "-s", "64x48", "--for", "mmdet"), "mmdet.datasets")

    assert len(found) == 20
    assert found.metainfo["classes"] == ("object",)
    for index in range(20):
        info = found.get_data_info(index)
        assert (info["width"], info["height"], info["instances"]) == (64, 48, [])
        assert info["img_path"] == f"negatives/images/{index:06d}.png"
        assert info["img_id"] == index + 1


def test_a_pipeline_gives_the_pixels_and_no_box(mmdet: Any, make: Callable[..., Done]) -> None:
    done = make("-n", 20, "-s", "64x48", "--for", "mmdet", "--class", "screw")
    found = load(done, "mmdet.datasets", more=PIPELINE)

    assert found.metainfo["classes"] == ("screw",)
    assert check(found, 20) == set(range(1, 21))


def test_each_split_is_a_data_set_of_its_own(mmdet: Any, make: Callable[..., Done]) -> None:
    done = make("-n", 20, "-s", "64x48", "--for", "mmdet", "--split", "train=0.8,val=0.2")
    train = check(load(done, "mmdet.datasets", more=PIPELINE), 16)
    val = mmdet.datasets.CocoDataset(
        ann_file="negatives/coco-valset.json", data_prefix={"img": "negatives"},
        metainfo={"classes": ("object",)}, filter_cfg={"filter_empty_gt": False},
    )  # fmt: skip

    assert {val.get_data_info(n)["img_id"] for n in range(len(val))} == set(range(1, 21)) - train


@pytest.mark.parametrize("kind", TRAINERS["mmdet"].formats)
def test_every_format_that_is_allowed_is_read(
    mmdet: Any, make: Callable[..., Done], kind: str
) -> None:
    done = make("-n", 20, "-s", "64x48", "--for", "mmdet", "-f", kind)
    found = load(done, "mmdet.datasets", more=PIPELINE)

    assert len(found) == 20
    for each in found:
        assert tuple(each["inputs"].shape) == (3, 48, 64)
        assert abs(float(each["inputs"].float().mean()) - 127.5) < 5


def test_images_of_the_least_side_are_kept(mmdet: Any, make: Callable[..., Done]) -> None:
    found = load(make("-n", 20, "-s", 32, "--for", "mmdet"), "mmdet.datasets")

    assert len(found) == 20


def test_the_stock_filter_drops_every_image(mmdet: Any, make: Callable[..., Done]) -> None:
    make("-n", 20, "-s", "64x48", "--for", "mmdet")
    with pytest.raises(ValueError, match="need at least one array to concatenate"):
        mmdet.datasets.CocoDataset(
            ann_file="negatives/coco.json", data_prefix={"img": "negatives"},
            metainfo={"classes": ("object",)},
            filter_cfg={"filter_empty_gt": True, "min_size": 32},
        )  # fmt: skip


@pytest.mark.parametrize("split", [(), ("--split", "train=0.8,val=0.2")], ids=["whole", "split"])
def test_voc_lists_every_image_and_no_object(
    mmdet: Any, make: Callable[..., Done], split: tuple[str, ...]
) -> None:
    make("-n", 20, "-s", "64x48", "--layout", "voc", *split)
    parts = [
        mmdet.datasets.XMLDataset(
            data_root="negatives/VOCdevkit", ann_file=f"VOC2012/ImageSets/Main/{name}.txt",
            data_prefix={"sub_data_root": "VOC2012/"}, metainfo={"classes": ("object",)},
            filter_cfg={"filter_empty_gt": False, "min_size": 32},
            pipeline=[{"type": "LoadImageFromFile"}, {"type": "LoadAnnotations", "with_bbox": True},
                      {"type": "PackDetInputs"}],
        )
        for name in (("train", "val") if split else ("train",))
    ]  # fmt: skip
    names = []
    for each in (each for part in parts for each in part):
        assert tuple(each["inputs"].shape) == (3, 48, 64)
        assert tuple(each["data_samples"].gt_instances.bboxes.shape) == (0, 4)
        names.append(each["data_samples"].img_id)

    assert [len(part) for part in parts] == ([16, 4] if split else [20])
    assert sorted(names) == [f"{index:06d}" for index in range(20)]
