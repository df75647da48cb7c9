"""Read negatives and photographs: gray images, from packages, folders and pixelgen's datasets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

import pixelgen
from pixelgen import Job
from pixelgen.dataset.plan import PLAN
from pixelgen.errors import BadValue
from pixelgen.scoring.candidates import JobCandidates
from pixelgen.scoring.fingerprint import fingerprint

Gray = npt.NDArray[np.uint8]
"""Gray images of one size: (height, width), or (images, height, width)."""

SIDE = 25  # pixels of a patch: the faces of scikit-image have 25x25
LARGEST_DATASET = 10_000  # images that are read; of a larger dataset, so many at random
_LONGEST = 640  # pixels of a photograph's longer side; a larger one is reduced
_SHORTEST = 2 * SIDE
_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
_PACKAGED = (
    "brick", "camera", "chelsea", "clock", "coffee", "coins", "grass", "gravel",
    "hubble_deep_field", "moon", "page", "retina", "rocket", "text",
)  # fmt: skip


@dataclass(frozen=True)
class Negatives:
    """Negatives to compare: the path they were read from, and patches of 25x25."""

    name: str
    patches: Gray


@dataclass(frozen=True)
class Rendered:
    """Patches of 25x25 that were rendered, with the family and the fingerprint of each image."""

    patches: Gray
    families: Sequence[str]
    fingerprints: Sequence[int]


def read_negatives(path: str) -> Negatives:
    """Read a dataset of pixelgen, or a folder of images with the folders in it.

    Each image is reduced or enlarged to 25x25 as a whole.

    Raises:
        BadValue: Where there are no images, or a file is not one.
        PixelgenError: Where a dataset is not finished, or damaged.
    """
    if Path(path).is_dir() and not (Path(path) / PLAN).exists():
        files = _list_images(Path(path))
        images: Iterable[Image.Image] = (_open_image(files[i]) for i in _choose(len(files)))
    else:
        loaded = pixelgen.load(path).images
        images = (_to_image(loaded[index]) for index in _choose(len(loaded)))
    return Negatives(path, np.stack([_to_patch(image) for image in images]))


def render_patches(job: Job) -> Rendered:
    """Render the images of a job, and reduce or enlarge each to 25x25.

    Raises:
        BadValue: Where images of the user's cannot be read.
    """
    families, images = zip(*JobCandidates(job).read(range(len(job))), strict=True)
    patches = np.stack([_to_patch(_to_image(image)) for image in images])
    return Rendered(patches, families, [*map(fingerprint, images)])


def read_photographs(folder: str) -> list[Gray]:
    """Return the photographs of scikit-image and scikit-learn, and those of a folder, if any.

    Raises:
        BadValue: Where a folder has no images, a file is not one, or is too small.
    """
    import skimage.data
    from sklearn.datasets import load_sample_images

    packaged = [getattr(skimage.data, name)() for name in _PACKAGED]
    packaged += [skimage.data.stereo_motorcycle()[0], *load_sample_images().images]
    photographs = [_to_photograph(_to_image(each)) for each in packaged]
    for path in _list_images(Path(folder)) if folder else ():
        image = _open_image(path)
        if min(image.size) < _SHORTEST:
            raise BadValue(
                f"photograph {path} has {image.width}x{image.height} pixels: each side must be at"
                f" least {_SHORTEST}; move smaller images to another folder"
            )
        photographs.append(_to_photograph(image))
    return photographs


def cut_crops(photograph: Gray, count: int, rng: np.random.Generator) -> Gray:
    """Cut square crops at random places, reduced to 25x25.

    The logarithm of a crop's side is uniform between those of 25 and of half the shorter side.
    """
    image = Image.fromarray(photograph)
    longest = max(SIDE, min(image.size) // 2)
    crops = np.empty((count, SIDE, SIDE), np.uint8)
    for index in range(count):
        side = SIDE * (longest / SIDE) ** rng.random()
        left, top = (rng.random() * (length - side) for length in image.size)
        box = (left, top, left + side, top + side)
        crops[index] = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box))
    return crops


def resize(patches: Gray, side: int) -> Gray:
    """Return patches of another side."""
    if patches.shape[1:] == (side, side):
        return patches
    sizes = ((side, side), Image.Resampling.BICUBIC)
    return np.stack([np.asarray(Image.fromarray(each).resize(*sizes)) for each in patches])


def _list_images(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not files:
        problem = "has no images" if folder.is_dir() else "is not a folder"
        raise BadValue(
            f"{folder} {problem}: give a folder with files that end in {', '.join(_SUFFIXES)}"
        )
    return files


def _choose(count: int) -> Sequence[int]:
    """Return the indices of images to read: all, or the most that are read at random."""
    if count <= LARGEST_DATASET:
        return range(count)
    return [*map(int, np.random.default_rng(0).choice(count, LARGEST_DATASET, replace=False))]


def _open_image(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert("L")
    except OSError as error:
        raise BadValue(f"{path} is not an image that can be read ({error}); remove it") from None


def _to_image(pixels: npt.NDArray[np.unsignedinteger]) -> Image.Image:
    """Return the gray image of pixels (height, width) or (height, width, channels)."""
    levels = (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels
    has_one_channel = levels.ndim == 3 and levels.shape[2] == 1
    return Image.fromarray(levels[:, :, 0] if has_one_channel else levels).convert("L")


def _to_patch(image: Image.Image) -> Gray:
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _to_photograph(image: Image.Image) -> Gray:
    image.thumbnail((_LONGEST, _LONGEST), Image.Resampling.BICUBIC)
    return np.asarray(image)
