"""``pixelgen verify``: check a finished dataset."""

from typing import Any

import click

from pixelgen.cli.output import Progress, emit, emit_json, report
from pixelgen.cli.signals import Stop


@click.command()
@click.argument("directory", default="negatives", metavar="SET")
@click.option("--deep", is_flag=True, help="Make every image again and compare its bytes.")
@click.option("-j", "--jobs", type=click.IntRange(1), help="Worker processes.")
@click.option("--max-errors", type=click.IntRange(1), default=1000, show_default=True,
              help="Stop when so much damage was found.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing on stderr but errors.")
def verify(**options: Any) -> int:
    """Check a finished set ('negatives' if none is named): rows, sizes and SHA-256 of every file.

    Files that are not of the set are left out. Prints a line for each damaged file as it is found;
    exits 3 if there is any. Of a set made with --checksum none only --deep sees all.
    """
    from pixelgen.dataset.verify import check, finished_plan
    from pixelgen.dataset.writer import Run
    from pixelgen.storage import open_store

    store, most = open_store(options["directory"]), options["max_errors"]
    stop = Stop("verify again")
    plan = finished_plan(store)
    progress = Progress(plan.job.count, "checked", quiet=options["quiet"])
    run = Run(jobs=options["jobs"] or 0, stopped=lambda: bool(stop))
    found: list[dict[str, str]] = []
    count = 0
    for checked in check(plan, store, run, deep=options["deep"], most=most):
        progress.update(checked.images, checked.bytes)
        for name, what in checked.damage[: most - count]:
            count += 1
            if options["as_json"]:
                found.append({"file": name, "what": what})
            else:
                progress.clear()
                emit(f"{name}: {what}")
        if count == most:
            break
    progress.close()
    if stop:
        return stop.exit_code
    if options["as_json"]:
        status = 409 if count else 200
        stopped = count == most
        emit_json({"status": status, "count": plan.job.count, "damage": found, "stopped": stopped})
    if not options["quiet"]:
        report(_verdict(plan.job.count, count, progress, most))
    return 3 if count else 0


def _verdict(images: int, damaged: int, progress: Progress, most: int) -> str:
    """Say what a check came to."""
    if damaged == most:
        return f"{damaged:,} damaged, and the check stopped there (see --max-errors)"
    verdict = f"{damaged:,} damaged" if damaged else "all well"
    return f"{images:,} images checked, {verdict} ({progress.speed})"
