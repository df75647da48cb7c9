"""``pixelgen select``: another dataset from the scores of a mined one, without the model."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.beside import beside_option, mined_fields
from pixelgen.cli.command import (
    HeadedCommand,
    HomePath,
    Share,
    durability_option,
    engine_option,
    headed,
    jobs_option,
    json_option,
    quiet_option,
)
from pixelgen.cli.generate_result import Result
from pixelgen.cli.job_notes import check_trainers
from pixelgen.cli.layout_options import LayoutOptions, layout_options, with_trainer_layout
from pixelgen.cli.output import Progress, reporter
from pixelgen.cli.selection_options import (
    SelectionChoice,
    print_choice,
    selection_options,
)
from pixelgen.cli.signals import Stop

if TYPE_CHECKING:
    from pixelgen.job import Job
    from pixelgen.scoring.mined_dataset import MinedDataset
    from pixelgen.scoring.selection_rules import SelectionRules

_output, _run = headed("Output"), headed("Running")


@dataclass(frozen=True, kw_only=True)
class SelectOptions(SelectionChoice, LayoutOptions):
    """The options of ``select``."""

    dataset: str
    threshold: float | None
    beside: str | None
    out: str
    jobs: int | None
    engine: str
    partition: str | None
    durability: str
    as_json: bool
    quiet: bool


@click.command(cls=HeadedCommand)
@click.argument("dataset", metavar="DATASET", type=HomePath())
@headed("Selection")("--threshold", type=Share(), metavar="SCORE",
                     help="Score from which on a candidate fools the model.  [default: as before]"
                     )  # fmt: skip
@selection_options(otherwise="as before")
@layout_options
@beside_option
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
    from pixelgen.scoring.mined_dataset import MinedDataset
    from pixelgen.storage import open_store

    options = SelectOptions(**values)
    mined = MinedDataset.open(options.dataset)
    choice = select_again(mined, _rules(mined, options), job=_job(mined, options))
    store = open_store(options.out, options.durability)
    partition = Partition.parse(options.partition) if options.partition is not None else None
    stop, progress = Stop("the same command finishes it"), Progress("created", quiet=options.quiet)
    run = RunConfig(
        engine=parse_engine(options.engine),
        jobs=options.jobs or 0,
        progress=progress.update,
        stopped=lambda: bool(stop),
        note=reporter(quiet=options.quiet),
        partition=partition,
    )
    try:
        manifest = choice.write(store, run)
    finally:
        progress.close()
    if not manifest.is_complete:
        return stop.exit_code
    result = Result(choice.job, store, manifest, progress, None)
    return print_choice(choice, result, options, partition)


def _rules(mined: "MinedDataset", options: SelectOptions) -> "SelectionRules":
    """Return the rules of the mined dataset, with those that are given."""
    given = options.selection_fields()
    if options.threshold is not None:
        given["threshold"] = options.threshold
    return replace(mined.record.rules, **given)


def _job(mined: "MinedDataset", options: SelectOptions) -> "Job":
    """Return the job of the candidates as the new dataset is to be written."""
    from pixelgen.job import Job

    given = with_trainer_layout(options.layout_fields(), options.trainer)
    fields = mined_fields(mined.candidates.to_dict(), given, options.beside, options.out)
    job = Job.parse(**fields)
    check_trainers(job, options)
    return job
