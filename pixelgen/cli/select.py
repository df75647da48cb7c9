"""``pixelgen select``: another dataset from the scores of a mined one, without the model."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.command import (
    ComponentName,
    HeadedCommand,
    HomePath,
    durability_option,
    engine_option,
    headed,
    jobs_option,
    json_option,
    quiet_option,
)
from pixelgen.cli.generate_result import Result, print_dataset, print_partition
from pixelgen.cli.options import with_trainer_layout
from pixelgen.cli.output import Progress, report
from pixelgen.cli.selection_options import (
    SelectionChoice,
    choice_figures,
    describe_choice,
    report_excluded,
    report_shortage,
    selection_options,
)
from pixelgen.cli.signals import Stop

if TYPE_CHECKING:
    from pixelgen.layouts.layout import Layout
    from pixelgen.scoring.selection_rules import SelectionRules

_output, _run = headed("Output"), headed("Running")


@dataclass(frozen=True, kw_only=True)
class SelectOptions(SelectionChoice):
    """The options of ``select``."""

    dataset: str
    threshold: float | None
    layout: tuple[str, ...]
    trainer: str | None
    out: str
    jobs: int | None
    engine: str
    partition: str | None
    durability: str
    as_json: bool
    quiet: bool


@click.command(cls=HeadedCommand)
@click.argument("dataset", metavar="DATASET", type=HomePath())
@headed("Selection")("--threshold", type=click.FloatRange(0, 1), metavar="SCORE",
                     help="Score from which on a candidate fools the model.  [default: as before]"
                     )  # fmt: skip
@selection_options
@_output("--layout", type=ComponentName("layout"), multiple=True,
         help="How files are arranged and indexed.  [default: as before]")  # fmt: skip
@_output("--for", "trainer", metavar="TRAINER", help="Layout for a trainer, as in 'generate'.")
@_output("-o", "--out", required=True, metavar="PATH", type=HomePath(),
         help="Directory or URL of the new dataset.")  # fmt: skip
@jobs_option
@engine_option
@_run("--partition", metavar="I/N",
      help="Make partition I of N; 'pixelgen finish' joins them.")  # fmt: skip
@durability_option
@json_option
@quiet_option
def select(**values: Any) -> int:
    """Select from the scores of a mined dataset again, and write the dataset.

    Needs no model: 'pixelgen mine' recorded the scores of all candidates. What no option says is as
    it was then. Exits with 1 if fewer images are found than --keep asks for.
    """
    from pixelgen.dataset.partition import Partition
    from pixelgen.dataset.run_config import RunConfig
    from pixelgen.engines import parse_engine
    from pixelgen.scoring.mine import select as select_again
    from pixelgen.storage import open_store

    options = SelectOptions(**values)
    choice = select_again(options.dataset, _rules(options), layout=_layout(options))
    store = open_store(options.out, options.durability)
    partition = Partition.parse(options.partition) if options.partition is not None else None
    stop, progress = Stop("the same command finishes it"), Progress("created", quiet=options.quiet)
    run = RunConfig(
        engine=parse_engine(options.engine),
        jobs=options.jobs or 0,
        progress=progress.update,
        stopped=lambda: bool(stop),
        note=(lambda _: None) if options.quiet else report,
        partition=partition,
    )
    try:
        manifest = choice.write(store, run)
    finally:
        progress.close()
    if not manifest.is_complete:
        return stop.exit_code
    if not options.quiet:
        report(describe_choice(choice))
        report_excluded(choice, store.path("mining.json"))
    result = Result(choice.job, store, manifest, progress, None)
    if partition:
        print_partition(result, partition, options)
    else:
        print_dataset(result, options, choice_figures(choice))
    if choice.selected.is_full:
        return 0
    report_shortage(choice, store.root)
    return 1


def _rules(options: SelectOptions) -> "SelectionRules":
    """Return the rules of the mined dataset, with those that are given."""
    from pixelgen.scoring.mined_dataset import MinedDataset

    given = options.selection_fields()
    if options.threshold is not None:
        given["threshold"] = options.threshold
    return replace(MinedDataset.open(options.dataset).record.rules, **given)


def _layout(options: SelectOptions) -> "Layout | None":
    from pixelgen.layouts.layout import Layout

    fields = {"layout": ",".join(options.layout)} if options.layout else {}
    fields = with_trainer_layout(fields, options.trainer)
    return Layout.parse(fields["layout"]) if fields else None
