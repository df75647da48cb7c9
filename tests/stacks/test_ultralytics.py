"""Ultralytics takes a set of negatives as it is, trains on it alone, and beside other images."""

import csv
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelgen.job import Job
from pixelgen.trainers import TRAINERS
from tests.stacks.conftest import load
from tests.support.command import Done, Run

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

MISSING = "ultralytics is not installed"
TRAINING = {
    "epochs": 1, "imgsz": 64, "batch": 8, "workers": 0, "device": "cpu", "amp": False,
    "plots": False, "project": "runs", "name": "one", "exist_ok": True, "verbose": False,
}  # fmt: skip
MORE = ", ".join(f"{key}={value!r}" for key, value in TRAINING.items())


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("YOLO_OFFLINE", "True")
    monkeypatch.setenv("YOLO_AUTOINSTALL", "False")
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path_factory.mktemp("ultralytics")))


def batches(description: str, split: str) -> tuple[int, list[dict[str, Any]]]:
    """Return how many images Ultralytics finds in a split, and the batches that it makes."""
    from ultralytics.cfg import get_cfg
    from ultralytics.data.build import build_dataloader, build_yolo_dataset
    from ultralytics.data.utils import check_det_dataset

    data = check_det_dataset(description)
    config = get_cfg(overrides={"imgsz": 64})
    found = build_yolo_dataset(config, data[split], 4, data, mode="val", rect=False)
    return len(found), list(build_dataloader(found, 4, 0, shuffle=False))


def losses(folder: Path) -> dict[str, float]:
    (row,) = csv.DictReader((folder / "results.csv").read_text().splitlines())
    return {key.strip(): float(value) for key, value in row.items()}


def is_whole(run: Run, count: int) -> bool:
    done = run("verify", "negatives")
    return (
        done.returncode == 0
        and f"{count} images checked, no damage found" in done.stdout + done.stderr
    )


def test_every_image_comes_with_no_box(make: Callable[..., Done], run: Run) -> None:
    pytest.importorskip("ultralytics", reason=MISSING)
    make("-n", 24, "-s", 64, "--for", "ultralytics")
    count, found = batches("negatives/data.yaml", "train")
    job = Job(count=24, width=64, height=64)

    assert count == 24
    assert [tuple(batch["img"].shape) for batch in found] == [(4, 3, 64, 64)] * 6
    assert {tuple(batch["bboxes"].shape) for batch in found} == {(0, 4)}
    assert {tuple(batch["cls"].shape) for batch in found} == {(0, 1)}
    pixels = {image.numpy().transpose(1, 2, 0).tobytes() for b in found for image in b["img"]}
    assert pixels == {job.render(index).tobytes() for index in range(24)}
    assert is_whole(run, 24)


@pytest.mark.parametrize("kind", TRAINERS["ultralytics"].formats)
def test_every_format_that_is_allowed_is_read(make: Callable[..., Done], kind: str) -> None:
    pytest.importorskip("ultralytics", reason=MISSING)
    make("-n", 24, "-s", 64, "--for", "ultralytics", "-f", kind)
    count, found = batches("negatives/data.yaml", "train")

    assert count == 24
    assert {tuple(batch["bboxes"].shape) for batch in found} == {(0, 4)}
    assert all(abs(float(image.float().mean()) - 127.5) < 5 for b in found for image in b["img"])


def test_images_of_the_least_side_are_kept(make: Callable[..., Done]) -> None:
    pytest.importorskip("ultralytics", reason=MISSING)
    make("-n", 24, "-s", "10x64", "--for", "ultralytics")

    assert batches("negatives/data.yaml", "train")[0] == 24


def test_a_large_set_in_sub_folders_is_found_whole(make: Callable[..., Done]) -> None:
    pytest.importorskip("ultralytics", reason=MISSING)
    make("-n", 10_001, "-s", 10, "--for", "ultralytics", "--split", "train=0.9,val=0.1")
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    data = check_det_dataset("negatives/data.yaml")
    parts = [YOLODataset(data[split], data=data, imgsz=32) for split in ("train", "val")]

    assert [len(part) for part in parts] == [9001, 1000]
    assert {label["bboxes"].shape for part in parts for label in part.labels} == {(0, 4)}


def test_a_split_goes_where_it_belongs(make: Callable[..., Done]) -> None:
    pytest.importorskip("ultralytics", reason=MISSING)
    make("-n", 25, "-s", "64x48", "--for", "ultralytics", "--split", "train=0.8,val=0.2")
    shares = {split: batches("negatives/data.yaml", split) for split in ("train", "val")}
    names = {
        split: {Path(file).name for batch in found for file in batch["im_file"]}
        for split, (_, found) in shares.items()
    }

    assert {split: count for split, (count, _) in shares.items()} == {"train": 20, "val": 5}
    assert {split: len(files) for split, files in names.items()} == {"train": 20, "val": 5}
    assert not names["train"] & names["val"]


@pytest.mark.parametrize("split", [(), ("--split", "train=0.8,val=0.2")], ids=["whole", "split"])
def test_a_folder_for_each_split_is_read(
    make: Callable[..., Done], run: Run, split: tuple[str, ...]
) -> None:
    pytest.importorskip("ultralytics", reason=MISSING)
    names = ("--classes", r'cat,Käfer "x"\, <b>')
    make("-n", 25, "-s", "64x48", "--layout", "yolofolder", *names, *split)
    from ultralytics.data.utils import check_det_dataset

    shares = {split: batches("negatives/data.yaml", split) for split in ("train", "val")}
    assert check_det_dataset("negatives/data.yaml")["names"] == {0: "cat", 1: 'Käfer "x", <b>'}
    assert [count for count, _ in shares.values()] == ([20, 5] if split else [25, 25])
    for _, found in shares.values():
        assert {tuple(batch["bboxes"].shape) for batch in found} == {(0, 4)}
    assert is_whole(run, 25)


@pytest.mark.parametrize("split", [(), ("--split", "train=0.8,val=0.2")], ids=["whole", "split"])
def test_it_trains_on_negatives_alone_and_leaves_the_set_whole(
    make: Callable[..., Done], run: Run, split: tuple[str, ...]
) -> None:
    pytest.importorskip("ultralytics", reason=MISSING)
    done = make("-n", 25, "-s", "64x48", "--for", "ultralytics", *split)
    metrics = load(done, "ultralytics", more=MORE)
    losses_by_name = losses(Path(metrics.save_dir))

    assert losses_by_name["train/box_loss"] == 0
    assert 0 < losses_by_name["train/cls_loss"] < math.inf
    assert metrics.box.map == 0
    assert list(Path(metrics.save_dir).glob("weights/last.pt"))
    assert list(Path("negatives").rglob("*.cache"))  # Ultralytics' own, and no damage
    assert is_whole(run, 25)


def test_it_trains_on_images_of_one_s_own_with_the_negatives_added(
    make: Callable[..., Done], run: Run
) -> None:
    ultralytics = pytest.importorskip("ultralytics", reason=MISSING)
    make("-n", 20, "-s", "64x48", "--for", "ultralytics")
    for folder in ("images", "labels"):
        Path("own", folder).mkdir(parents=True)
    for number in range(8):
        picture = np.zeros((64, 64, 3), np.uint8)
        picture[20:44, 20 + number : 44 + number] = 255
        Image.fromarray(picture).save(f"own/images/{number}.png")
        Path(f"own/labels/{number}.txt").write_text(f"0 {(32 + number) / 64} 0.5 0.375 0.375\n")
    negatives = Path("negatives/images").absolute()
    data_yaml = f"train:\n- images\n- {negatives}\nval: images\nnames:\n  0: square\n"
    Path("own/data.yaml").write_text(data_yaml)
    model = ultralytics.YOLO("yolo11n.yaml")
    metrics = model.train(data="own/data.yaml", **TRAINING)
    labels = model.trainer.train_loader.dataset.labels

    assert sorted(len(label["cls"]) for label in labels) == [0] * 20 + [1] * 8
    assert 0 < losses(Path(metrics.save_dir))["train/box_loss"] < math.inf
    assert is_whole(run, 20)


def test_without_its_empty_label_files_a_set_is_refused(make: Callable[..., Done]) -> None:
    pytest.importorskip("ultralytics", reason=MISSING)
    done = make("-n", 20, "-s", 64, "--for", "ultralytics")
    shutil.rmtree("negatives/labels")

    with pytest.raises(Exception, match="No labels found"):
        load(done, "ultralytics", more=MORE)
