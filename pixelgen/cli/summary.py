"""The summary of a run, in Markdown, for the page that a CI system shows of a job."""

from typing import TYPE_CHECKING

from pixelgen.cli.output import Progress, human_bytes, pluralize
from pixelgen.errors import BadValue

if TYPE_CHECKING:
    from pixelgen.dataset.writer import Outcome
    from pixelgen.job import Job


def check_summary(path: str) -> None:
    """Make the file if there is none; raise BadValue where nothing can be appended to it."""
    _append(path, "")


def append_summary(
    path: str, job: "Job", outcome: "Outcome", progress: Progress, where: str
) -> None:
    """Append what was made, ``where``, and how fast."""
    rows = {
        "where": f"`{where}`",
        "what": f"{job.width}×{job.height}, {job.format}, {job.remote or job.family}",
        "layout": f"{job.layout}, {pluralize(job.shard_count, 'shard')}",
        "made now": f"{pluralize(outcome.made, 'image')}, {human_bytes(outcome.bytes)}",
        "there before": pluralize(outcome.found, "image"),
        "speed": progress.speed,
        "job": f"`{job.digest[:16]}`",
    }
    lines = [
        f"### pixelgen: {pluralize(outcome.made + outcome.found, 'image')}",
        "",
        "| | |",
        "|-|-|",
    ]
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
