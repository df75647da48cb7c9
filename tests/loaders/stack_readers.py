"""What the printed calls load: read by the stack itself, or by a reader of the files that it names.

Where a stack is not installed, its call is evaluated all the same: with functions of the names in
the call, which open the files as the documentation of the stack says. They give paths of images,
the bytes of image files, or indexes.
"""

import glob
import importlib.util
import itertools
import json
import pathlib
import re
import shlex
import struct
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.loaders.conftest import read_all

Key = Any
"""What says which image it is: an index, a row, a path, the bytes of its file, or its pixels."""


def coco_images(root: str, file: str) -> list[Key]:
    return [f"{root}/{each['file_name']}" for each in json.loads(Path(file).read_text())["images"]]


def yolox_images(data_dir: str, json_file: str, name: str) -> list[Key]:
    """List the images of a file in annotations/, from the folder of that name."""
    return coco_images(f"{data_dir}/{name}", f"{data_dir}/annotations/{json_file}")


def roboflow_images(dataset_dir: str) -> list[Key]:
    """List the images that RF-DETR trains on."""
    return coco_images(f"{dataset_dir}/train", f"{dataset_dir}/train/_annotations.coco.json")


class Datumaro:
    """The images of all files in annotations/: each is a subset, named as Datumaro 1.13 does."""

    def __init__(self, root: str, kind: str) -> None:
        assert kind == "coco"
        self.subsets = {
            file.stem.removeprefix("instances_"): coco_images(f"{root}/images", str(file))
            for file in Path(root, "annotations").glob("instances_*.json")
        }

    def __iter__(self) -> Iterator[Key]:
        return itertools.chain(*self.subsets.values())

    def get_subset(self, name: str) -> list[Key]:
        return self.subsets[name]


def folder_images(folder: str, **_: Any) -> list[Key]:
    """List the images of folders of classes."""
    return [str(path) for path in Path(folder).rglob("*.*") if path.parent != Path(folder)]


def anomaly_images(name: str, normal_dir: str, abnormal_dir: str) -> list[Key]:
    """List the images in the folder of what is abnormal."""
    assert Path(abnormal_dir).is_dir(), f"{name}, {normal_dir}"
    return listed_images(Path(abnormal_dir))


def voc_images(root: str, year: str, image_set: str, lists: str = "Main") -> list[Key]:
    assert image_set in ("train", "trainval", "val")  # torchvision refuses others of 2012
    kit = Path(root, f"VOCdevkit/VOC{year}")
    names = (kit / f"ImageSets/{lists}/{image_set}.txt").read_text().split()
    return [str(kit / f"JPEGImages/{name}.jpg") for name in names]


def masked_voc_images(root: str, year: str, image_set: str) -> list[Key]:
    """List the images of a list for segmentation; each must have a mask."""
    found = voc_images(root, year, image_set, "Segmentation")
    for path in map(Path, found):
        assert (path.parents[1] / f"SegmentationClass/{path.stem}.png").is_file()
    return found


def masked_images(pairs: list[tuple[Path, Path]]) -> list[Key]:
    """List the images of pairs of an image and a mask, which must exist and have its name."""
    for image, mask in pairs:
        assert mask.is_file()
        assert mask.stem == image.stem
    return [str(image) for image, _ in pairs]


def yolo_images(data: str, key: str = "train") -> list[Key]:
    """List the images that an entry of data.yaml names, from its folder."""
    (entry,) = re.findall(rf"^{key}: (\S+)$", Path(data).read_text(), re.MULTILINE)
    return listed_images(Path(data).parent / entry)


def listed_images(place: Path) -> list[Key]:
    """List the images in a folder, or those of a list whose paths begin with ./ in its folder."""
    if place.is_dir():
        return [str(path) for path in place.rglob("*.*")]
    return [str(place.parent / line) for line in place.read_text().splitlines()]


def streamed_images(local: str, split: str = "", batch_size: int = 1) -> list[Key]:
    """Read the images of MDS shards: sizes, offsets, and the sizes of two columns of a sample."""
    index = json.loads(Path(local, split, "index.json").read_text())
    found = []
    for shard in index["shards"]:
        data = Path(local, split, shard["raw_data"]["basename"]).read_bytes()
        offsets = struct.unpack_from(f"<{shard['samples']}I", data, 4)
        for start in offsets:
            (size,) = struct.unpack_from("<I", data, start)
            found.append(data[start + 8 : start + 8 + size])
    return found


def recorded_images(files: list[str]) -> list[Key]:
    """Read the images of TFRecord files."""
    reader = pytest.importorskip("tfrecord.reader", reason="tfrecord is not installed")
    loaders = (reader.tfrecord_loader(file, None, {"image/encoded": "byte"}) for file in files)
    return [bytes(record["image/encoded"]) for loader in loaders for record in loader]


def indexed_images(paths: list[str], index_paths: list[str], ext: list[str]) -> list[Key]:
    """Read the images of archives at the offsets that DALI's indexes give."""
    found = []
    for path, index in zip(paths, index_paths, strict=True):
        data = Path(path).read_bytes()
        for line in Path(index).read_text().splitlines()[1:]:
            parts = iter(line.split())
            for kind, offset, size, _ in zip(parts, parts, parts, parts, strict=True):
                if kind == ext[0]:
                    found.append(data[int(offset) : int(offset) + int(size)])
    return found


def sharded_images(file: str, cache_dir: str) -> list[Key]:
    """Read the indexes in the archives of a list of shards."""
    found = []
    for shard in json.loads(Path(file).read_text())["shardlist"]:
        with tarfile.open(Path(cache_dir, shard["url"])) as tar:
            rows = [tar.extractfile(name) for name in tar.getnames() if name.endswith(".json")]
            found += [json.load(row)["index"] for row in rows if row]
    return found


class Croissant:
    """The record sets of a description: files by pattern, and lines with text as bytes."""

    def __init__(self, file: str) -> None:
        self.folder = Path(file).parent
        self.described = json.loads(Path(file).read_text())

    def records(self, name: str) -> Iterator[Any]:
        manifest, images = self.described["distribution"]
        if name == "images":
            yield from map(str, self.folder.glob(images["includes"]))
            return
        for line in (self.folder / manifest["contentUrl"]).read_text().splitlines():
            yield {
                f"{name}/{key}": value.encode() if isinstance(value, str) else value
                for key, value in json.loads(line).items()
            }


def cascade_images(command: str) -> list[Key]:
    """List the images that a command of OpenCV's names, run in the folder that it goes to."""
    _, folder, *others = shlex.split(command)
    names = Path(folder, others[others.index("-bg") + 1]).read_text().splitlines()
    return [str(Path(folder, name)) for name in names]


def darknet_images(command: str, key: str = "train") -> list[Key]:
    """List the images that an entry of Darknet's data file names, in the folder that it goes to."""
    _, folder, *others = shlex.split(command)
    data = Path(folder, others[others.index("train") + 1])
    entries = dict(line.split(" = ") for line in data.read_text().splitlines())
    names = Path(folder, entries[key]).read_text().splitlines()
    return [str(Path(folder, name)) for name in names]


COMMANDS: dict[str, Callable[[str], list[Key]]] = {
    "darknet": darknet_images,
    "opencv_traincascade": cascade_images,
}
"""The programs that a call in a shell runs, and what lists the images that each would read."""

READERS: dict[str, Any] = {
    "anomalib": SimpleNamespace(data=SimpleNamespace(Folder=anomaly_images)),
    "datumaro": SimpleNamespace(Dataset=SimpleNamespace(import_from=Datumaro)),
    "detectron2": SimpleNamespace(data=SimpleNamespace(datasets=SimpleNamespace(
        register_coco_instances=lambda _, metadata, file, root: coco_images(root, file)))),
    "keras": SimpleNamespace(utils=SimpleNamespace(image_dataset_from_directory=folder_images)),
    "mlcroissant": SimpleNamespace(Dataset=Croissant),
    "mmdet": SimpleNamespace(datasets=SimpleNamespace(
        CocoDataset=lambda ann_file, data_prefix, **_: coco_images(data_prefix["img"], ann_file))),
    "nvidia": SimpleNamespace(dali=SimpleNamespace(fn=SimpleNamespace(readers=SimpleNamespace(
        webdataset=indexed_images)))),
    "rfdetr": SimpleNamespace(RFDETRNano=lambda: SimpleNamespace(train=roboflow_images)),
    "streaming": SimpleNamespace(StreamingDataset=streamed_images),
    "tensorflow": SimpleNamespace(
        data=SimpleNamespace(TFRecordDataset=recorded_images),
        io=SimpleNamespace(gfile=glob)),
    "timm": SimpleNamespace(data=SimpleNamespace(ImageDataset=folder_images)),
    "torchvision": SimpleNamespace(datasets=SimpleNamespace(
        CocoDetection=coco_images, ImageFolder=folder_images, VOCDetection=voc_images,
        VOCSegmentation=masked_voc_images)),
    "ultralytics": SimpleNamespace(YOLO=lambda _: SimpleNamespace(train=yolo_images)),
    "wids": SimpleNamespace(ShardListDataset=sharded_images),
    "yolox": SimpleNamespace(data=SimpleNamespace(COCODataset=yolox_images)),
}  # fmt: skip
"""What stands for a stack in its call. Those of no use before they train always do."""

_ALWAYS_READ = ("anomalib", "detectron2", "keras", "mmdet", "nvidia", "rfdetr", "tensorflow",
                "ultralytics", "yolox")  # fmt: skip

TRAINING = ("darknet", "rfdetr", "ultralytics")
"""Stacks whose call trains: it finds the split to train on by itself."""


def _torchvision(found: Any) -> Iterable[Key]:
    if hasattr(found, "coco"):
        return [f"{found.root}/{each['file_name']}" for each in found.coco.loadImgs(found.ids)]
    return [path for path, _ in found.samples] if hasattr(found, "samples") else found.images


def _numpy(found: Any) -> Iterable[Key]:
    for array in found:
        yield from array if array.ndim == 4 else [array]


INSTALLED: dict[str, Callable[[Any], Iterable[Key]]] = {
    "datumaro": lambda found: [each.media.path for each in found],
    "dlib": lambda found: [each.filename for each in found.images],
    "mlcroissant": lambda found: [row.get("images/image", row) for row in found],
    "numpy": _numpy,
    "pandas": lambda found: found["index"].tolist(),
    "pathlib": masked_images,
    "streaming": lambda found: [each["index"] for each in found],
    "timm": lambda found: [found.filename(n, absolute=True) for n in range(len(found))],
    "torchvision": _torchvision,
    "webdataset": lambda found: [row["index"] for _, _, row in read_all(found)],
    "wids": lambda found: [json.loads(each[".json"].read())["index"] for each in found],
}
"""What says which images are in the result of a stack that is installed."""

CHECKS: dict[str, Callable[[Any], bool]] = {
    "bagit": lambda found: found is True,
    "frictionless": lambda found: bool(found.valid),
}
"""Stacks that load nothing: they check the files of all splits."""

SUBPROCESS = "datasets"
"""It is imported in a process of its own."""

STACKS = (READERS.keys() | INSTALLED.keys() | CHECKS.keys() | {SUBPROCESS}) - {"pathlib"}


def stack_of(call: str) -> str:
    """Return the stack whose call it is; fail if it is not one of these."""
    if call.startswith("cd "):
        (program,) = COMMANDS.keys() & shlex.split(call.rpartition(" && ")[2])[:1]
        return program
    if call.startswith("[(pathlib."):  # pairs of paths; in the calls of stacks it opens their files
        return "pathlib"
    (stack,) = (each for each in STACKS if re.search(rf"(?<![\w.]){each}\.", call))
    return stack


def load(call: str) -> list[Key] | None:
    """Return what says which images a call loads; None if its stack must be installed but is not.

    A stack that checks must find no fault, and loads none.
    """
    stack = stack_of(call)
    if stack in COMMANDS:
        return COMMANDS[stack](call)
    is_installed = stack not in _ALWAYS_READ and importlib.util.find_spec(stack) is not None
    if not is_installed and stack not in READERS:
        return None
    module = importlib.import_module(stack) if is_installed else READERS[stack]
    scope = {stack: module, "glob": glob, "json": json, "pathlib": pathlib, "shlex": shlex}
    found = eval(call, scope)  # noqa: S307
    if stack in CHECKS:
        assert CHECKS[stack](found), call
        return []
    return list(INSTALLED[stack](found) if is_installed else found)
