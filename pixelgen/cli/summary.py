"""The summary of a run, in Markdown, for the page that a CI system shows of a job."""

from typing import TYPE_CHECKING

from pixelgen.cli.output import human_bytes, pluralize
from pixelgen.errors import BadValue

if TYPE_CHECKING:
    from pixelgen.dataset.api import Manifest
    from pixelgen.job import Job


def check_summary(path: str) -> None:
    """Make the file if it does not exist; raise BadValue where nothing can be appended to it."""
    _append(path, "")


def append_summary(path: str, job: "Job", manifest: "Manifest", speed: str, where: str) -> None:
    """Append what was made, ``where``, and how fast."""
    image = job.image
    rows = {
        "where": f"`{where}`",
        "what": f"{str(image.size).replace('x', '×')}, {job.format}, {job.remote or image.family}",
        "layout": f"{job.layout}, {pluralize(job.shard_count, 'shard')}",
        "created": f"{pluralize(manifest.created, 'image')}, {human_bytes(manifest.bytes)}",
        "existing": pluralize(manifest.existing, "image"),
        "speed": speed,
        "job": f"`{manifest.id[:16]}`",
    }
    images = pluralize(manifest.created + manifest.existing, "image")
    lines = [f"### pixelgen: {images}", "", "| | |", "|-|-|"]
    lines += [f"| {name} | {_cell(value)} |" for name, value in rows.items()]
    _append(path, "\n".join(lines) + "\n\n")


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def _append(path: str, text: str) -> None:
    from pathlib import Path

    try:
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise BadValue(f"cannot append the summary to {path}: {error.strerror}") from None
