"""``pixelgen finish``: make one dataset of what many runs made, each a portion."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pixelgen.dataset.partition import Partition

from pixelgen.cli.output import (
    emit_json,
    emit_path,
    pluralize,
    report,
    tell_loaders,
)


def parse_partition(text: str) -> "Partition":
    """Return the portion that --shard names: I/N, or of a task of a Slurm job array."""
    import os

    from pixelgen.dataset.partition import Partition

    return Partition.of_slurm(os.environ) if text == "slurm" else Partition.parse(text)


@click.command()
@click.argument("directories", nargs=-1, required=True, metavar="SET…")
@click.option("--durability", type=click.Choice(["commit", "none", "each"]), default="commit",
              show_default=True, help="Against power cuts; as of 'generate'.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing on stderr but errors.")
def finish(directories: tuple[str, ...], durability: str, as_json: bool, quiet: bool) -> int:
    """Make one set of what runs with --shard have made; no image is made here.

    Of several places, what the others hold is copied to the first, which may be new. Exits 1 where
    a shard is missing, and names it. Prints the path of the manifest, which is written last.
    """
    from pixelgen.dataset.finish import finish as end
    from pixelgen.dataset.finish import planned_job
    from pixelgen.storage import open_store

    places = [open_store(each, durability) for each in directories]
    job = planned_job(places)
    outcome = end(job, places)
    link = places[0].path(job.manifest)
    if not quiet:
        report(f"{pluralize(job.count, 'image')}, complete")
        tell_loaders(job, places[0], None)
    if as_json:
        emit_json({"status": 200, "id": job.digest, "link": link, "count": job.count,
                   "brought": outcome.made})  # fmt: skip
    else:
        emit_path(link)
    return 0
