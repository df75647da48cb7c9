"""The rows of the manifest: what is told of each image, as one JSON object in a line.

A row hangs on nothing but the job, the index, and the size and hash of the file, so it can be told
beforehand but for those two; where images are fetched, also on what came. Its keys are the same in
every row and none is null: that is what lets pandas, Hugging Face datasets, polars and jq take the
file as it is. The seed is hexadecimal text, the one form that none of them turns into a float.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Protocol

from pixelgen.formats import Format
from pixelgen.generator import Generator, Picture
from pixelgen.layouts import DatasetInfo, ImageRecord
from pixelgen.layouts.dataset_info import Row
from pixelgen.layouts.layout import Layout

_SHA256 = re.compile("[0-9a-f]{64}")
FETCHED = ("mode", "depth", "host", "id", "status")
"""The columns of a fetched image: Pillow's mode, bits a level, and where it came from under which
id (`""` if it came at once) with which status."""


class Told(Picture, Protocol):
    """What a row must know of a job besides; see :class:`pixelgen.job.Job`."""

    @property
    def format(self) -> Format:
        """What the files are."""

    @property
    def layout(self) -> Layout:
        """Where they go."""

    @property
    def label(self) -> str | None:
        """The class that the user named."""

    @property
    def remote(self) -> str:
        """The endpoint that the images are fetched from; '' if they are made here."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The folders of images that families take."""

    @property
    def info(self) -> DatasetInfo:
        """The images."""


def row_writer(job: Told) -> Row:
    """Return the function that writes a row's line from index, size in bytes and SHA-256."""
    before: dict[str, object] = {"width": job.width, "height": job.height}
    if not job.remote:
        before |= {"mode": job.mode, "depth": job.depth}
    head = members(before | {"format": job.format.name.upper()})
    origin = _remote_writer(job) if job.remote else _origin_writer(job)
    group = _group_writer(job)
    location, info = job.layout.container.location, job.info

    def row(image_record: ImageRecord) -> bytes:
        # Names are plain ASCII by construction, and json.dumps would take longer than all the rest.
        index, size, sha256, _ = image_record
        place = ",".join(f'"{column}":"{name}"' for column, name in location(info, index).items())
        digest = f'"sha256":"{sha256}",' if sha256 else ""
        told = f'"index":{index},{group(index)}{head},"bytes":{size},{digest}{origin(image_record)}'
        return f"{{{place},{told}}}\n".encode()

    return row


def _group_writer(job: Told) -> Callable[[int], str]:
    """Return the function that writes what an image belongs to: its class and its split, if any."""
    label, split = f'"label":"{job.label}",' if job.label else "", job.info.split
    if not job.info.splits:
        return lambda _: label
    return lambda index: f'{label}"split":"{split(index)}",'


def _remote_writer(job: Told) -> Callable[[ImageRecord], str]:
    """Return the function that writes where an image was fetched from, and what it turned out."""
    asked: dict[str, object] = {"generator": "pixlab"}
    if job.color is not None:
        asked["color"] = str(job.color)
    head = members(asked)
    return lambda image_record: f"{head},{image_record.origin}" if image_record.origin else head


def _origin_writer(job: Told) -> Callable[[ImageRecord], str]:
    """Return the function that writes what an image was made of: one text for all, if it can."""
    generator = Generator(job)

    def write(image_record: ImageRecord) -> str:
        family, density, source = generator.origin(image_record.number)
        columns: dict[str, object] = {"generator": family}
        if job.sources:
            columns["source"] = source
        columns["seed"] = hex(job.seed)
        if job.color is not None:
            columns |= {"color": str(job.color), "density": density}
        return members(columns)

    if not job.family.is_fixed or job.sources:
        return write
    always = write(ImageRecord(0, 0, "", ""))
    return lambda _: always


def is_sha256(text: str) -> bool:
    """Return whether a text is a SHA-256 as rows and sums have it."""
    return bool(_SHA256.fullmatch(text))


def is_origin(text: str) -> bool:
    """Return whether a text is the origin of a fetched image, to the letter, and nothing else."""
    try:
        return origin_of(json.loads(f"{{{text}}}")) == text
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def origin_of(row: Mapping[str, object]) -> str:
    """Return the origin of a fetched image as its row tells it."""
    return members({column: row[column] for column in FETCHED})


def members(values: Mapping[str, object]) -> str:
    """Spell the members of a JSON object, without its braces."""
    return json.dumps(values, separators=(",", ":"))[1:-1]
