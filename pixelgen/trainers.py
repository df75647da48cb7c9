"""Trainers: what each requires of a dataset to drop no image, and the call that loads it."""

import shlex
from collections.abc import Iterator
from dataclasses import fields
from typing import NamedTuple

from pixelgen.errors import SYNONYMS, BadValue, suggest_choice
from pixelgen.job import Job
from pixelgen.layouts import LayoutComponent
from pixelgen.layouts.base import split_file
from pixelgen.layouts.layout import Layout
from pixelgen.layouts.sidecars.coco import Coco

_PILLOW = ("png", "jpeg", "bmp", "tiff", "webp")
_OPENCV = (*_PILLOW, "ppm")
_COCO_FOLDER = "coco:path=annotations/instances_default.json,root=images,files"


class Trainer(NamedTuple):
    """A training stack: the layout that it reads, and its limits.

    It reads the ``formats`` and sides of at least ``min_side`` pixels; ``below`` says what it does
    to smaller images. One that ``clips_gray`` turns 16-bit gray white. If there are splits,
    ``train_split`` is the one that it trains on; '' means any. ``call`` is a template of the call
    that loads the dataset; '' means the call of the layout. Its fields are filled in by
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
    train_split: str = ""

    def objections(self, job: Job) -> Iterator[str]:
        """Yield each reason why this stack would drop images of a job, and what to do instead."""
        if job.format.name not in self.formats:
            allowed = ", ".join(self.formats[:-1]) + f" or {self.formats[-1]}"
            yield f"{self.title} does not read {job.format.name}; use {allowed}"
        if min(job.image.size.smallest) < self.min_side:
            yield (
                f"{self.title} {self.below} images with a side under {self.min_side} pixels:"
                f" {job.image.size}; use a larger size"
            )
        if self.clips_gray and (job.image.mode, job.image.depth) == ("L", 16):
            yield f"{self.title} clips 16-bit gray to white; use depth 8, or mode RGB"
        if job.split and self.train_split not in ("", *job.split.names):
            yield (
                f"{self.title} trains on a split named {self.train_split}, which {job.split} lacks;"
                f" give --split {self.train_split}=0.9,valid=0.1"
            )

    def can_read_layout(self, job: Job) -> bool:
        """Return whether a job's layout includes all components that this stack reads."""
        return all(
            any(_includes(each, read) for each in job.layout.components)
            for read in Layout.parse(self.layout).components
        )


def _includes(component: LayoutComponent, wanted: LayoutComponent) -> bool:
    """Return whether a component has all parameters of another that are not its defaults."""
    return type(component) is type(wanted) and all(
        getattr(wanted, each.name) in (each.default, getattr(component, each.name))
        for each in fields(wanted)
    )


TRAINERS = {
    "ultralytics": Trainer(
        "Ultralytics", "files,yolo", ("png", "jpeg", "bmp", "webp", "tiff", "avif"), 10,
        "rejects as corrupt",
        call="ultralytics.YOLO('yolo11n.yaml').train(data={yolo})",
        hint="to add it to your own dataset, list {images} under 'train:' in your data.yaml",
    ),
    "detectron2": Trainer(
        "Detectron2", "coco,files", _PILLOW,
        call="detectron2.data.datasets.register_coco_instances('negatives', {{}}, {coco},"
             " {images})",
        hint="set cfg.DATALOADER.FILTER_EMPTY_ANNOTATIONS = False, or Detectron2 drops every image",
        clips_gray=True,
    ),
    "mmdet": Trainer(
        "MMDetection", "coco,files", _OPENCV, 32, "drops",
        call="mmdet.datasets.CocoDataset(ann_file={coco}, data_prefix=dict(img={images}), metainfo="
             "dict(classes={categories}), filter_cfg=dict(filter_empty_gt=False, min_size=32))",
        hint="filter_empty_gt=False keeps MMDetection from dropping every image",
    ),
    "yolox": Trainer(
        "YOLOX", _COCO_FOLDER, _OPENCV,
        call="yolox.data.COCODataset(data_dir={root}, json_file={json}, name='images')",
        hint="in your Exp, self.num_classes is the number of your classes; give them by --classes",
    ),
    "rfdetr": Trainer(
        "RF-DETR", "roboflow", _PILLOW,
        call="rfdetr.RFDETRNano().train(dataset_dir={root})",
        hint="RF-DETR also needs valid/: give --split train=0.9,valid=0.1, or move the images and"
             " the entries of their _annotations.coco.json into your own train/",
        clips_gray=True, train_split="train",
    ),
    "datumaro": Trainer(
        "Datumaro", _COCO_FOLDER, _OPENCV,
        call="datumaro.Dataset.import_from({root}, 'coco'){subset}",
    ),
    "smp": Trainer(
        "Segmentation Models", "files,masks", _OPENCV,
        hint="most models of segmentation_models_pytorch need sides that 32 divides",
    ),
    "darknet": Trainer(
        "Darknet", "darknet,files,yolo", ("png", "jpeg", "bmp"),
        call="cd {shell} && mkdir -p backup && darknet detector train darknet.data yolov4.cfg",
        hint="replace yolov4.cfg by the path of your own configuration, with as many classes",
    ),
    "timm": Trainer(
        "timm", "imagefolder", ("png", "jpeg"), call="timm.data.ImageDataset({folder})",
        clips_gray=True,
    ),
    "anomalib": Trainer(
        "Anomalib", "imagefolder", _OPENCV,
        call="anomalib.data.Folder(name='product', normal_dir='product/good',"
             " abnormal_dir={label})",
        hint="replace product/good by the folder of your normal images; negatives are abnormal:"
             " training on them as normal teaches nothing about your product",
        clips_gray=True,
    ),
    "torchvision": Trainer("torchvision", "imagefolder", _OPENCV, clips_gray=True),
    "huggingface": Trainer("Hugging Face datasets", "files,hf", (*_PILLOW, "gif", "avif", "ppm")),
    "opencv": Trainer(
        "OpenCV's cascade training", "files,opencv", _OPENCV, 24,
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
        read = {type(each) for each in Layout.parse(trainer.layout).components}
        own = [each for each in job.layout.components if type(each) in read]
        return [own[-1].loader(root, job.info)]
    split = job.info.first_split
    coco = next((each for each in job.layout.sidecars if isinstance(each, Coco)), Coco())
    name = coco.file(split).rpartition("/")[2]
    subset = name.removeprefix("instances_").removesuffix(".json")  # as Datumaro names it
    return [
        trainer.call.format(
            root=repr(root),
            shell=shlex.quote(root),
            folder=repr(f"{root}/{split}".rstrip("/")),
            label=repr("/".join(filter(None, (root, split, job.label or "negatives")))),
            yolo=repr(f"{root}/data.yaml"),
            coco=repr(f"{root}/{coco.file(split)}"),
            json=repr(name),
            subset=f".get_subset({subset!r})" if split else "",
            images=repr(coco.image_folder(root)),
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
