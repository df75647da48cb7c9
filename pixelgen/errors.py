"""The errors of pixelgen, the exit code for each, and what their messages suggest.

A message is one line: what is wrong, with the value; what is allowed; what to do.
"""

from collections.abc import Iterable, Mapping

SYNONYMS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "family": {
        "noise": ("uniform", "gaussian"), "random": ("uniform",), "normal": ("gaussian",),
        "white": ("uniform", "gaussian"), "pink": ("spectrum",), "clouds": ("fbm", "plasma"),
        "cloud": ("fbm", "plasma"), "simplex": ("perlin",), "fourier": ("spectrum",),
        "wavelet": ("wmm",), "worley": ("voronoi",), "cells": ("voronoi",), "circles": ("shapes",),
        "constant": ("solid",), "blank": ("solid",), "black": ("solid",), "lines": ("stripes",),
        "texture": ("dead_leaves", "fbm"), "blur": ("smooth",), "mixed": ("default",),
    },
    "format": {"jpe": ("jpeg",), "numpy": ("npy",), "raw": ("npy", "ppm"), "pgm": ("ppm",)},
    "layout": {
        "imagenet": ("imagefolder",), "folder": ("imagefolder",), "keras": ("imagefolder",),
        "tar": ("webdataset",), "wds": ("webdataset",), "pascal": ("voc",), "arrow": ("parquet",),
        "huggingface": ("hf",), "streaming": ("mds",), "ultralytics": ("yolo",),
        "numpy": ("npy",), "rfdetr": ("roboflow",), "mask": ("masks",),
        "segmentation": ("masks", "voc"), "fastai": ("labels",), "openood": ("imglist",),
    },
    "mode": {
        "gray": ("L",), "grey": ("L",), "grayscale": ("L",), "greyscale": ("L",), "mono": ("L",),
        "rgb8": ("RGB",), "alpha": ("RGBA",),
    },
    "trainer": {
        "yolo": ("ultralytics",), "yolov8": ("ultralytics",), "pytorch": ("torchvision",),
        "torch": ("torchvision",), "tensorflow": ("keras",), "tf": ("keras",),
        "hf": ("huggingface",), "datasets": ("huggingface",), "transformers": ("huggingface",),
        "mosaicml": ("streaming",), "mmdetection": ("mmdet",), "coco": ("detectron2", "mmdet"),
        "roboflow": ("rfdetr",), "segmentation": ("smp",), "mvtec": ("anomalib",),
    },
}  # fmt: skip
"""Other words for a name of a kind, each with the names that it may stand for."""


def suggest_name(word: str, names: Iterable[str], kind: str = "") -> str:
    """Return ``: did you mean …?`` with the names that a word may stand for, or nothing.

    These are the synonyms of the kind of name, if the word is one; else the most similar name.
    """
    import difflib

    meant = SYNONYMS.get(kind, {}).get(word.lower(), ())
    found = meant or difflib.get_close_matches(word, list(names), n=1)
    return f": did you mean {' or '.join(map(repr, found))}?" if found else ""


def suggest_choice(word: str, names: Iterable[str], kind: str = "") -> str:
    """Return the end of a message about an unknown name: what was meant, and all the choices.

    >>> suggest_choice("jpg", ["png", "jpeg"]), suggest_choice("x", ["png", "jpeg"])
    (": did you mean 'jpeg'? choose one of png, jpeg", '; choose one of png, jpeg')
    """
    choices = list(names)
    return f"{suggest_name(word, choices, kind) or ';'} choose one of {', '.join(choices)}"


def suggest_comma(text: str) -> str:
    """Return what to write where a colon stands between two parameters, or nothing.

    >>> suggest_comma("sigma=20:mean=3"), suggest_comma("sigma=20")
    ('; parameters are separated by commas: write sigma=20,mean=3', '')
    """
    import re

    written = re.sub(r":(?=[a-z_]+=)", ",", text)
    return "" if written == text else f"; parameters are separated by commas: write {written}"


def shell_path(path: str) -> str:
    """Quote a path for a command in a message, so that a shell reads it as one word.

    >>> print(shell_path("data"), shell_path("my data"), shell_path("-data"))
    data 'my data' ./-data
    """
    import shlex

    return shlex.quote(f"./{path}" if path.startswith("-") else path)


def install_extra(extra: str) -> str:
    """Return how to install an extra: from a checkout, since no package index has this project.

    >>> print(install_extra("dask"))
    install the extra 'dask': in the checkout, python -m pip install '.[dask]'
    """
    return f"install the extra {extra!r}: in the checkout, python -m pip install '.[{extra}]'"


def install_version(version: str) -> str:
    """Return how to install a version, likewise; releases are tagged with a v before the number.

    >>> print(install_version("0.1.0"))
    install that version: in the checkout, git checkout v0.1.0 && python -m pip install .
    """
    return (
        f"install that version: in the checkout, git checkout v{version} && python -m pip install ."
    )


class PixelgenError(Exception):
    """Work failed or is incomplete; running the same command again is safe."""

    exit_code = 1


class BadValue(PixelgenError, ValueError):
    """An option, a parameter or a job is invalid. Nothing was changed."""

    exit_code = 2


class Conflict(PixelgenError):
    """The directory holds files that do not belong to this job. None of them was changed."""

    exit_code = 3


class AnotherJob(Conflict):
    """The directory holds the dataset of another job. Nothing of it was changed."""


class Refused(PixelgenError):
    """The remote endpoint refused the request, or returned something else."""

    exit_code = 4


class Busy(PixelgenError):
    """Another process is writing to the directory."""

    exit_code = 5
