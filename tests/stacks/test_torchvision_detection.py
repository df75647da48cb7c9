"""torchvision's detectors train on images with and without objects, batched as the page says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.stacks.conftest import load, run_file_of_page
from tests.support.command import Done

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

SIZE = 64
ANCHORS = 256  # that Faster R-CNN samples in each image
DETECTORS = ["fasterrcnn_resnet50_fpn", "retinanet_resnet50_fpn"]
BOX_LOSSES = {
    "fasterrcnn_resnet50_fpn": ("loss_rpn_box_reg", "loss_box_reg"),
    "retinanet_resnet50_fpn": ("bbox_regression",),
}


@pytest.fixture
def torch() -> Any:
    """PyTorch, where torchvision and pycocotools are installed too."""
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    pytest.importorskip("pycocotools", reason="pycocotools is not installed")
    return pytest.importorskip("torch", reason="torch is not installed")


def own_dataset(folder: Path) -> Any:
    """Make images of two classes: two squares in the first, one of each class, and one in others.

    The last has a crowd besides, as an uncompressed RLE.
    """
    import torchvision

    folder.mkdir()
    rng = np.random.default_rng(0)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(4):
        pixels = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:06d}.png")
        images.append({"id": number + 1, "file_name": f"{number:06d}.png",
                       "width": SIZE, "height": SIZE})  # fmt: skip
        for category in (1, 2)[: 2 if number == 0 else 1]:
            x, side = 4 + 20 * category, 12 + number
            corners = [x, 8, x + side, 8, x + side, 8 + side, x, 8 + side]
            annotations.append({
                "id": len(annotations) + 1, "image_id": number + 1, "category_id": category,
                "bbox": [x, 8, side, side], "area": side**2, "iscrowd": 0,
                "segmentation": [corners]})  # fmt: skip
    rle = {"counts": [0, SIZE**2], "size": [SIZE, SIZE]}
    annotations.append(annotations[-1] | {"id": 99, "iscrowd": 1, "segmentation": rle})
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "big dog"}]
    instances = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(instances))
    return torchvision.datasets.CocoDetection(str(folder), str(folder / "instances.json"))


def negatives(make: Callable[..., Done]) -> Any:
    done = make("-n", 4, "-s", SIZE, "--layout", "coco", "--classes", "cat,big dog",
                "--first-id", 5)  # fmt: skip
    return load(done, "torchvision")


def make_model(torch: Any, name: str) -> Any:
    """Return a detector with batch normalization frozen, as in pretrained backbones."""
    import torchvision

    torch.manual_seed(0)
    model = getattr(torchvision.models.detection, name)(
        weights=None, weights_backbone=None, num_classes=3, min_size=SIZE, max_size=SIZE
    ).train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    return model


def test_the_collate_of_the_page_keeps_the_boxes_of_a_mixed_batch(
    torch: Any, make: Callable[..., Done], tmp_path: Path
) -> None:
    own, empty = own_dataset(tmp_path / "own"), negatives(make)
    scope = run_file_of_page("collate.py")
    images, targets = scope["collate_masks"]([own[0], empty[0], own[3]])

    assert [tuple(image.shape) for image in images] == [(3, SIZE, SIZE)] * 3
    assert targets[0]["boxes"].tolist() == [[24, 8, 36, 20], [44, 8, 56, 20]]
    assert targets[0]["labels"].tolist() == [1, 2]
    assert targets[2]["boxes"].tolist() == [[24, 8, 39, 23]]  # without the crowd
    assert [int(mask.sum()) for mask in targets[0]["masks"]] == [144, 144]
    shapes = {key: tuple(value.shape) for key, value in targets[1].items()}
    assert shapes == {"boxes": (0, 4), "labels": (0,), "masks": (0, SIZE, SIZE)}
    assert {(target["boxes"].dtype, target["labels"].dtype) for target in targets} == {
        (torch.float32, torch.int64)
    }


@pytest.mark.parametrize("name", [*DETECTORS, "maskrcnn_resnet50_fpn"])
def test_two_steps_on_mixed_batches_have_finite_losses(
    torch: Any, make: Callable[..., Done], tmp_path: Path, name: str
) -> None:
    own, empty = own_dataset(tmp_path / "own"), negatives(make)
    collate = run_file_of_page("collate.py")["collate_masks" if "mask" in name else "collate"]
    union = torch.utils.data.ConcatDataset([own, empty])
    order = [0, 4, 5, 1, 6, 2, 7, 3]  # with and without objects in each batch
    loader = torch.utils.data.DataLoader(
        torch.utils.data.Subset(union, order), batch_size=4, collate_fn=collate
    )
    model = make_model(torch, name)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    for images, targets in loader:
        assert {len(target["boxes"]) == 0 for target in targets} == {True, False}
        losses = model(images, targets)
        assert all(torch.isfinite(loss) for loss in losses.values())
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    assert all(torch.isfinite(weight).all() for weight in model.parameters())


def box_losses(torch: Any, name: str, batch: tuple[Any, Any]) -> list[float]:
    """Return the box losses of a batch as sums: averages times what the model divides by.

    RetinaNet averages over images; Faster R-CNN over sampled anchors, then over sampled regions.
    """
    model, regions = make_model(torch, name), []
    if name.startswith("faster"):
        model.roi_heads.box_head.register_forward_hook(
            lambda _, given, __: regions.append(len(given[0]))
        )
    images, targets = batch
    torch.manual_seed(0)
    losses = model(images, targets)
    counts = [ANCHORS * len(images), *regions] if regions else [len(images)]
    return [
        float(losses[key]) * count
        for key, count in zip(BOX_LOSSES[name], counts, strict=True)
    ]  # fmt: skip


@pytest.mark.parametrize("name", DETECTORS)
def test_the_box_losses_of_positives_are_unchanged_by_negatives_beside_them(
    torch: Any, make: Callable[..., Done], tmp_path: Path, name: str
) -> None:
    own, empty = own_dataset(tmp_path / "own"), negatives(make)
    collate = run_file_of_page("collate.py")["collate"]
    alone = box_losses(torch, name, collate([own[0], own[1]]))
    mixed = box_losses(torch, name, collate([own[0], empty[0], own[1], empty[1]]))

    assert all(loss > 0 for loss in alone)
    assert mixed == pytest.approx(alone, rel=1e-4)


def test_the_wrapper_for_transforms_v2_leaves_out_what_the_page_adds(
    torch: Any, make: Callable[..., Done], tmp_path: Path
) -> None:
    import torchvision

    wrap = torchvision.datasets.wrap_dataset_for_transforms_v2
    empty, own = wrap(negatives(make)), wrap(own_dataset(tmp_path / "own"))
    complete = run_file_of_page("wrapped.py")["complete"]
    image, target = empty[0]

    assert target == {"image_id": 5}
    _, target = complete(image, target)
    assert target["boxes"].shape == (0, 4)
    assert target["boxes"].canvas_size == (SIZE, SIZE)
    assert target["labels"].dtype == own[0][1]["labels"].dtype == torch.int64
    assert complete(*own[0])[1]["boxes"].shape == (2, 4)
