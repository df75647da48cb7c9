"""Trainers: what they require of a dataset, and the calls that load it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pixelgen.job import Job
from pixelgen.trainers import TRAINERS, find_trainer, loader_calls, loader_hint
from tests.layouts.support import files, missing
from tests.support.command import Done, Run


@pytest.mark.parametrize("name", TRAINERS)
def test_the_dataset_of_a_trainer_is_made_and_its_call_is_printed(
    make: Callable[..., Done], run: Run, name: str
) -> None:
    done = make("-n", 9, "-s", 32, "--for", name)
    (call,) = [line[9:] for line in done.stderr.splitlines() if line.startswith("load it: ")]
    if not call.startswith("cd negatives && "):
        compile(call, "call", "eval")

    assert "negatives" in call
    assert run("verify").returncode == 0
    assert loader_hint(TRAINERS[name], Job(count=9), "negatives") in done.stderr


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [(("--for", "mmdet", "-s", 31), "MMDetection 32 31"),
     (("--for", "ultralytics", "-s", 9), "Ultralytics 10 9"),
     (("--for", "ultralytics", "-f", "gif"), "Ultralytics gif png jpeg bmp"),
     (("--for", "opencv", "-s", "64x20"), "24"),
     (("--for", "torchvision", "--mode", "L", "--depth", 16), "16-bit gray"),
     (("--for", "keras", "-f", "tiff"), "Keras tiff png jpeg bmp gif"),
     (("--for", "rfdetr", "--split", "valid=0.5,ours=0.5"), "RF-DETR train valid=1/2,ours=1/2"),
     (("--for", "ultralitics"), "'ultralitics' 'ultralytics'"),
     (("--for", "streaming", "--layout", "yolo"), "yolo files mds"),
     (("--for", "dlib", "--layout", "voc"), "voc containers")],
)  # fmt: skip
def test_images_that_a_trainer_would_drop_are_refused(
    run: Run, tmp_path: Path, arguments: tuple[object, ...], facts: str
) -> None:
    done = run("generate", "-n", 9, *arguments)

    assert done.returncode == 2
    assert missing(facts, done.stderr) == [], done.stderr
    assert list(tmp_path.iterdir()) == []


def test_images_that_trainers_of_a_layout_would_drop_are_reported(
    make: Callable[..., Done],
) -> None:
    done = make("-n", 9, "-s", 8, "--layout", "yolo", "-f", "ppm", "-q", "-o", "quiet")
    assert done.stderr == ""
    done = make("-n", 9, "-s", 8, "--layout", "yolo", "-f", "ppm")
    notes = [line for line in done.stderr.splitlines() if line.startswith("note: Ultralytics")]
    assert [("ppm" in note, "10 pixels" in note) for note in notes] == [
        (True, False),
        (False, True),
    ]


def test_the_layout_of_a_trainer_is_combined_with_another(
    make: Callable[..., Done], tmp_path: Path
) -> None:
    done = make("-n", 9, "-s", 32, "--for", "mmdet", "--layout", "yolo", "--class", "bird",
                "--split", "train=0.5,val=0.5")  # fmt: skip
    assert {"data.yaml", "coco-trainset.json", "coco-valset.json"} <= files(tmp_path / "negatives")
    assert "coco-trainset.json" in done.stderr
    assert "classes=('bird',)" in done.stderr


def test_every_trainer_is_in_the_help(run: Run) -> None:
    text = " ".join(run("generate", "--help").stdout.split())
    for name in TRAINERS:
        assert name in text
    job = Job.parse(count=1, layout="coco", split="all=1")
    assert loader_calls(TRAINERS["detectron2"], job, "x")[0].endswith("'x/coco-allset.json', 'x')")


def test_the_hint_for_ultralytics_names_the_images_of_the_first_split() -> None:
    trainer = find_trainer("ultralytics")
    whole = Job.parse(count=40, layout=trainer.layout)
    split = Job.parse(count=40, layout=trainer.layout, split="train=0.5,val=0.5")

    assert "own/images under" in loader_hint(trainer, whole, "own")
    assert "own/images-trainset.txt under" in loader_hint(trainer, split, "own")
