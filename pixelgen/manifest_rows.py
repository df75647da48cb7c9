"""The rows of the manifest: what is said of each image, as one JSON object in a line.

A row depends on nothing but the job, the index, and the size and hash of the file; where images
are fetched, also on what came. Its keys are the same in every row and none is null: so pandas,
Hugging Face datasets, polars and jq take the file as it is. The seed is hexadecimal text, the one
form that none of them turns into a float.
"""

import json
import re
from collections.abc import Callable, Mapping

from pixelgen.generator import Generator, ImageSpec
from pixelgen.layouts import Container, DatasetInfo, ImageRecord
from pixelgen.layouts.dataset_info import Row
from pixelgen.rng import Stream
from pixelgen.source_images import SourceCatalog

_SHA256 = re.compile("[0-9a-f]{64}")
FETCHED = ("mode", "depth", "host", "id", "status")
"""The columns of a fetched image: Pillow's mode, bits a level, and where it came from under which
id (`""` if it came at once) with which status."""


def row_writer(
    spec: ImageSpec, info: DatasetInfo, container: Container, sources: SourceCatalog
) -> Row:
    """Return the function that writes the line of an image that is generated."""
    shape = _shape_writer(spec, {"mode": spec.mode, "depth": spec.depth})
    return _writer(info, container, shape, _generated_columns(spec, sources))


def fetched_row_writer(spec: ImageSpec, info: DatasetInfo, container: Container) -> Row:
    """Return the function that writes the line of an image that is fetched.

    Mode and depth are what came.
    """
    return _writer(info, container, _shape_writer(spec, {}), _fetched_columns(spec))


def name_row_writer(spec: ImageSpec, info: DatasetInfo, container: Container) -> Row:
    """Return the function that writes lines without what images are made of.

    They are enough for the names of the files that are made of rows.
    """
    shape = members({"width": spec.width, "height": spec.height})
    return _writer(info, container, lambda _: shape, lambda _: '"generator":""')


def _writer(
    info: DatasetInfo,
    container: Container,
    shape: Callable[[int], str],
    origin: Callable[[ImageRecord], str],
) -> Row:
    """Return the function that writes a line from index, size in bytes and SHA-256."""
    head = members({"format": info.format.upper()})
    group = _group_writer(info)
    location = container.location(info)

    def row(image_record: ImageRecord) -> bytes:
        # Names are plain ASCII by construction, and json.dumps would take longer than all the rest.
        index, size, sha256, _ = image_record
        digest = f'"sha256":"{sha256}",' if sha256 else ""
        what = f'"index":{index},{group(index)}{shape(index)},{head},"bytes":{size},{digest}'
        return f"{{{location(index)},{what}{origin(image_record)}}}\n".encode()

    return row


def _shape_writer(spec: ImageSpec, others: Mapping[str, object]) -> Callable[[int], str]:
    """Return the function that writes an image's sides and other columns: one text if it can."""
    stream = Stream(spec.seed)

    def write(index: int) -> str:
        shape = spec.shape_at(index, stream)
        return members({"width": shape.width, "height": shape.height, **others})

    if not spec.size.is_fixed:
        return write
    always = write(0)
    return lambda _: always


def _group_writer(info: DatasetInfo) -> Callable[[int], str]:
    """Return the function that writes the class and the split of an image, if it has any."""
    label, split = f'"label":"{info.label}",' if info.label else "", info.split
    if not info.splits:
        return lambda _: label
    return lambda index: f'{label}"split":"{split(index)}",'


def _fetched_columns(spec: ImageSpec) -> Callable[[ImageRecord], str]:
    """Return the function that writes where an image was fetched from, and what came."""
    columns: dict[str, object] = {"generator": "pixlab"}
    if spec.color is not None:
        columns["color"] = str(spec.color)
    head = members(columns)
    return lambda record: f"{head},{record.origin}" if record.origin else head


def _generated_columns(spec: ImageSpec, sources: SourceCatalog) -> Callable[[ImageRecord], str]:
    """Return the function that writes what an image is made of: one text for all, if it can."""
    generator = Generator(spec, sources)
    selection = sources.selection
    sources_read = [each.image_source for each in spec.family.families if each.image_source]
    has_crops = any(each.room for each in sources_read)

    def write(record: ImageRecord) -> str:
        family, density, part = generator.origin(record.number)
        columns: dict[str, object] = {"generator": family}
        if sources_read:
            columns["source"] = part.name
        if has_crops:
            columns |= {f"crop_{side}": value for side, value in part.window._asdict().items()}
        columns["seed"] = hex(spec.seed)
        if spec.color is not None:
            columns |= {"color": str(spec.color), "density": density}
        if selection:
            columns |= selection.images[record.number]._asdict()
        return members(columns)

    if not spec.family.is_fixed or sources_read or selection:
        return write
    always = write(ImageRecord(0, 0, "", ""))
    return lambda _: always


def is_sha256(text: str) -> bool:
    """Return whether a text is a SHA-256 as rows and checksum lines have it."""
    return bool(_SHA256.fullmatch(text))


def is_origin(text: str) -> bool:
    """Return whether a text is the origin of a fetched image, to the letter, and nothing else."""
    try:
        return origin_of(json.loads(f"{{{text}}}")) == text
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def origin_of(row: Mapping[str, object]) -> str:
    """Return the origin of a fetched image as its row says."""
    return members({column: row[column] for column in FETCHED})


def members(values: Mapping[str, object]) -> str:
    """Return the members of a JSON object as text, without its braces."""
    return json.dumps(values, separators=(",", ":"))[1:-1]
