"""``pixelgen score``: how often images fool the user's model."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.audit_table import table_lines
from pixelgen.cli.command import (
    ComponentName,
    HeadedCommand,
    HomePath,
    Share,
    engine_option,
    headed,
    jobs_option,
    json_option,
    quiet_option,
    skip_damaged_option,
)
from pixelgen.cli.model_options import ModelChoice, model_options
from pixelgen.cli.options import ImageOptions, check_skip_damaged, count_option, image_options
from pixelgen.cli.output import Progress, pluralize, print_json, print_line, report
from pixelgen.cli.signals import Stop
from pixelgen.cli.threshold import ThresholdChoice, threshold_options
from pixelgen.errors import BadValue

if TYPE_CHECKING:
    from pixelgen.job import Job
    from pixelgen.scoring.audit import Audit, FamilyScores
    from pixelgen.scoring.base import Model

_DEFAULT_COUNT = 1000


@dataclass(frozen=True, kw_only=True)
class ScoreOptions(ImageOptions, ModelChoice, ThresholdChoice):
    """The options of ``score``."""

    dataset: str | None
    count: int | None
    format: str | None
    skip_damaged: bool
    max_rate: float | None
    jobs: int | None
    engine: str
    as_json: bool

    def image_options_given(self) -> bool:
        """Return whether an option says what to draw."""
        others = self.count, self.format, self.skip_damaged or None, self.limit or None
        return bool(self.image_fields()) or others != (None,) * len(others)


@click.command(cls=HeadedCommand)
@click.argument("dataset", required=False, metavar="[DATASET]", type=HomePath())
@model_options
@image_options(size="that of the model's input, or 300x300", family="default")
@count_option("1000")
@headed("What to draw")("-f", "--format", type=ComponentName("format"),
                        help="Score images as they are read in this format.  [default: png]"
                        )  # fmt: skip
@skip_damaged_option
@threshold_options
@headed("Judgement")("--max-rate", type=Share(), metavar="SHARE",
        help="Exit with 3 if a larger share of a family fools the model.")  # fmt: skip
@jobs_option
@engine_option
@json_option
@quiet_option
def score(**values: Any) -> int:
    """Show how often images fool your model, family by family.

    Scores the images of DATASET or, without one, of --family, by the model's highest confidence in
    each; DATASET may be a folder of images of yours. Prints the quantiles of the scores, and the
    share of images that reach the threshold, with its interval of 95 %. Nothing is written. Models
    of ONNX need the extra 'mine'.
    """
    from pixelgen.dataset.run_config import RunConfig
    from pixelgen.engines import parse_engine
    from pixelgen.scoring.api import candidates_of
    from pixelgen.scoring.audit import Audit
    from pixelgen.scoring.workers import score_candidates

    options = ScoreOptions(**values)
    model = options.load()
    candidates = candidates_of(_images(options, model))
    threshold = options.find_threshold(model)
    stop, progress = Stop("score again"), Progress("scored", quiet=options.quiet)
    if not options.quiet:
        report(f"model: {model.description}")
    run = RunConfig(
        engine=parse_engine(options.engine),
        jobs=options.jobs or 0,
        progress=progress.update,
        stopped=lambda: bool(stop),
    )
    scored = score_candidates(candidates, model, run)
    progress.close()
    if stop:
        return stop.exit_code
    audit = Audit.of(scored, threshold)
    too_often = () if options.max_rate is None else audit.above(options.max_rate)
    if options.as_json:
        print_json(_to_json(audit, model, options.max_rate, too_often))
    else:
        for line in table_lines(audit):
            print_line(line)
    for each in too_often:
        report(
            f"pixelgen: {each.fooled:,} of {pluralize(each.images, 'image')} of {each.family} fool"
            f" the model, a share of {each.rate:.3g}: more than --max-rate {options.max_rate:g}"
        )
    return 3 if too_often else 0


def _images(options: ScoreOptions, model: "Model") -> "Job | str":
    """Return the job of the images to score, or the path of their dataset."""
    if options.dataset is not None:
        if options.image_options_given():
            raise BadValue(
                "options of what to draw cannot be combined with a dataset; remove either"
            )
        return options.dataset
    from pixelgen.job import Job
    from pixelgen.rng import draw_seed

    count = _DEFAULT_COUNT if options.count is None else options.count
    fields: dict[str, Any] = {"count": count, "size": model.input_size or 300, "family": "default"}
    fields = options.with_limits(fields | options.image_fields())
    if options.format is not None:
        fields["format"] = options.format
    if fields.get("seed") == "random":
        fields["seed"] = draw_seed()
    job = Job.parse(**fields)
    check_skip_damaged(job, options.skip_damaged)
    job = job.scan_sources(skip_damaged=options.skip_damaged)
    for line in job.sources.notes():
        report(line)
    return job


def _to_json(
    audit: "Audit", model: "Model", max_rate: float | None, too_often: "tuple[FamilyScores, ...]"
) -> dict[str, Any]:
    return {
        "model": model.path,
        "description": model.description,
        "threshold": audit.threshold,
        "families": [_family_json(each) for each in audit.families],
        "all": _family_json(audit.overall),
        "max_rate": max_rate,
        "above_max_rate": [each.family for each in too_often],
    }


def _family_json(each: "FamilyScores") -> dict[str, Any]:
    from pixelgen.scoring.audit import QUANTILES

    return {
        "family": each.family,
        "images": each.images,
        "quantiles": dict(zip(map(str, QUANTILES), each.quantiles, strict=True)),
        "highest": each.highest,
        "fooled": each.fooled,
        "rate": round(each.rate, 6),
        "interval": [round(bound, 6) for bound in each.interval],
        "predicted": each.predicted,
    }
