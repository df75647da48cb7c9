"""Trainers: what each requires of a dataset to drop no image, and the call that loads it."""

import shlex
from collections.abc import Iterator
from typing import NamedTuple

from pixelgen.errors import SYNONYMS, BadValue, suggest_choice
from pixelgen.job import Job
from pixelgen.layouts.base import split_file
from pixelgen.layouts.layout import Layout

_PILLOW = ("png", "jpeg", "bmp", "tiff", "webp")


class Trainer(NamedTuple):
    """A training stack: the layout that it reads, and its limits.

    It reads the ``formats`` and sides of at least ``min_side`` pixels; ``below`` says what it does
    to smaller images. One that ``clips_gray`` turns 16-bit gray white. ``call`` is a template of
    the call that loads the dataset; '' means the call of the layout. Its fields are filled in by
    :func:`loader_calls`, and that of ``hint`` by :func:`loader_hint`.
    """

    title: str
    layout: str
    formats: tuple[str, ...]
    min_side: int = 1
    below: str = ""
    call: str = ""
    hint: str = ""
    clips_gray: bool = False

    def objections(self, job: Job) -> Iterator[str]:
        """Yield each reason why this stack would drop images of a job, and what to do instead."""
        if job.format.name not in self.formats:
            allowed = ", ".join(self.formats[:-1]) + f" or {self.formats[-1]}"
            yield f"{self.title} does not read {job.format.name}; use {allowed}"
        if min(job.image.width, job.image.height) < self.min_side:
            yield (
                f"{self.title} {self.below} images with a side under {self.min_side} pixels:"
                f" {job.image.width}x{job.image.height}; use a larger size"
            )
        if self.clips_gray and (job.image.mode, job.image.depth) == ("L", 16):
            yield f"{self.title} clips 16-bit gray to white; use depth 8, or mode RGB"

    def can_read_layout(self, job: Job) -> bool:
        """Return whether a job's layout includes all components that this stack reads."""
        names = {component.name for component in job.layout.components}
        return set(self.layout.split(",")) <= names


TRAINERS = {
    "ultralytics": Trainer(
        "Ultralytics", "files,yolo", ("png", "jpeg", "bmp", "webp", "tiff", "avif"), 10,
        "rejects as corrupt",
        call="ultralytics.YOLO('yolo11n.yaml').train(data={yolo})",
        hint="to add it to your own dataset, list {images} under 'train:' in your data.yaml",
    ),
    "detectron2": Trainer(
        "Detectron2", "coco,files", _PILLOW,
        call="detectron2.data.datasets.register_coco_instances('negatives', {{}}, {coco}, {root})",
        hint="set cfg.DATALOADER.FILTER_EMPTY_ANNOTATIONS = False, or Detectron2 drops every image",
        clips_gray=True,
    ),
    "mmdet": Trainer(
        "MMDetection", "coco,files", (*_PILLOW, "ppm"), 32, "drops",
        call="mmdet.datasets.CocoDataset(ann_file={coco}, data_prefix=dict(img={root}), metainfo="
             "dict(classes={categories}), filter_cfg=dict(filter_empty_gt=False, min_size=32))",
        hint="filter_empty_gt=False keeps MMDetection from dropping every image",
    ),
    "torchvision": Trainer("torchvision", "imagefolder", (*_PILLOW, "ppm"), clips_gray=True),
    "huggingface": Trainer("Hugging Face datasets", "files,hf", (*_PILLOW, "gif", "avif", "ppm")),
    "opencv": Trainer(
        "OpenCV's cascade training", "files,opencv", (*_PILLOW, "ppm"), 24,
        "cannot cut a window of 24 pixels out of",
        call="cd {shell} && mkdir -p cascade && opencv_traincascade -data cascade"
             " -vec positives.vec -bg {opencv} -w 24 -h 24",
        hint="check that it makes cascade/cascade.xml: it exits with 0 even if it fails",
    ),
    "dlib": Trainer(
        "dlib", "dlib,files", ("png", "jpeg", "bmp"),
        hint="dlib trains only if some image has a box: list these images and yours in one XML",
    ),
    "keras": Trainer(
        "Keras", "imagefolder", ("png", "jpeg", "bmp", "gif"),
        call="keras.utils.image_dataset_from_directory({folder}, image_size={sides})",
    ),
    "dali": Trainer("DALI", "dali,webdataset", (*_PILLOW, "jpeg2000", "ppm")),
    "streaming": Trainer("MosaicML streaming", "mds", ("png", "jpeg")),
}  # fmt: skip


def find_trainer(name: str) -> Trainer:
    """Return the trainer with a name; raise BadValue if it does not exist."""
    if name not in TRAINERS and name not in SYNONYMS["trainer"]:
        from pixelgen.registry import components  # rarely needed

        (layout, *_) = SYNONYMS["layout"].get(name, (name,))
        if layout in components("layout"):
            raise BadValue(
                f"unknown trainer {name!r}: it is a layout; write --layout {layout}, or choose one"
                f" of {', '.join(TRAINERS)}"
            )
    if name not in TRAINERS:
        raise BadValue(f"unknown trainer {name!r}{suggest_choice(name, TRAINERS, 'trainer')}")
    return TRAINERS[name]


def loader_calls(trainer: Trainer, job: Job, root: str) -> list[str]:
    """Return the calls that load a dataset into a trainer."""
    if not trainer.call:
        own = Layout.parse(trainer.layout).components[-1].name
        components = [each for each in job.layout.components if each.name == own]
        return [each.loader(root, job.info) for each in components]
    split = job.info.first_split
    return [
        trainer.call.format(
            root=repr(root),
            shell=shlex.quote(root),
            folder=repr(f"{root}/{split}".rstrip("/")),
            yolo=repr(f"{root}/data.yaml"),
            coco=repr(f"{root}/{split_file('coco', split, '.json')}"),
            categories=job.info.categories,
            opencv=split_file("bg", split, ".txt"),
            sides=(job.image.height, job.image.width),
        )
    ]


def loader_hint(trainer: Trainer, job: Job, root: str) -> str:
    """Return what else a user of a trainer must know to load a dataset; '' if nothing."""
    split = job.info.train_split
    images = split_file("images", split, ".txt") if split else "images"
    return trainer.hint.format(images=f"{root}/{images}")
