"""Contact sheets of a dataset, or of families before a dataset is made."""

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pixelgen.errors import Conflict, shell_path
from pixelgen.formats.uncompressed import npy_header, npy_type
from pixelgen.generator import Generator
from pixelgen.image_types import Pixels, Shape
from pixelgen.job import Job
from pixelgen.source_images import UnusableImage, decode
from pixelgen.storage import Store

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

_GAP = 6
_CAPTION = 16
_PAPER, _INK = (24, 24, 27), (212, 212, 216)
_CHECKER = ((153, 153, 153), (102, 102, 102))
_CHECKER_SIDE = 8


class Tile(NamedTuple):
    """An image and its caption."""

    caption: str
    image: "Image"


def tiles_of_dataset(job: Job, store: Store, count: int) -> Iterator[Tile]:
    """Read the first images of a dataset from its files.

    Raises:
        Conflict: For an image that is missing or damaged.
    """
    try:
        yield from _read_tiles(job, store, min(count, len(job)))
    except FileNotFoundError as error:
        raise Conflict(
            f"{error.filename} is missing; to see what else is, run: pixelgen status"
            f" {shell_path(store.root)}"
        ) from None


def _read_tiles(job: Job, store: Store, count: int) -> Iterator[Tile]:
    images = chain.from_iterable(
        job.layout.container.read(store, job.info, shard)
        for shard in map(job.shard, range(-(-count // job.shard_size)))
    )
    for index, data in zip(job.indices[:count], images, strict=False):
        name = job.info.file(index)
        try:
            yield Tile(name, _decode(data, job.image.shape_at(index), job))
        except UnusableImage as error:
            raise Conflict(
                f"{name} cannot be shown: it is {error}; to check whether it has changed, run:"
                f" pixelgen verify {shell_path(store.root)}"
            ) from None


def tiles_of_job(job: Job) -> Iterator[Tile]:
    """Render the images of a job, without files, each over the name of its family."""
    generator = Generator(job.image, job.sources)
    for index in job.indices:
        yield Tile(generator.origin(index).family, _to_image(generator.render(index).pixels))


def sheet(tiles: Sequence[Tile], columns: int, side: int) -> "Image":
    """Lay the tiles out in rows, each scaled into a square of ``side`` pixels, with captions."""
    from PIL import Image
    from PIL.ImageDraw import Draw

    columns = max(1, min(columns, len(tiles)))
    step = side + _GAP, side + _CAPTION + _GAP
    rows = -(-len(tiles) // columns)
    paper = Image.new("RGB", (columns * step[0] + _GAP, rows * step[1] + _GAP), _PAPER)
    draw = Draw(paper)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        left, top = _GAP + column * step[0], _GAP + row * step[1]
        fitted = fit(tile.image, side)
        paper.paste(fitted, (left + (side - fitted.width) // 2, top + (side - fitted.height) // 2))
        draw.text((left, top + side + 2), _shortened(tile.caption, draw, side), _INK)
    return paper


def _shortened(caption: str, draw: "ImageDraw", width: int) -> str:
    """Cut a caption that is wider than its tile."""
    if draw.textlength(caption) <= width:
        return caption
    while caption and draw.textlength(caption + "..") > width:
        caption = caption[:-1]
    return caption + ".."


def fit(image: "Image", side: int) -> "Image":
    """Scale an image to fit a square, picking pixels (averages would turn noise into gray)."""
    from PIL import Image

    scale = side / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    return _flat(image).resize((width, height), Image.Resampling.NEAREST)


def _flat(image: "Image") -> "Image":
    """Show transparency as a checkerboard, as editors do."""
    if image.mode not in ("RGBA", "LA"):
        return image.convert("RGB")
    from PIL import Image

    rows, columns = np.indices((image.height, image.width)) // _CHECKER_SIDE
    board = np.array(_CHECKER, np.uint8)[(rows + columns) % 2]
    flat = Image.fromarray(board)
    flat.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return flat


def _decode(data: bytes, shape: Shape, job: Job) -> "Image":
    """Decode an image of a dataset; raise UnusableImage for any other, whatever it claims."""
    if job.format.name == "npy":
        return _to_image(_read_npy(data, shape))
    image = decode(data, (shape.width, shape.height))
    if image.mode.startswith("I"):  # 16-bit gray: show the high bytes
        return _to_image(np.asarray(image).astype(np.uint16)[..., None])
    return image


def decode_image(data: bytes, shape: Shape, job: Job) -> Pixels:
    """Return the pixels of an image of a dataset that has a shape, (height, width, channels).

    They are uint8, as Pillow decodes them; in format npy also uint16.

    Raises:
        UnusableImage: For any other image, whatever it claims to be.
    """
    if job.format.name == "npy":
        return _read_npy(data, shape)
    image = decode(data, (shape.width, shape.height))
    if image.mode not in ("L", "LA", "RGB", "RGBA") and not image.mode.startswith("I"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    pixels: Pixels = np.asarray(image)
    if image.mode.startswith("I"):  # 16-bit gray
        pixels = pixels.astype(np.uint16)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _read_npy(data: bytes, shape: Shape) -> Pixels:
    """Read numpy's file of an image's levels, whose header must be that of its shape."""
    header = npy_header(shape.levels, shape.depth)
    size = math.prod(shape.levels) * shape.depth // 8
    if not data.startswith(header) or len(data) != len(header) + size:
        raise UnusableImage("not an array of this dataset")
    levels: Pixels = np.frombuffer(data, npy_type(shape.depth), offset=len(header))
    return levels.reshape(shape.levels)


def _to_image(pixels: Pixels) -> "Image":
    """Convert pixels to a Pillow image; of 16-bit levels, the high bytes."""
    from PIL import Image

    high = (pixels >> 8).astype(np.uint8) if pixels.dtype.itemsize == 2 else pixels
    return Image.fromarray(high[..., 0] if high.shape[2] == 1 else high)
