"""torchvision's data sets hold every image, and its detectors learn from images without a box."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pixelgen.job import Job
from pixelgen.trainers import TRAINERS
from tests.stacks.conftest import levels, load, run_file_of_page
from tests.support.command import Done, Run

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

MISSING = "torchvision is not installed"
JOB = Job(count=20, width=64, height=48)
DETECTORS = ["retinanet_resnet50_fpn", "fasterrcnn_resnet50_fpn", "fcos_resnet50_fpn"]


def test_a_folder_of_images_is_one_class_and_nothing_else(make: Callable[..., Done]) -> None:
    pytest.importorskip("torchvision", reason=MISSING)
    found = load(make("-n", 20, "-s", "64x48", "--for", "torchvision"), "torchvision")

    assert len(found) == 20
    assert found.classes == ["negatives"]
    for index, (image, label) in enumerate(found):
        assert label == 0
        assert (levels(image) == JOB.render(index)).all()


@pytest.mark.parametrize("kind", TRAINERS["torchvision"].formats)
def test_every_format_that_is_allowed_is_found(make: Callable[..., Done], kind: str) -> None:
    pytest.importorskip("torchvision", reason=MISSING)
    found = load(make("-n", 20, "-s", "64x48", "--for", "torchvision", "-f", kind), "torchvision")

    assert len(found) == 20
    assert {image.size for image, _ in found} == {(64, 48)}
    assert all(abs(levels(image).mean() - 127.5) < 5 for image, _ in found)


def test_no_image_of_16_bits_of_gray_is_made_that_would_turn_white(run: Run) -> None:
    pytest.importorskip("torchvision", reason=MISSING)
    options = "-n", 20, "-s", "64x48", "--mode", "L", "--depth", 16, "--for", "torchvision"
    done = run("generate", *options)
    if done.returncode == 2:  # refused is as good
        return
    for image, _ in load(done, "torchvision"):
        assert abs(levels(image).mean() - 127.5) < 5


def test_each_split_is_a_folder_of_the_class(make: Callable[..., Done]) -> None:
    torchvision = pytest.importorskip("torchvision", reason=MISSING)
    split = "train=0.8,val=0.2"
    train = load(
        make("-n", 20, "-s", 8, "--for", "torchvision", "--class", "noise", "--split", split),
        "torchvision",
    )
    val = torchvision.datasets.ImageFolder("negatives/val")

    assert (len(train), len(val)) == (16, 4)
    assert train.classes == val.classes == ["noise"]
    assert not {Path(path).name for path, _ in train.samples} & {
        Path(path).name for path, _ in val.samples
    }


def test_other_classes_beside_it_stay_as_they_are(make: Callable[..., Done]) -> None:
    pytest.importorskip("torchvision", reason=MISSING)
    Path("negatives/apples").mkdir(parents=True)
    Path("negatives/apples/0.png").write_bytes(bytes(JOB.maker()(0)))
    found = load(make("-n", 20, "-s", 8, "--for", "torchvision"), "torchvision")

    assert found.classes == ["apples", "negatives"]
    assert [label for _, label in found.samples] == [0] + [1] * 20


def test_coco_lists_every_image_and_no_object(make: Callable[..., Done]) -> None:
    pytest.importorskip("torchvision", reason=MISSING)
    pytest.importorskip("pycocotools", reason="pycocotools is not installed")
    found = load(make("-n", 20, "-s", "64x48", "--layout", "coco"), "torchvision")

    assert len(found) == 20
    for index, (image, target) in enumerate(found):
        assert target == []
        assert (levels(image) == JOB.render(index)).all()


def test_coco_lists_the_images_of_each_split(make: Callable[..., Done]) -> None:
    torchvision = pytest.importorskip("torchvision", reason=MISSING)
    pytest.importorskip("pycocotools", reason="pycocotools is not installed")
    split = "train=0.8,val=0.2"
    train = load(make("-n", 20, "-s", 8, "--layout", "coco", "--split", split), "torchvision")
    val = torchvision.datasets.CocoDetection("negatives", "negatives/coco-valset.json")

    assert (len(train), len(val)) == (16, 4)
    assert sorted(train.ids + val.ids) == list(range(1, 21))
    assert all(target == [] for _, target in (*train, *val))


@pytest.mark.parametrize("split", [(), ("--split", "train=0.8,val=0.2")], ids=["whole", "split"])
def test_voc_lists_every_image_and_no_object(
    make: Callable[..., Done], split: tuple[str, ...]
) -> None:
    torchvision = pytest.importorskip("torchvision", reason=MISSING)
    done = make("-n", 20, "-s", "64x48", "--layout", "voc", *split)
    parts = [load(done, "torchvision")]
    if split:
        parts += [torchvision.datasets.VOCDetection("negatives", year="2012", image_set="val")]
    names = []
    for image, target in (sample for part in parts for sample in part):
        voc = target["annotation"]
        assert voc["object"] == []
        assert voc["size"] == {"width": "64", "height": "48", "depth": "3"}
        assert image.size == (64, 48)
        names.append(voc["filename"])

    assert [len(part) for part in parts] == ([16, 4] if split else [20])
    assert sorted(names) == [f"{index:06d}.jpg" for index in range(20)]


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_learns_from_images_without_a_box(make: Callable[..., Done], name: str) -> None:
    torchvision = pytest.importorskip("torchvision", reason=MISSING)
    torch = pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("pycocotools", reason="pycocotools is not installed")
    found = load(make("-n", 4, "-s", "64x48", "--layout", "coco"), "torchvision")
    loader = torch.utils.data.DataLoader(
        found, batch_size=2, collate_fn=run_file_of_page("collate.py")["collate"]
    )
    torch.manual_seed(0)
    make_model = getattr(torchvision.models.detection, name)
    model = make_model(
        weights=None, weights_backbone=None, num_classes=2, min_size=64, max_size=64
    ).train()
    for images, targets in loader:
        assert [tuple(target["boxes"].shape) for target in targets] == [(0, 4)] * 2
        losses = model(images, targets)
        total = sum(losses.values())
        total.backward()
        assert total > 0
        assert all(torch.isfinite(loss) for loss in losses.values())
    slopes = [weight.grad for weight in model.parameters() if weight.grad is not None]
    assert all(torch.isfinite(slope).all() for slope in slopes)
    assert any(slope.any() for slope in slopes)


def test_ssd_learns_nothing_from_images_without_a_box(make: Callable[..., Done]) -> None:
    torchvision = pytest.importorskip("torchvision", reason=MISSING)
    pytest.importorskip("pycocotools", reason="pycocotools is not installed")
    found = load(make("-n", 2, "-s", "64x48", "--layout", "coco"), "torchvision")
    images, targets = run_file_of_page("collate.py")["collate"](list(found))
    model = torchvision.models.detection.ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=2
    ).train()

    assert {float(loss) for loss in model(images, targets).values()} == {0.0}


def test_the_pixels_are_those_of_the_job_though_loaded_as_a_tensor(
    make: Callable[..., Done],
) -> None:
    torchvision = pytest.importorskip("torchvision", reason=MISSING)
    make("-n", 3, "-s", "64x48", "--for", "torchvision")
    for index in range(3):
        tensor = torchvision.io.decode_image(f"negatives/negatives/{index:06d}.png")
        assert np.array_equal(tensor.permute(1, 2, 0).numpy(), JOB.render(index))


def test_masks_of_pascal_voc_are_background(make: Callable[..., Done]) -> None:
    torchvision = pytest.importorskip("torchvision", reason=MISSING)
    layout = "voc:trainval=1,masks=1"
    done = make("-n", 20, "-s", "64x48", "--layout", layout, "--split", "train=0.8,val=0.2")
    train = load(done, "torchvision")
    whole = torchvision.datasets.VOCSegmentation("negatives", "2012", "trainval")

    assert (len(train), len(whole)) == (16, 20)
    for image, mask in whole:
        assert image.size == mask.size == (64, 48)
        assert mask.getextrema() == (0, 0)


@pytest.mark.parametrize("split", [(), ("--split", "train=0.8,val=0.2")], ids=["whole", "split"])
@pytest.mark.parametrize("trainer", ["yolox", "rfdetr"])
def test_coco_files_of_other_trainers_name_every_image(
    make: Callable[..., Done], trainer: str, split: tuple[str, ...]
) -> None:
    torchvision = pytest.importorskip("torchvision", reason=MISSING)
    make("-n", 20, "-s", "64x48", "--for", trainer, *split)
    folder, file = {
        "yolox": ("images", "annotations/instances_default{}.json"),
        "rfdetr": ("train", "train/_annotations.coco.json"),
    }[trainer]
    file = file.format("-trainset" if split else "")
    found = torchvision.datasets.CocoDetection(f"negatives/{folder}", f"negatives/{file}")

    assert len(found) == (16 if split else 20)
    assert all(image.size == (64, 48) and target == [] for image, target in found)
