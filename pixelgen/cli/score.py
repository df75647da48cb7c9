"""``pixelgen score``: how often images fool the user's model."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.command import (
    ComponentName,
    HeadedCommand,
    HomePath,
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
from pixelgen.errors import BadValue

if TYPE_CHECKING:
    from pixelgen.scoring.audit import Audit, FamilyScores
    from pixelgen.scoring.base import Model
    from pixelgen.scoring.candidates import Candidates

_DEFAULT_COUNT = 1000
_RECALL = re.compile(r"tpr([1-9]\d?(?:\.\d)?)")
_judge = headed("Judgement")


@dataclass(frozen=True, kw_only=True)
class ScoreOptions(ImageOptions, ModelChoice):
    """The options of ``score``."""

    dataset: str | None
    count: int | None
    format: str | None
    skip_damaged: bool
    threshold: str | None
    positives: str | None
    max_rate: float | None
    jobs: int | None
    as_json: bool
    quiet: bool

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
@_judge("--threshold", metavar="SCORE",
        help="Score from which on an image fools the model, or tpr95: the one that 95 % of"
             " --positives reach.  [default: 0.25 for detectors, else 0.5]"
        )  # fmt: skip
@_judge("--positives", metavar="DIR", type=HomePath(),
        help="Images of your objects: the model must find them, or it is fed wrongly.")  # fmt: skip
@_judge("--max-rate", type=click.FloatRange(0, 1), metavar="SHARE",
        help="Exit with 3 if a larger share of a family fools the model.")  # fmt: skip
@jobs_option
@json_option
@quiet_option
def score(**values: Any) -> int:
    """Show how often images fool your model, family by family.

    Scores the images of DATASET or, without one, of --family, by the model's highest confidence in
    each. Prints the quantiles of the scores, and the share of images that reach the threshold, with
    its interval of 95 %. Nothing is written. Models of ONNX need the extra 'mine'.
    """
    from pixelgen.dataset.run_config import RunConfig
    from pixelgen.scoring.audit import Audit
    from pixelgen.scoring.workers import score_candidates

    options = ScoreOptions(**values)
    model = options.load()
    candidates = _candidates(options, model)
    threshold = _threshold(options, model)
    stop, progress = Stop("score again"), Progress("scored", quiet=options.quiet)
    if not options.quiet:
        report(f"model: {model.description}")
    run = RunConfig(
        jobs=options.jobs or 0, progress=progress.update, stopped=lambda: bool(stop)
    )  # fmt: skip
    scored = score_candidates(candidates, model, run)
    progress.close()
    if stop:
        return stop.exit_code
    audit = Audit.of(scored, threshold)
    too_often = () if options.max_rate is None else audit.above(options.max_rate)
    if options.as_json:
        print_json(_to_json(audit, model, options.max_rate, too_often))
    else:
        _print_table(audit)
    for each in too_often:
        report(
            f"pixelgen: {each.fooled:,} of {pluralize(each.images, 'image')} of {each.family} fool"
            f" the model, a share of {each.rate:.3g}: more than --max-rate {options.max_rate:g}"
        )
    return 3 if too_often else 0


def _candidates(options: ScoreOptions, model: "Model") -> "Candidates":
    from pixelgen.scoring.candidates import DatasetCandidates, JobCandidates

    if options.dataset is not None:
        from pixelgen.dataset.api import load

        if options.image_options_given():
            raise BadValue(
                "options of what to draw cannot be combined with a dataset; remove either"
            )
        count = len(load(options.dataset))
        if not count:
            raise BadValue(f"{options.dataset} has no images to score; choose another dataset")
        return DatasetCandidates(options.dataset, count)
    from pixelgen.job import Job
    from pixelgen.rng import draw_seed

    count = _DEFAULT_COUNT if options.count is None else options.count
    if count < 1:
        raise BadValue(f"invalid --count {count}: must be at least 1, to score images")
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
    return JobCandidates(job)


def _threshold(options: ScoreOptions, model: "Model") -> float:
    """Return the threshold, once the model was seen to find the user's objects, if given."""
    text = options.threshold
    recall = _RECALL.fullmatch(text) if text else None
    if recall and options.positives is None:
        raise BadValue(f"--threshold {text} needs images of your objects; give --positives DIR")
    threshold = model.default_threshold if text is None else _read_number(text, bool(recall))
    if options.positives is None:
        return threshold
    from pixelgen.scoring.positives import (
        LEAST_MEDIAN,
        check_positives,
        score_positives,
        threshold_of,
    )
    from pixelgen.source_images import ImageSource, scan_folder

    folder = scan_folder(ImageSource(options.positives), (1, 1))
    values = score_positives(folder, model)
    check_positives(values, LEAST_MEDIAN if recall else threshold, options.positives)
    if recall:
        threshold = threshold_of(values, float(recall[1]) / 100)
    if not options.quiet:
        report(f"{pluralize(len(values), 'positive')} scored, threshold {threshold:.4g}")
    return threshold


def _read_number(text: str, is_recall: bool) -> float:
    if is_recall:
        return 0.0  # until the positives are scored
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise BadValue(f"invalid --threshold {text[:50]!r}: must be a number of 0 … 1, or tpr95")
    return value


def _print_table(audit: "Audit") -> None:
    """Print a line for each family, and one for all."""
    head = ("family", "images", "50 %", "90 %", "99 %", "highest", f">= {audit.threshold:.3g}",
            "rate", "95 % interval", "mostly")  # fmt: skip
    rows = [head, *map(_row, (*audit.families, audit.overall))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *others = (
            text.ljust(width) if number in (0, len(row) - 1) else text.rjust(width)
            for number, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        print_line("  ".join((first, *others)).rstrip())


def _row(each: "FamilyScores") -> tuple[str, ...]:
    low, high = each.interval
    return (
        each.family, f"{each.images:,}", *(f"{value:.3f}" for value in each.quantiles),
        f"{each.highest:.3f}", f"{each.fooled:,}", f"{each.rate:.1%}", f"{low:.1%} – {high:.1%}",
        each.predicted,
    )  # fmt: skip


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
