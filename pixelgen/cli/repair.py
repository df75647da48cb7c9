"""``pixelgen repair``: remake what is damaged or missing in a dataset."""

from typing import Any

import click

from pixelgen.cli.output import (
    Progress,
    emit,
    emit_json,
    report,
)
from pixelgen.cli.signals import Stop


@click.command()
@click.argument("directory", default="negatives", metavar="SET")
@click.option("--deep", is_flag=True, help="Make every image again and compare its bytes.")
@click.option("-j", "--jobs", type=click.IntRange(1), help="Worker processes.")
@click.option("--durability", type=click.Choice(["commit", "none", "each"]), default="commit",
              show_default=True, help="Against power cuts; as of 'generate'.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing on stderr but errors.")
def repair(**options: Any) -> int:
    """Remake what 'verify' finds damaged or missing in a set ('negatives' if none is named).

    It is made from its job, to the same bytes. Touches nothing that is right, and no file that is
    not of the set. Prints a line for each file that it remade. Finishes a set that is in the
    making. Of a set of another version, whose images cannot be remade here, it changes nothing.
    """
    from pixelgen.dataset.repair import mend
    from pixelgen.dataset.repair import repair as remake
    from pixelgen.dataset.writer import Run
    from pixelgen.storage import open_store

    store = open_store(options["directory"], options["durability"])
    stop = Stop("the same command finishes it")
    plan, damage = mend(store)
    progress = Progress(plan.job.count, "checked", quiet=options["quiet"])
    run = Run(jobs=options["jobs"] or 0, stopped=lambda: bool(stop))
    for checked in remake(plan, store, run, deep=options["deep"]):
        progress.update(checked.images, checked.bytes)
        damage += checked.damage
    progress.close()
    if stop:
        return stop.exit_code
    if options["as_json"]:
        remade = [{"file": name, "what": what} for name, what in damage]
        emit_json({"status": 200, "count": plan.job.count, "remade": remade})
    else:
        for name, what in damage:
            emit(f"{name}: {what}; remade")
    if not options["quiet"]:
        verdict = f"{len(damage):,} remade" if damage else "all well"
        report(f"{plan.job.count:,} images checked, {verdict} ({progress.speed})")
    return 0
