"""``pixelgen remove``: drop images of a dataset, with all that is said of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.command import (
    HeadedCommand,
    dataset_argument,
    durability_option,
    jobs_option,
    json_option,
    quiet_option,
)
from pixelgen.cli.output import Progress, pluralize, print_json, print_path, report, reporter
from pixelgen.cli.signals import Stop
from pixelgen.errors import BadValue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pixelgen.dataset.run_config import RunConfig
    from pixelgen.storage import Store


@dataclass(frozen=True, kw_only=True)
class RemoveOptions:
    """The options of ``remove``."""

    dataset: str
    index: tuple[str, ...]
    where: str | None
    jobs: int | None
    durability: str
    as_json: bool
    quiet: bool


@click.command(
    cls=HeadedCommand,
    epilog="""\b
Examples:
  pixelgen remove negatives --index 17,20-30
  pixelgen remove negatives --where family=stripes
""",
)
@dataset_argument
@click.option("--index", metavar="RANGES", multiple=True,
              help="Indices of the images, as the manifest has them: 17,20-30.")  # fmt: skip
@click.option("--where", metavar="COLUMN=VALUE",
              help="Images whose rows have this value, as in family=stripes.")  # fmt: skip
@jobs_option
@durability_option
@json_option
@quiet_option
def remove(**values: Any) -> int:
    """Remove images from a finished dataset, with their rows and labels.

    DATASET is 'negatives' by default. The other images keep their indices and names, and
    pixelgen.json records which were removed: verify, repair and generate agree. Prints the path of
    the manifest.
    """
    from pixelgen.dataset.api import remove as remove_images
    from pixelgen.dataset.run_config import RunConfig
    from pixelgen.storage import open_store

    options = RemoveOptions(**values)
    _check_choice(options)
    store = open_store(options.dataset, options.durability)
    stop = Stop("the same command finishes it")
    progress = Progress("made again", quiet=options.quiet)
    run = RunConfig(
        jobs=options.jobs or 0,
        progress=progress.update,
        stopped=lambda: bool(stop),
        note=reporter(quiet=options.quiet),
    )
    manifest = remove_images(store, _indices(options, store, run), run=run)
    progress.close()
    if not manifest.is_complete:
        return stop.exit_code
    if not options.quiet:
        report(f"{pluralize(manifest.count, 'image')} left")
    if options.as_json:
        print_json({"state": "complete", "manifest": manifest.path, "count": manifest.count})
    else:
        print_path(manifest.path)
    return 0


def _check_choice(options: RemoveOptions) -> None:
    """Refuse what does not say which images are meant, before anything is read."""
    if options.index and options.where is not None:
        raise BadValue("--index cannot be combined with --where; give either")
    if not options.index and options.where is None:
        raise BadValue("name the images: write --index 17,20-30 or --where family=stripes")
    if options.where is not None and "=" not in options.where:
        raise BadValue(
            f"invalid --where {options.where[:50]!r}: must be COLUMN=VALUE; write family=stripes"
        )


def _indices(options: RemoveOptions, store: "Store", run: "RunConfig") -> "Iterable[int]":
    """Return the indices of the images to remove.

    By --where, none may be found where this very command was stopped near its end, or has ended.
    What was stopped is finished first, and then they are looked for again.
    """
    from pixelgen.dataset.api import remove as remove_images
    from pixelgen.dataset.existing_plan import finished_plan, read_plan
    from pixelgen.dataset.reader import find_images
    from pixelgen.dataset.replacement import is_interrupted
    from pixelgen.layouts.image_indices import IndexRanges

    if options.where is None:
        return IndexRanges.parse(",".join(options.index))
    column, _, value = (part.strip() for part in options.where.partition("="))
    job = read_plan(store).job
    found = find_images(store, job, column, value)
    if not found and is_interrupted(job, store):
        remove_images(store, (), run=run)
        found = find_images(store, job, column, value)
    if not found:
        none = f"no image in {store.root} has {column} {value!r}"
        finished_plan(store)
        if not job.removed:
            raise BadValue(none)
        if not options.quiet:
            report(f"note: {none}; nothing more is removed")
    return found
