"""Options of ``generate`` that change nothing beside the others: each is noted."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixelgen.cli.generate_options import GenerateOptions
    from pixelgen.job import Job

_WITH_NUMBERS = {"webdataset", "tfrecord"}
_WITH_IDS = {"coco", "roboflow"}


def notes_of_unused_options(job: "Job", options: "GenerateOptions") -> Iterator[str]:
    """Yield a line for each option that was given and has no effect."""
    names = {each.name for each in job.layout.components}
    if options.label_number is not None and not names & _WITH_NUMBERS:
        yield (
            f"note: --label has no effect: layout {job.layout} has no class numbers, as webdataset"
            " and tfrecord have"
        )
    if options.first_id is not None and not names & _WITH_IDS:
        yield (
            f"note: --first-id has no effect: layout {job.layout} has no ids; to have them, write"
            " --layout coco"
        )
    if options.dry_run and options.partition is not None:
        yield "note: --partition has no effect on --dry-run, which shows all partitions together"
    if options.dry_run and options.summary is not None:
        yield "note: --summary has no effect on --dry-run, which writes nothing"
