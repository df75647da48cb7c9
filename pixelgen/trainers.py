"""Trainers: what a set for one must be, and the call that takes it, so that nothing is dropped."""

import shlex
from collections.abc import Iterator
from typing import NamedTuple

from pixelgen.errors import BadValue
from pixelgen.job import Job
from pixelgen.registry import suggest_name

_PILLOW = ("png", "jpeg", "bmp", "tiff", "webp")


class Trainer(NamedTuple):
    """A training stack: the layout that it reads, and its limits.

    ``formats`` are those that it reads and ``least_side`` is in pixels; ``below`` says what becomes
    of an image that has less. One that ``clips_gray`` turns 16-bit gray white. ``call`` loads the
    set; '' where the layout's own call does. In it stand, quoted, ``{root}`` for the set's
    directory (``{shell}`` for a shell), ``{folder}`` for that of the first split, ``{yolo}`` and
    ``{coco}`` for files, and ``{label}`` for the class.
    """

    title: str
    layout: str
    formats: tuple[str, ...]
    least_side: int = 1
    below: str = ""
    call: str = ""
    hint: str = ""
    clips_gray: bool = False

    def objections(self, job: Job) -> Iterator[str]:
        """Yield what this stack would not take of a job, and what to do instead."""
        if job.format.name not in self.formats:
            told = ", ".join(self.formats[:-1]) + f" or {self.formats[-1]}"
            yield f"{self.title} does not read {job.format.name}; use {told}"
        if min(job.width, job.height) < self.least_side:
            yield (
                f"{self.title} {self.below} images with a side under {self.least_side} pixels, not"
                f" {job.width}x{job.height}"
            )
        if self.clips_gray and (job.mode, job.depth) == ("L", 16):
            yield f"{self.title} clips 16-bit gray to white; use depth 8, or mode RGB"

    def suits(self, job: Job) -> bool:
        """Tell whether a job has all of the layout that this stack reads."""
        names = {part.name for part in job.layout.parts}
        wanted = set(self.layout.split(","))
        return wanted <= names and wanted != {"files"}


TRAINERS = {
    "ultralytics": Trainer(
        "Ultralytics", "files,yolo", ("png", "jpeg", "bmp", "webp", "tiff", "avif"), 10,
        "takes for corrupt",
        call="ultralytics.YOLO('yolo11n.yaml').train(data={yolo})",
        hint="to add it to your own set, name its images/ in the list 'train:' of your data.yaml",
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
             "dict(classes=('{label}',)), filter_cfg=dict(filter_empty_gt=False, min_size=32))",
        hint="filter_empty_gt=False keeps MMDetection from dropping every image",
    ),
    "torchvision": Trainer("torchvision", "imagefolder", (*_PILLOW, "ppm"), clips_gray=True),
    "huggingface": Trainer("Hugging Face datasets", "files,hf", (*_PILLOW, "gif", "avif", "ppm")),
    "opencv": Trainer(
        "OpenCV's cascade training", "files,opencv", (*_PILLOW, "ppm"), 24,
        "cannot take a window of 24 pixels from",
        call="cd {shell} && mkdir -p cascade && opencv_traincascade -data cascade"
             " -vec positives.vec -bg bg{tag}.txt -w 24 -h 24",
        hint="run it there and see that cascade/cascade.xml is made: it exits with 0 all the same",
    ),
    "dlib": Trainer(
        "dlib", "dlib,files", ("png", "jpeg", "bmp"),
        hint="dlib trains only if some image has a box: put these images beside yours in one XML",
    ),
    "keras": Trainer(
        "Keras", "imagefolder", ("png", "jpeg", "bmp", "gif"),
        call="keras.utils.image_dataset_from_directory({folder}, image_size={sides})",
    ),
    "dali": Trainer("DALI", "dali,webdataset", (*_PILLOW, "jpeg2000", "ppm")),
    "streaming": Trainer("MosaicML streaming", "mds", ("png", "jpeg")),
}  # fmt: skip


def find(name: str) -> Trainer:
    """Return the trainer of a name; raise BadValue where there is none."""
    if name not in TRAINERS:
        raise BadValue(
            f"unknown trainer {name!r}{suggest_name(name, TRAINERS)} (there are"
            f" {', '.join(TRAINERS)})"
        )
    return TRAINERS[name]


def calls(trainer: Trainer, job: Job, root: str) -> list[str]:
    """Return the calls that load a set into a trainer."""
    loaders = [part.loader(root, job.info) for part in job.layout.parts]
    if not trainer.call:
        return [call for call in loaders if call][-1:]
    split = job.info.split_names[0]
    tag = f"-{split}set" if split else ""
    return [
        trainer.call.format(
            root=repr(root),
            shell=shlex.quote(root),
            folder=repr(f"{root}/{split}".rstrip("/")),
            yolo=repr(f"{root}/data.yaml"),
            coco=repr(f"{root}/coco{tag}.json"),
            label=job.label or "object",
            tag=tag,
            sides=(job.height, job.width),
        )
    ]
