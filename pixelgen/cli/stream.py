"""``pixelgen generate -o -``: images to standard output, without a dataset on disk."""

import sys
from typing import TYPE_CHECKING

from pixelgen.cli.output import write
from pixelgen.cli.remote import fetcher
from pixelgen.errors import BadValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixelgen.cli.generate_options import GenerateOptions
    from pixelgen.formats import Data
    from pixelgen.job import Job


def write_stream(job: "Job", options: "GenerateOptions") -> int:
    """Write the image, or a tar stream of all, to standard output."""
    from pixelgen.dataset.tar_stream import stream

    for name, value in (
        ("--engine", options.engine not in ("local", "serial")),
        ("--dry-run", options.dry_run),
        ("--json", options.as_json),
        ("--force", options.force),
        ("--partition", options.partition),
        ("--summary", options.summary),
    ):
        if value:
            raise BadValue(
                f"{name} needs a directory and cannot be combined with standard output (-o -)"
            )
    job = job.scan_sources(skip_damaged=options.skip_damaged)
    if sys.stdout is not None and sys.stdout.isatty():
        raise BadValue("standard output is a terminal: send the image to a file or a pipe")
    if job.remote:
        source = fetcher(job, options, lambda *_: None, lambda: False)
        images: Iterator[tuple[Data, str]] = (
            (image.data, image.origin) for _, image in source.images(job.indices)
        )
    else:
        images = ((data, "") for data in map(job.maker(), job.indices))
    for data in stream(job, images):  # signals end this at once: a stream has nothing to keep
        write(data)
    return 0
