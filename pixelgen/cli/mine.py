"""``pixelgen mine``: a dataset of the images that fool the user's model."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.beside import beside_option, mined_fields, without_own
from pixelgen.cli.command import (
    Count,
    HeadedCommand,
    HomePath,
    durability_option,
    engine_option,
    headed,
    jobs_option,
    json_option,
    quiet_option,
    skip_damaged_option,
)
from pixelgen.cli.generate_result import Result
from pixelgen.cli.job_notes import check_trainers, report_notes
from pixelgen.cli.layout_options import with_trainer_layout
from pixelgen.cli.model_options import ModelChoice, model_options
from pixelgen.cli.options import (
    DatasetOptions,
    check_skip_damaged,
    dataset_options,
    image_options,
    read_recipe,
    replace_fields,
    start_option,
    with_epoch,
)
from pixelgen.cli.output import Progress, report, reporter
from pixelgen.cli.selection_options import (
    SelectionChoice,
    print_choice,
    report_table,
    selection_options,
)
from pixelgen.cli.signals import Stop
from pixelgen.cli.threshold import ThresholdChoice, threshold_options
from pixelgen.errors import BadValue

if TYPE_CHECKING:
    from pixelgen.dataset.run_config import RunConfig
    from pixelgen.job import Job
    from pixelgen.scoring.base import Model
    from pixelgen.scoring.choice import Choice
    from pixelgen.scoring.mined_dataset import MinedDataset
    from pixelgen.scoring.selection_rules import SelectionRules
    from pixelgen.storage import Store

_DEFAULT_KEEP = 1000
_DEFAULT_BUDGET = 100_000
_search = headed("Search")


@dataclass(frozen=True, kw_only=True)
class MineOptions(DatasetOptions, ModelChoice, ThresholdChoice, SelectionChoice):
    """The options of ``mine``; ``count`` is the budget."""

    robust: bool
    after: str | None
    beside: str | None
    jobs: int | None
    engine: str
    durability: str
    force: bool
    as_json: bool


@click.command(
    cls=HeadedCommand,
    epilog="""\b
Examples:
  pixelgen mine --model best.onnx --keep 1000 -o hard
  pixelgen mine --model best.onnx --threshold tpr95 --positives crops --for ultralytics -o hard
  pixelgen mine --model best2.onnx --keep 1000 --after hard -o hard2
""",
)
@model_options
@threshold_options
@_search("--budget", "count", type=Count(), metavar="N",
         help="Most candidates that are scored.  [default: 100000]")  # fmt: skip
@_search("--robust", is_flag=True,
         help="Keep images only if they fool the model mirrored and shifted by a pixel, too."
         )  # fmt: skip
@_search("--after", metavar="DATASET", type=HomePath(),
         help="Mine a next round: take along the images of this mined dataset, and continue with"
              " the candidates after its own.")  # fmt: skip
@selection_options()
@image_options(size="that of the model's input, or 300x300", family="default")
@start_option
@skip_damaged_option
@dataset_options
@beside_option
@jobs_option
@engine_option
@durability_option
@headed("Running")("--force", is_flag=True,
                   help="Replace the finished dataset in the directory, if its files are unchanged."
                   )  # fmt: skip
@json_option
@quiet_option
def mine(**values: Any) -> int:
    """Search for images that fool your model, and write a dataset of them.

    Scores candidates, the images that 'generate' makes with the same options, by the model's
    highest confidence in each. The first that reach the threshold are kept, with as many plain
    ones. Run again, the command resumes. Exits with 1 if fewer are found than --keep asks for;
    what was found is kept. 'pixelgen select' chooses again from the same scores.
    """
    options = MineOptions(**values)
    _check_output(options)
    from pixelgen.scoring.mine import Mining
    from pixelgen.storage import open_store

    model = options.load()
    store = open_store(options.out, options.durability)
    earlier = _earlier(options)
    job = _job(options, model, earlier)
    rules = _rules(options, model)
    stop, progress = Stop("the same command finishes it"), Progress("scored", quiet=options.quiet)
    run = _run_config(options, stop, progress)
    mining = Mining.prepare(job, model, store, rules, run)
    if not options.quiet:
        report_notes(job)
        report(f"model: {model.description}")
    try:
        choice = mining.run(store, run)
    finally:
        progress.close()
    if stop:
        return stop.exit_code
    return _write(choice, store, options, stop)


def _check_output(options: MineOptions) -> None:
    if options.blob or options.out == "-":
        raise BadValue("a mined dataset cannot be written to standard output; give -o DIRECTORY")
    if not options.out:
        raise BadValue("the output path is empty; name a directory, or a URL")


def _earlier(options: MineOptions) -> "MinedDataset | None":
    if options.after is None:
        return None
    from pixelgen.scoring.mined_dataset import MinedDataset

    return MinedDataset.open(options.after)


def _rules(options: MineOptions, model: "Model") -> "SelectionRules":
    from pixelgen.scoring.selection_rules import SelectionRules

    return SelectionRules(
        **{"keep": _DEFAULT_KEEP} | options.selection_fields(),
        threshold=options.find_threshold(model),
        robust=options.robust,
        after=options.after or "",
    )


def _job(options: MineOptions, model: "Model", earlier: "MinedDataset | None") -> "Job":
    """Return the job of the candidates: as those of an earlier round, unless options differ."""
    from pixelgen.job import Job

    fields: dict[str, Any] = {"size": model.input_size or 300, "family": "default"}
    if earlier:
        fields = earlier.candidates.to_dict() | {"start": earlier.record.end}
    given = {"count": _DEFAULT_BUDGET} | _given(options)
    if given.keys() & {"size", "width", "height"}:
        fields = {name: fields[name] for name in fields.keys() - {"size", "width", "height"}}
    fields = mined_fields(fields, given, options.beside, options.out)
    if fields.get("seed") == "random":
        raise BadValue("--seed random cannot be resumed by the same command; give a number")
    job = with_epoch(Job.parse(**options.with_limits(fields)))
    check_skip_damaged(job, options.skip_damaged)
    check_trainers(job, options)
    job = job.scan_sources(skip_damaged=options.skip_damaged)
    for line in job.sources.notes():
        report(line)
    return job


def _given(options: MineOptions) -> dict[str, Any]:
    """Return the fields of the recipe and the options, of which the options win."""
    recipe = read_recipe(options.recipe) if options.recipe is not None else {}
    if "remote" in recipe:
        raise BadValue(
            f"the recipe {options.recipe} is of fetched images, which cannot be searched; remove"
            " remote from it"
        )
    if options.beside is not None:
        recipe = without_own(recipe)
    return with_trainer_layout(replace_fields(recipe, options.dataset_fields()), options.trainer)


def _run_config(options: MineOptions, stop: Stop, progress: Progress) -> "RunConfig":
    from pixelgen.dataset.run_config import RunConfig
    from pixelgen.engines import parse_engine

    return RunConfig(
        engine=parse_engine(options.engine),
        jobs=options.jobs or 0,
        progress=progress.update,
        stopped=lambda: bool(stop),
        note=reporter(quiet=options.quiet),
        overwrite=options.force,
    )


def _write(choice: "Choice", store: "Store", options: MineOptions, stop: Stop) -> int:
    """Generate the dataset, and print what it is."""
    from pixelgen.scoring.mine import write_found

    if not choice.selected.mined:
        report_table(choice)
    progress = Progress("created", quiet=options.quiet)
    try:
        manifest = write_found(choice, store, _run_config(options, stop, progress))
    finally:
        progress.close()
    if not manifest.is_complete:
        return stop.exit_code
    return print_choice(choice, Result(choice.job, store, manifest, progress, None), options)
