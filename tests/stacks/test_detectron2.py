"""Detectron2's data sets and training loader keep every image, by the flag that is printed."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from pixelgen.job import Job
from pixelgen.trainers import TRAINERS
from tests.stacks.conftest import load
from tests.support.command import Done

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

JOB = Job(count=20, width=64, height=48)


@pytest.fixture
def data() -> Iterator[Any]:
    found = pytest.importorskip("detectron2.data", reason="detectron2 is not installed")
    yield found
    for catalog in (found.DatasetCatalog, found.MetadataCatalog):
        if "negatives" in catalog:
            catalog.remove("negatives")


def batches(*, filter_empty: bool) -> Any:
    """Return the training loader of the data set that is registered, at the images' own size."""
    from detectron2.config import get_cfg
    from detectron2.data import build_detection_train_loader

    cfg = get_cfg()
    cfg.DATASETS.TRAIN = ("negatives",)
    cfg.DATALOADER.FILTER_EMPTY_ANNOTATIONS = filter_empty
    cfg.DATALOADER.NUM_WORKERS = 0
    cfg.SOLVER.IMS_PER_BATCH = 4
    cfg.INPUT.MIN_SIZE_TRAIN = (48,)
    cfg.INPUT.RANDOM_FLIP = "none"
    return build_detection_train_loader(cfg)


def test_the_printed_call_registers_every_image(data: Any, make: Callable[..., Done]) -> None:
    load(make("-n", 20, "-s", "64x48", "--for", "detectron2"), "detectron2.data.datasets")
    found = data.get_detection_dataset_dicts("negatives", filter_empty=False)

    assert [each["file_name"] for each in found] == [
        f"negatives/images/{index:06d}.png" for index in range(20)
    ]
    assert {(each["width"], each["height"], *each["annotations"]) for each in found} == {(64, 48)}


def test_the_training_loader_gives_the_pixels_and_no_box(
    data: Any, make: Callable[..., Done]
) -> None:
    load(make("-n", 20, "-s", "64x48", "--for", "detectron2"), "detectron2.data.datasets")
    seen = set()
    loader = iter(batches(filter_empty=False))
    for each in (each for _ in range(5) for each in next(loader)):
        index = each["image_id"] - 1
        assert each["instances"].gt_boxes.tensor.shape == (0, 4)
        image = each["image"].numpy().transpose(1, 2, 0)[..., ::-1]  # of blue, green, red
        assert np.array_equal(image, JOB.render(index))
        seen.add(index)

    assert seen == set(range(20))


def test_each_split_is_a_data_set_of_its_own(data: Any, make: Callable[..., Done]) -> None:
    done = make("-n", 20, "-s", "64x48", "--for", "detectron2", "--split", "train=0.8,val=0.2")
    load(done, "detectron2.data.datasets")

    assert len(data.get_detection_dataset_dicts("negatives", filter_empty=False)) == 16


@pytest.mark.parametrize("kind", TRAINERS["detectron2"].formats)
def test_every_format_that_is_allowed_is_read(
    data: Any, make: Callable[..., Done], kind: str
) -> None:
    done = make("-n", 20, "-s", "64x48", "--for", "detectron2", "-f", kind)
    load(done, "detectron2.data.datasets")
    for each in next(iter(batches(filter_empty=False))):
        assert each["image"].shape == (3, 48, 64)
        assert abs(float(each["image"].float().mean()) - 127.5) < 5


def test_the_stock_filter_drops_every_image(data: Any, make: Callable[..., Done]) -> None:
    load(make("-n", 20, "-s", "64x48", "--for", "detectron2"), "detectron2.data.datasets")
    with pytest.raises(AssertionError, match="No valid data found"):
        batches(filter_empty=True)
