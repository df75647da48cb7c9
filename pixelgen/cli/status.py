"""``pixelgen status``: how much of a dataset is there."""

from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.output import emit, emit_json, pluralize, report
from pixelgen.errors import BadValue, shell_path

if TYPE_CHECKING:
    from pixelgen.job import Job
    from pixelgen.storage import Store


@click.command()
@click.argument("directory", default="negatives", metavar="SET")
@click.option("--missing", is_flag=True,
              help="Print nothing but the numbers I whose --shard I/N is to be run again, as job"
                   " arrays take them: 3,7-9.")  # fmt: skip
@click.option("--of", "total", type=click.IntRange(1, 1_000_000), metavar="N",
              help="In how many shards it is made.  [default: what the runs there were told]"
              )  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def status(directory: str, missing: bool, total: int | None, as_json: bool) -> int:
    """Tell how much of a set ('negatives' if none is named) is there, and what is missing.

    Of a finished set the names and sizes of all files are compared with the disk; exits with 3 if
    any is missing.
    """
    from pixelgen.dataset.finish import partitions_missing, planned_job, totals
    from pixelgen.dataset.journal import is_finished, look
    from pixelgen.dataset.partition import ranges
    from pixelgen.storage import open_store

    store = open_store(directory)
    job = planned_job([store])
    if is_finished(store, job):
        return _finished_status(job, store, as_json=as_json, quiet=missing)
    done, runs = look(store, job), totals([store])
    if missing and total is None and len(runs) != 1:
        raise BadValue(f"{store.root} does not tell in how many shards it is made; give --of N")
    of = total or (runs.pop() if len(runs) == 1 else 0)
    facts: dict[str, Any] = {
        "status": 202,
        "count": job.count,
        "found": done.images,
        "shards": job.shard_count,
        "shards_missing": done.shards_missing,
        "missing_shards": ",".join(ranges(shard.number for shard in done.missing())),
        "missing_jobs": ",".join(ranges(partitions_missing(done, of))) if of else "",
        "of": of,
    }
    if as_json:
        emit_json(facts)
    elif missing:
        emit(facts["missing_jobs"])
    else:
        _tell(facts, store.root)
    return 0


def _finished_status(job: "Job", store: "Store", *, as_json: bool, quiet: bool) -> int:
    """Compare a finished set with the disk, and say what is there."""
    from pixelgen.dataset.missing_files import COUNTED, describe_missing, missing_files

    lost = list(islice(missing_files(job, store), COUNTED))
    found = job.count - sum(each.images for each in lost)
    is_counted = len(lost) < COUNTED
    if as_json:
        emit_json({
            "status": 409 if lost else 200, "count": job.count, "found": found,
            "shards": job.shard_count, "shards_missing": 0, "missing_shards": "",
            "missing_jobs": "", "of": 0, "missing_files": [each.name for each in lost],
            "is_counted": is_counted,
        })  # fmt: skip
    elif quiet:
        emit("")
    else:
        most = "" if is_counted else "at most "
        emit(f"{most}{found:,} of {pluralize(job.count, 'image')} are there")
    if lost:
        report(f"pixelgen: {describe_missing(job, store, lost)}")
    return 3 if lost else 0


def _tell(facts: dict[str, Any], root: str) -> None:
    emit(f"{facts['found']:,} of {pluralize(facts['count'], 'image')} are there")
    if facts["shards_missing"]:
        emit(f"missing shards: {facts['missing_shards']} ({facts['shards_missing']:,})")
    if facts["missing_jobs"]:
        emit(f"to be run again: --shard I/{facts['of']} for I = {facts['missing_jobs']}")
    if facts["status"] == 202 and not facts["shards_missing"]:
        emit(f"nothing is missing; to complete it, run: pixelgen finish {shell_path(root)}")
