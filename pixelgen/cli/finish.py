"""``pixelgen finish``: make one dataset of what many runs made, each a partition."""

from dataclasses import dataclass
from typing import Any

import click

from pixelgen.cli.begun_change import report_begun_change
from pixelgen.cli.command import (
    HeadedCommand,
    HomePath,
    durability_option,
    json_option,
    quiet_option,
)
from pixelgen.cli.output import pluralize, print_json, print_path, report, report_loader_calls


@dataclass(frozen=True, kw_only=True)
class FinishOptions:
    """The options of ``finish``."""

    datasets: tuple[str, ...]
    durability: str
    as_json: bool
    quiet: bool


@click.command(cls=HeadedCommand)
@click.argument("datasets", nargs=-1, required=True, metavar="DATASET…", type=HomePath())
@durability_option
@json_option
@quiet_option
def finish(**values: Any) -> int:
    """Join the partitions of a dataset into one.

    Generates no image. Several directories are copied into the first, which may be new. Exits with
    1 and names the shards if any are missing. Prints the path of the manifest.
    """
    from pixelgen.dataset.finish import finish as finish_dataset
    from pixelgen.dataset.finish import read_common_plan
    from pixelgen.storage import open_store

    options = FinishOptions(**values)
    places = [open_store(each, options.durability) for each in options.datasets]
    plan = read_common_plan(places)
    outcome = finish_dataset(plan, places)
    job, manifest = plan.job, places[0].path(plan.job.manifest)
    if not options.quiet:
        report(f"{pluralize(len(job), 'image')}, complete")
        report_loader_calls(job, places[0], None)
        report_begun_change(places[0])
    if options.as_json:
        print_json({
            "state": "complete",
            "id": plan.digest,
            "manifest": manifest,
            "count": len(job),
            "copied": outcome.created,
        })  # fmt: skip
    else:
        print_path(manifest)
    return 0
