"""``pixelgen index``: add sidecars to a dataset that is there."""

from dataclasses import dataclass
from typing import Any

import click

from pixelgen.cli.beside import beside_option
from pixelgen.cli.command import (
    ComponentName,
    HeadedCommand,
    dataset_argument,
    durability_option,
    json_option,
    quiet_option,
)
from pixelgen.cli.output import print_json, print_path, report_loader_calls
from pixelgen.cli.signals import Stop
from pixelgen.errors import BadValue


@dataclass(frozen=True, kw_only=True)
class IndexOptions:
    """The options of ``index``."""

    dataset: str
    layout: tuple[str, ...]
    beside: str | None
    durability: str
    as_json: bool
    quiet: bool


@click.command(cls=HeadedCommand)
@dataset_argument
@click.option("--layout", type=ComponentName("layout"), required=True, multiple=True,
              help="Sidecars to add, as a list: coco,yolo.")  # fmt: skip
@beside_option
@durability_option
@json_option
@quiet_option
def index(**values: Any) -> int:
    """Add sidecars to a finished dataset.

    DATASET is 'negatives' by default. Opens no image: sidecars are made from the manifest, with the
    bytes that 'generate' would have written. With --beside, refuses a dataset
    whose classes, ids or names do not fit yours. Prints the path of the manifest.
    """
    from pixelgen.dataset.existing_plan import finished_plan
    from pixelgen.dataset.run_config import RunConfig
    from pixelgen.dataset.writer import write
    from pixelgen.layouts.layout import Layout
    from pixelgen.storage import open_store

    options = IndexOptions(**values)
    store = open_store(options.dataset, options.durability, follows_links=True)
    stop = Stop("the same command finishes it")
    plan = finished_plan(store)
    if options.beside is not None:
        from pixelgen.joining.fitting_fields import check_joins
        from pixelgen.user_datasets.detect import detect

        check_joins(plan.job, detect(options.beside), store.root)
    container = plan.job.layout.container
    job = plan.job.with_layout(Layout.parse(",".join([str(container), *options.layout])))
    if not job.layout.sidecars:
        raise BadValue(
            f"--layout {container} names no sidecar to add; write one, such as --layout csv"
        )
    write(job, store, RunConfig(stopped=lambda: bool(stop)), plan)
    manifest = store.path(job.manifest)
    if not options.quiet:
        report_loader_calls(job, store, None)
    if options.as_json:
        print_json({"state": "complete", "manifest": manifest, "layout": str(job.layout)})
    else:
        print_path(manifest)
    return 0
