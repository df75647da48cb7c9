"""Trivial cues: how well mean, contrast and end levels alone tell images from photographs.

A classifier sees four numbers an image. If it tells a family's images from photographs better than
the original's, the family carries a cue that its original lacks. The numbers of the originals'
images are in ``cues.csv``; others' code made the images, and none of it is here.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import groupby
from math import sqrt
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelgen.job import Job

Cues: TypeAlias = npt.NDArray[np.float64]
"""Mean level, contrast, share of levels at 0, share at 255: (images, 4)."""

HALVINGS = 6
_QUANTILE = 2.571  # 97.5 % of Student's t with HALVINGS - 1 degrees of freedom
_CROPS = 400
_TABLE = Path(__file__).with_name("cues.csv")
_PACKAGES = {
    "skimage": ("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png",
                "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "moon.png",
                "motorcycle_left.png", "retina.jpg", "rocket.jpg"),
    "sklearn": ("china.jpg", "flower.jpg"),
}  # fmt: skip
"""The photographs in the wheels of scikit-image and scikit-learn."""

SETS = {"all": (0, 1, 2, 3), "mean": (0,), "contrast": (1,), "end levels": (2, 3)}
"""What a classifier sees, as columns of ``Cues``."""


@dataclass(frozen=True)
class Original:
    """Images of others' code: their ``name`` in cues.csv, their sides in pixels, and their source.

    ``member`` is pixelgen's spelling of them.
    """

    name: str
    member: str
    size: int
    source: str


_NINCO = "NINCO at 8f42ce7"
_OE = "Outlier Exposure at e6ede98"
_ODIN = "ODIN at 64e9796"
_LWN = "Learning to See by Looking at Noise at a31abe3"
_WAVES = "10|15|25|40|60|85"
_STRIPES = "stripes:n=4|5|7|10|15|20"
_CO = "gabor:frequency=0.125,overlap=141,cut=1.375,direction=one,tone=gray,stretch=true"

ORIGINALS = (
    Original("ninco-uniform", "uniform", 224, _NINCO),
    Original("ninco-rademacher", "rademacher", 224, _NINCO),
    Original("ninco-gaussian", "gaussian:sigma=12.75|19.125|25.5|38.25|51|76.5|127.5", 224, _NINCO),
    Original("ninco-blobs", "blobs:sigma=1.5|2|2.5|3|3.5|4", 224, _NINCO),
    Original("ninco-smooth", f"smooth:sigma={_WAVES}", 224, _NINCO),
    Original("ninco-smooth-channel", f"smooth:sigma={_WAVES},scale=channel", 224, _NINCO),
    Original("ninco-smooth-range", f"smooth:sigma={_WAVES},scale=colorrange", 224, _NINCO),
    Original("ninco-solid", "solid", 224, _NINCO),
    Original("ninco-gray", "solid:tone=gray", 224, _NINCO),
    Original("ninco-tricolor", "stripes:n=3", 224, _NINCO),
    Original("ninco-primary", "stripes:n=3,tone=primary", 224, _NINCO),
    Original("ninco-horizontal", f"{_STRIPES},direction=horizontal", 224, _NINCO),
    Original("ninco-vertical", f"{_STRIPES},direction=vertical", 224, _NINCO),
    Original("oe-gaussian", "gaussian:sigma=63.75", 32, _OE),
    Original("oe-rademacher", "rademacher", 32, _OE),
    Original("oe-blobs", "blobs:sigma=1.5,channels=blurred,border=symmetric", 32, _OE),
    Original("oe-blobs-64", "blobs:sigma=2,channels=blurred,border=symmetric", 64, _OE),
    Original("odin-uniform", "uniform", 32, _ODIN),
    Original("odin-gaussian", "gaussian:sigma=255", 32, _ODIN),
    Original("ceda", "smooth:sigma=1..2.5,border=symmetric", 32, "CEDA at ce2d3a1"),
    Original("lwn-square", "dead_leaves:shape=square", 128, _LWN),
    Original("lwn-oriented", "dead_leaves:shape=oriented", 128, _LWN),
    Original("lwn-mixed", "dead_leaves", 128, _LWN),
    Original("lwn-spectrum", "spectrum:sx=0.5..3.5,palette=true", 128, _LWN),
    Original("lwn-spectrum-color", "spectrum_color", 128, _LWN),
    Original("lwn-wmm", "wmm", 128, _LWN),
    Original("co-gabor", _CO, 224, "Co et al. at 176ed1b, the middle of 280 pixels"),
    Original("anderson", "fractal:points=1.993", 224, "Anderson and Farrell at b87adf2"),
    Original("fractaldb", "fractal:style=fractaldb,points=1.526", 362, "FractalDB at 1b8fb9f"),
    Original("plasma", "plasma:h=2", 256, "ImageNet-C at 8190fe3, a map for each channel"),
    Original("plasma-rough", "plasma:h=0.971", 256, "ImageNet-C at 8190fe3, the same"),
)


def cues(images: Iterable[npt.NDArray[np.uint8]]) -> Cues:
    """Return the cues of images (height, width, channels); contrast is the mean over channels."""
    return np.array([(image.mean(), image.std(axis=(0, 1)).mean(), (image == 0).mean(),
                      (image == 255).mean()) for image in images])  # fmt: skip


@cache
def original_cues() -> dict[str, Cues]:
    """Read the cues of the originals' images, by name."""
    with _TABLE.open(newline="", encoding="ascii") as file:
        rows = [*csv.reader(file)][1:]
    return {name: np.array([row[1:] for row in group], float)
            for name, group in groupby(rows, key=lambda row: row[0])}  # fmt: skip


def find_photographs(folder: Path | None) -> Sequence[Path]:
    """Return the image files below a folder, or those that the installed packages bring."""
    if folder:
        suffixes = (".jpg", ".jpeg", ".png")
        return sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes)
    found = []
    for package, names in _PACKAGES.items():
        spec = find_spec(package)
        root = Path(spec.origin).parent if spec and spec.origin else Path()
        found += [path for name in names for path in root.glob(f"**/{name}")]
    return found


@cache
def photograph_cues(paths: tuple[Path, ...], size: int) -> tuple[Cues, ...]:
    """Return the cues of square crops at random places, for each photograph that is large enough.

    There are 400 crops or somewhat more: one a photograph if there are so many, else several.
    """
    random = np.random.default_rng(0)
    large = [path for path in paths if _shorter_side(path) >= size]
    large = large[:: max(len(large) // _CROPS, 1)]
    each = -(-_CROPS // max(len(large), 1))
    found = []
    for path in large:
        with Image.open(path) as image:
            pixels = np.array(image.convert("RGB"))
        corners = random.integers(np.subtract(pixels.shape[:2], size - 1), size=(each, 2))
        found.append(cues(pixels[y : y + size, x : x + size] for y, x in corners))
    return tuple(found)


def _shorter_side(path: Path) -> int:
    with Image.open(path) as image:
        return min(image.size)


def separability(images: Cues, photographs: Sequence[Cues], seed: int) -> float:
    """Return the area under the ROC curve on one half of the images and of the photographs.

    A random forest and a logistic regression are fitted to the other half; the higher area counts.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(seed)
    order, shuffled = random.permutation(len(photographs)), random.permutation(images)
    half, middle = len(photographs) // 2, len(images) // 2
    known = np.concatenate([photographs[i] for i in order[:half]])
    held_out = np.concatenate([photographs[i] for i in order[half:]])
    classes = [0] * len(known) + [1] * middle
    truth = [0] * len(held_out) + [1] * (len(images) - middle)
    areas = []
    for classifier in (
        RandomForestClassifier(40, min_samples_leaf=5, class_weight="balanced", random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced")),
    ):
        classifier.fit(np.concatenate([known, shuffled[:middle]]), classes)
        scores = classifier.predict_proba(np.concatenate([held_out, shuffled[middle:]]))[:, 1]
        areas.append(float(roc_auc_score(truth, scores)))
    return max(areas)


@dataclass(frozen=True)
class Comparison:
    """Areas under the curve of the original and of ours, one a halving."""

    original: npt.NDArray[Any]
    ours: npt.NDArray[Any]

    @property
    def difference(self) -> float:
        """Return how much better a classifier separates ours from photographs."""
        return float((self.ours - self.original).mean())

    @property
    def margin(self) -> float:
        """Return half the 95 % interval of the difference.

        Halvings share images, for which Nadeau and Bengio, "Inference for the Generalization
        Error", Machine Learning 52, 2003, correct the variance: 1/n becomes 1/n + 1.
        """
        deviation = float((self.ours - self.original).std(ddof=1))
        return _QUANTILE * deviation * sqrt(1 / HALVINGS + 1)


def compare(original: Original, paths: Sequence[Path]) -> dict[str, Comparison]:
    """Draw our images and return the comparisons, by what the classifier sees."""
    theirs = original_cues()[original.name]
    job = Job(count=len(theirs), size=original.size, family=original.member)
    ours, photographs = cues(job), photograph_cues(tuple(paths), original.size)

    def areas(images: Cues, columns: tuple[int, ...]) -> npt.NDArray[Any]:
        seen = [each[:, columns] for each in photographs]
        return np.array([separability(images[:, columns], seen, i) for i in range(HALVINGS)])

    return {name: Comparison(areas(theirs, columns), areas(ours, columns))
            for name, columns in SETS.items()}  # fmt: skip
