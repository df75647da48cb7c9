"""Code that mixes negatives with a dataset of the user's at run time, where no file can join them.

A test runs what it returns.
"""

import glob
from pathlib import Path

from pixelgen.errors import BadValue, shell_path
from pixelgen.job import Job
from pixelgen.layouts.containers._sharded import file_prefix
from pixelgen.user_datasets.base import UserDataset


def has_shards(path: Path) -> bool:
    """Return whether a folder holds tar archives, as those of WebDataset."""
    return path.is_dir() and any(path.glob("*.tar"))


def mix_shards(job: Job, root: str, own: str) -> str:
    """Return code that mixes the samples of two WebDatasets.

    Raises:
        BadValue: If the negatives are not one.
    """
    _check_layout(job, root, "webdataset")
    pattern = f"{glob.escape(root)}/{file_prefix(job.info.first_split)}-*.tar"
    return f"""\
import glob, webdataset
own = webdataset.WebDataset(sorted(glob.glob({f"{glob.escape(own)}/*.tar"!r})), shardshuffle=False)
negatives = webdataset.WebDataset(sorted(glob.glob({pattern!r})), shardshuffle=False)
mixed = webdataset.RandomMix([own, negatives], probs=[0.9, 0.1], longest=True)"""


def mixing_code(job: Job, root: str, user: UserDataset) -> str:
    """Return code that mixes negatives with an ImageFolder, a VOC or a Hugging Face dataset.

    Raises:
        BadValue: If the negatives have another layout, or the library cannot read the dataset.
    """
    if user.kind == "imagefolder":
        return _mix_imagefolder(job, root, user)
    if user.kind == "voc":
        return _mix_voc(job, root, user)
    return _mix_huggingface(job, root, user)


def _mix_imagefolder(job: Job, root: str, user: UserDataset) -> str:
    _check_layout(job, root, "imagefolder")
    train = next((name for name, _ in user.split_images if name.startswith("train")), "")
    own, negatives = str(user.folder / train), f"{root}/{job.info.first_split}".rstrip("/")
    return f"""\
import torch, torchvision
own = torchvision.datasets.ImageFolder({own!r})
negatives = torchvision.datasets.ImageFolder(
    {negatives!r}, target_transform=lambda _: {_number(job, user)})
mixed = torch.utils.data.ConcatDataset([own, negatives])"""


def _mix_voc(job: Job, root: str, user: UserDataset) -> str:
    _check_layout(job, root, "voc")
    year, above = user.folder.name.removeprefix("VOC"), user.folder.resolve().parent
    if above.name != "VOCdevkit" or not (year.isdecimal() and user.folder.name.startswith("VOC")):
        raise BadValue(
            f"torchvision reads VOC from a folder such as VOCdevkit/VOC2012, and yours is"
            f" {user.folder}; mix the two in your own class of datasets"
        )
    split = job.info.first_split or "train"
    return f"""\
import torch, torchvision
own = torchvision.datasets.VOCDetection({str(above.parent)!r}, year={year!r}, image_set="train")
negatives = torchvision.datasets.VOCDetection({root!r}, year="2012", image_set={split!r})
mixed = torch.utils.data.ConcatDataset([own, negatives])"""


def _mix_huggingface(job: Job, root: str, user: UserDataset) -> str:
    _check_layout(job, root, "files")
    split = f'.filter(lambda each: each == {job.info.first_split!r}, input_columns="split")'
    label = job.label if job.label in user.classes else ""
    names = [*user.classes] if label else [*user.classes, "negatives"]
    return f"""\
import datasets
labels = datasets.ClassLabel(names={names!r})
own = datasets.load_dataset({str(user.folder)!r}, split="train").cast_column("label", labels)
negatives = datasets.load_dataset("imagefolder", data_dir={root!r}, split="train")\
{split if job.split else ""}.select_columns("image")
negatives = negatives.add_column("label", [{names.index(label or "negatives")}] * len(negatives))
negatives = negatives.cast_column("label", labels)
mixed = datasets.concatenate_datasets([own.select_columns(["image", "label"]), negatives])
# or: mixed = datasets.interleave_datasets([own, negatives], probabilities=[0.9, 0.1], seed=0)"""


def _number(job: Job, user: UserDataset) -> int:
    """Return the class number of the negatives: theirs, or that after the user's classes."""
    fits = job.classes == user.classes or job.label_number is not None
    return job.info.label_number if fits else len(user.classes)


def _check_layout(job: Job, root: str, name: str) -> None:
    if job.layout.container.name != name:
        raise BadValue(
            f"{root} has layout {job.layout.container.name}, and this dataset is mixed with layout"
            f" {name}; in another directory, run: pixelgen generate --recipe"
            f" {shell_path(f'{root}/pixelgen.json')} --layout {name}"
        )
