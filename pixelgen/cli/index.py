"""``pixelgen index``: add sidecars to a dataset that is there."""

import click

from pixelgen.cli.options import ComponentName
from pixelgen.cli.output import (
    emit_json,
    emit_path,
    tell_loaders,
)
from pixelgen.cli.signals import Stop


@click.command()
@click.argument("directory", default="negatives", metavar="SET")
@click.option("--layout", type=ComponentName("layout"), required=True,
              help="What to add, as a list: coco,yolo; see 'pixelgen list layouts'.")  # fmt: skip
@click.option("--durability", type=click.Choice(["commit", "none", "each"]), default="commit",
              show_default=True, help="Against power cuts; as of 'generate'.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing on stderr but errors.")
def index(directory: str, layout: str, durability: str, as_json: bool, quiet: bool) -> int:
    """Add sidecars to a finished set ('negatives' if none is named), without opening an image.

    They are made of the manifest, to the bytes that 'generate' would have written. Prints the path
    of the manifest.
    """
    from dataclasses import replace

    from pixelgen.dataset.verify import finished_plan
    from pixelgen.dataset.writer import Run
    from pixelgen.dataset.writer import write as make
    from pixelgen.layouts.layout import Layout
    from pixelgen.storage import open_store

    store, stop = open_store(directory, durability), Stop("the same command finishes it")
    job = finished_plan(store).job
    job = replace(job, layout=Layout.parse(f"{job.layout.container},{layout}"))
    make(job, store, Run(stopped=lambda: bool(stop)))
    if not quiet:
        tell_loaders(job, store, None)
    if as_json:
        emit_json({"status": 200, "link": store.path(job.manifest), "layout": str(job.layout)})
    else:
        emit_path(store.path(job.manifest))
    return 0
