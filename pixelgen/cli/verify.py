"""``pixelgen verify``: check a finished dataset."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.begun_change import report_begun_change
from pixelgen.cli.command import (
    HeadedCommand,
    dataset_argument,
    jobs_option,
    json_option,
    quiet_option,
)
from pixelgen.cli.output import Progress, pluralize, print_json, print_line, report, reporter
from pixelgen.cli.signals import Stop

if TYPE_CHECKING:
    from pixelgen.dataset.run_config import Damage


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """The options of ``verify``."""

    dataset: str
    deep: bool
    jobs: int | None
    max_errors: int
    as_json: bool
    quiet: bool


@click.command(cls=HeadedCommand)
@dataset_argument
@click.option("--deep", is_flag=True, help="Generate every image again and compare it.")
@click.option("--max-errors", type=click.IntRange(1), metavar="N", default=1000, show_default=True,
              help="Stop after this many.")  # fmt: skip
@jobs_option
@json_option
@quiet_option
def verify(**values: Any) -> int:
    """Check every file of a finished dataset.

    DATASET is 'negatives' by default. Compares the rows of the manifest, sizes and SHA-256, and
    ignores files that do not belong to the dataset. Prints a line for each damaged file, and exits
    with 3 if there are any. For a dataset made with --checksum none, only --deep finds all damage.
    """
    from pixelgen.dataset.api import verify as verify_dataset
    from pixelgen.dataset.run_config import RunConfig
    from pixelgen.storage import open_store

    options = VerifyOptions(**values)
    stop, progress = Stop("verify again"), Progress("checked", quiet=options.quiet)

    def print_damage(damage: "Damage") -> None:
        if not options.as_json:
            progress.clear()
            print_line(f"{damage.name}: {damage.what}")

    run = RunConfig(
        jobs=options.jobs or 0,
        note=reporter(quiet=options.quiet),
        progress=progress.update,
        stopped=lambda: bool(stop),
        on_damage=print_damage,
        max_damage=options.max_errors,
    )
    checked = verify_dataset(options.dataset, deep=options.deep, run=run)
    progress.close()
    if stop:
        return stop.exit_code
    damaged = len(checked.damage)
    if checked.links and not options.quiet:
        report(f"followed {pluralize(checked.links, 'symbolic link')}")
    if options.as_json:
        print_json({
            "state": "damaged" if damaged else "complete",
            "count": checked.count,
            "damage": [{"file": name, "what": what} for name, what in checked.damage],
            "stopped": damaged == options.max_errors,
            "links": checked.links,
        })  # fmt: skip
    if not options.quiet:
        report(_verdict(checked.count, damaged, progress, options.max_errors))
        report_begun_change(open_store(options.dataset, follows_links=True))
    return 3 if damaged else 0


def _verdict(images: int, damaged: int, progress: Progress, most: int) -> str:
    """Return what a check came to, in a line."""
    if damaged == most:
        return f"{damaged:,} damaged, and the check stopped there (see --max-errors)"
    verdict = f"{damaged:,} damaged" if damaged else "no damage found"
    return f"{images:,} images checked, {verdict} ({progress.speed})"
