"""``pixelgen repair``: make again what is damaged or missing in a dataset."""

from dataclasses import dataclass
from typing import Any

import click

from pixelgen.cli.begun_change import report_begun_change
from pixelgen.cli.command import (
    HeadedCommand,
    dataset_argument,
    durability_option,
    jobs_option,
    json_option,
    quiet_option,
)
from pixelgen.cli.output import Progress, pluralize, print_json, print_line, report, reporter
from pixelgen.cli.signals import Stop


@dataclass(frozen=True, kw_only=True)
class RepairOptions:
    """The options of ``repair``."""

    dataset: str
    deep: bool
    jobs: int | None
    durability: str
    as_json: bool
    quiet: bool


@click.command(cls=HeadedCommand)
@dataset_argument
@click.option("--deep", is_flag=True, help="Generate every image again and compare it.")
@jobs_option
@durability_option
@json_option
@quiet_option
def repair(**values: Any) -> int:
    """Restore missing or damaged files of a dataset.

    DATASET is 'negatives' by default. Generates the files again, with the same bytes, and prints a
    line for each. Intact files and files that do not belong to the dataset are not changed, nor is
    a dataset of another version. Also finishes an unfinished dataset.
    """
    from pixelgen.dataset.api import repair as repair_dataset
    from pixelgen.dataset.run_config import RunConfig
    from pixelgen.storage import open_store

    options = RepairOptions(**values)
    stop = Stop("the same command finishes it")
    progress = Progress("checked", quiet=options.quiet)
    store = open_store(options.dataset, options.durability)
    checked = repair_dataset(
        store,
        deep=options.deep,
        jobs=options.jobs or 0,
        progress=progress.update,
        run=RunConfig(stopped=lambda: bool(stop), note=reporter(quiet=options.quiet)),
    )
    progress.close()
    if stop:
        return stop.exit_code
    repaired = len({name for name, _ in checked.damage})
    if options.as_json:
        files = [{"file": name, "what": what} for name, what in checked.damage]
        print_json({"state": "complete", "count": checked.count, "repaired": files})
    else:
        for name, what in checked.damage:
            print_line(f"{name}: {what}; repaired")
    if not options.quiet:
        verdict = f"{pluralize(repaired, 'file')} repaired" if repaired else "no damage found"
        report(f"{checked.count:,} images checked, {verdict} ({progress.speed})")
        report_begun_change(store)
    return 0
