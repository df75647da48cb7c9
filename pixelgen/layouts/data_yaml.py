"""data.yaml of Ultralytics YOLO: where the images are, and the names of the classes.

https://docs.ultralytics.com/datasets/detect/
"""

import json
from collections.abc import Callable

from pixelgen.layouts.dataset_info import DatasetInfo

_VALIDATION = ("val", "valid", "validation", "dev", "test")


def data_yaml(info: DatasetInfo, images: Callable[[str], str]) -> bytes:
    """Write data.yaml, without ``path``, which Ultralytics resolves from the working directory.

    ``images`` gives the path of a split's images, or of all ('').
    """
    train, val = map(images, training_splits(info))
    names = "".join(f"\n  {n}: {json.dumps(name)}" for n, name in enumerate(info.categories))
    return f"train: {train}\nval: {val}\nnames: {names}\n".encode()


def training_splits(info: DatasetInfo) -> tuple[str, str]:
    """Return the splits to train and to validate on ('': of a dataset without splits)."""
    names, train = info.split_names, info.train_split
    others = [name for name in names if name != train]
    return train, next((name for name in _VALIDATION if name in names), (*others, train)[0])
