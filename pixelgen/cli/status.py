"""``pixelgen status``: how much of a dataset is there."""

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.begun_change import note_of_begun_change
from pixelgen.cli.command import HeadedCommand, dataset_argument, json_option
from pixelgen.cli.output import pluralize, print_json, print_line, report
from pixelgen.errors import BadValue, shell_path

if TYPE_CHECKING:
    from pixelgen.dataset.plan import Plan
    from pixelgen.job import Job
    from pixelgen.storage import Store


@dataclass(frozen=True, kw_only=True)
class StatusOptions:
    """The options of ``status``."""

    dataset: str
    missing: bool
    total: int | None
    as_json: bool


@click.command(cls=HeadedCommand)
@dataset_argument
@click.option("--missing", is_flag=True,
              help="Print only the partitions to run again, as job arrays take them: 3,7-9."
              )  # fmt: skip
@click.option("--of", "total", type=click.IntRange(1, 1_000_000), metavar="N",
              help="Number of partitions.  [default: that of the runs so far]"
              )  # fmt: skip
@json_option
def status(**values: Any) -> int:
    """Show how much of a dataset exists, and what is missing.

    DATASET is 'negatives' by default. For a finished dataset, compares the names and sizes of all
    files with the disk, and exits with 3 if any is missing.
    """
    from pixelgen.dataset.existing_plan import read_plan
    from pixelgen.dataset.lost_manifest import is_manifest_lost
    from pixelgen.dataset.plan import is_finished
    from pixelgen.dataset.staging import read_new_plan
    from pixelgen.storage import open_store

    options = StatusOptions(**values)
    store = open_store(options.dataset, follows_links=True)
    plan = read_plan(store)
    new = read_new_plan(plan, store)
    begun_count = len(new.job) if new else None
    if is_finished(store, plan.job) or is_manifest_lost(plan.job, store):
        code = _print_finished(plan.job, store, options, begun_count)
    else:
        code = _print_unfinished(plan, store, options, begun_count)
    if new:
        report(note_of_begun_change(plan, new, store))
    return code


def _print_unfinished(
    plan: "Plan", store: "Store", options: StatusOptions, begun_count: int | None
) -> int:
    """Print what the journals say is done, and what is to be run again."""
    from pixelgen.dataset.finish import partitions_missing, totals
    from pixelgen.dataset.journal import replay_journals
    from pixelgen.dataset.partition import ranges

    plan.check_usable(plan.job, store)
    done, runs = replay_journals(store, plan), totals([store])
    if options.missing and options.total is None and len(runs) != 1:
        raise BadValue(
            f"the number of partitions of {store.root} is not recorded there; give --of N"
        )
    total = options.total or (runs.pop() if len(runs) == 1 else 0)
    shards = ",".join(ranges(shard.number for shard in done.missing()))
    again = ",".join(ranges(partitions_missing(done, total))) if total else ""
    if options.as_json:
        print_json({
            "state": "partial",
            "count": len(plan.job),
            "existing": done.images,
            "shards": plan.job.shard_count,
            "shards_missing": done.shards_missing,
            "missing_shards": shards,
            "missing_partitions": again,
            "partitions": total,
            "begun_count": begun_count,
        })  # fmt: skip
        return 0
    if options.missing:
        print_line(again)
        return 0
    print_line(f"{done.images:,} of {pluralize(len(plan.job), 'image')} exist in finished shards")
    if begun_count is not None:
        return 0
    if done.shards_missing:
        print_line(f"missing shards: {shards} ({done.shards_missing:,})")
    else:
        place = shell_path(store.root)
        print_line(f"nothing is missing; to complete it, run: pixelgen finish {place}")
    if again:
        print_line(f"run again: --partition I/{total} for I = {again}")
    return 0


def _print_finished(
    job: "Job", store: "Store", options: StatusOptions, begun_count: int | None
) -> int:
    """Compare a finished dataset with the disk, and print what is there."""
    from pixelgen.dataset.missing_files import COUNTED, describe_missing, missing_files

    missing = list(islice(missing_files(job, store), COUNTED))
    existing = len(job) - sum(each.images for each in missing)
    is_counted = len(missing) < COUNTED
    if options.as_json:
        print_json({
            "state": "damaged" if missing else "complete",
            "count": len(job),
            "existing": existing,
            "shards": job.shard_count,
            "shards_missing": 0,
            "missing_shards": "",
            "missing_partitions": "",
            "partitions": 0,
            "begun_count": begun_count,
            "missing_files": [each.name for each in missing],
            "is_counted": is_counted,
        })  # fmt: skip
    elif options.missing:
        print_line("")
    else:
        most = "" if is_counted else "at most "
        print_line(f"{most}{existing:,} of {pluralize(len(job), 'image')} exist")
    if missing:
        report(f"pixelgen: {describe_missing(job, store, missing)}")
    return 3 if missing else 0
