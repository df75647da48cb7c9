"""The options that say which candidates a mined dataset keeps, and what is printed of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pixelgen.cli.audit_table import table_lines
from pixelgen.cli.command import Count, Decorator, Share, headed, together
from pixelgen.cli.generate_result import Result, ResultOptions, print_dataset, print_partition
from pixelgen.cli.output import pluralize, report
from pixelgen.errors import shell_path

if TYPE_CHECKING:
    from pixelgen.dataset.partition import Partition
    from pixelgen.scoring.choice import Choice

_select = headed("Selection")
_REASONS = {
    "per_family": "their family having its share (--per-family)",
    "per_class": "their class having its number (--per-class)",
    "near-duplicate": "being nearly the same as others",
}


# fmt: off
def selection_options(otherwise: str = "") -> Decorator:
    """Return the options; help shows their defaults, or ``otherwise`` for all of them."""
    def default(text: str) -> str:
        return f"  [default: {otherwise or text}]"

    return together([
        _select("--keep", type=Count(), metavar="N",
                help=f"Images of the dataset, plain ones among them.{default('1000')}"),
        _select("--plain", type=Share(below_1=True), metavar="SHARE",
                help="Share of plain images, which are not selected by their scores: a dataset of"
                     f" mined ones alone was measured to harm.{default('0.5')}"),
        _select("--per-family", type=Share(), metavar="SHARE",
                help="Largest share of one family among the mined images."
                     f"{default('0.12; with fewer than 17 families, twice an even share')}"),
        _select("--per-class", type=Count(), metavar="N",
                help=f"Most mined images that are taken for one class.{default('any number')}"),
        _select("--own-limit", type=Share(), metavar="SCORE",
                help="Exclude images of your own (crop) from this score on: they may hold an object"
                     f" without a label.{default('0.9')}"),
    ])
# fmt: on


@dataclass(frozen=True, kw_only=True)
class SelectionChoice:
    """What is selected, as the options of ``selection_options`` give it; None is not given."""

    keep: int | None
    plain: float | None
    per_family: float | None
    per_class: int | None
    own_limit: float | None

    def selection_fields(self) -> dict[str, Any]:
        """Return the rules that are given."""
        names = ("keep", "plain", "per_family", "per_class", "own_limit")
        fields = {name: getattr(self, name) for name in names}
        return {name: value for name, value in fields.items() if value is not None}


def print_choice(
    choice: "Choice",
    result: Result,
    options: ResultOptions,
    partition: "Partition | None" = None,
) -> int:
    """Print what was selected and written; return the exit code, 1 if it is too little."""
    if not options.quiet:
        report(_describe_choice(choice))
        _report_excluded(choice, result.store.path("mining.json"))
    if partition:
        print_partition(result, partition, options)
    else:
        print_dataset(result, options, _choice_figures(choice))
    if choice.selected.is_full:
        return 0
    _report_shortage(choice, result.store.root)
    return 1


def _describe_choice(choice: "Choice") -> str:
    """Return what was selected, in a line."""
    selected = choice.selected
    carried = f", {len(choice.carried):,} of earlier rounds" if choice.carried else ""
    return (
        f"{pluralize(selected.mined, 'mined image')},"
        f" {len(selected.images) - selected.mined:,} plain{carried}, of"
        f" {len(choice.table):,} candidates"
    )


def _report_excluded(choice: "Choice", path: str) -> None:
    """Say how many images of the user's own were excluded, and where they are listed."""
    if excluded := len(choice.selected.excluded):
        report(
            f"note: {pluralize(excluded, 'image')} of your own excluded, with scores of"
            f" {choice.record.rules.own_limit:g} or more: look whether an object in them has no"
            f" label (excluded in {path})"
        )


def report_table(choice: "Choice") -> None:
    """Print the scores by family on stderr, and which candidates past the threshold were mined."""
    for line in table_lines(choice.audit):
        report(line)
    if found := choice.selected.by_family:
        mined = ", ".join(f"{name} {count:,}" for name, count in sorted(found.items()))
        report(f"mined: {mined}")
    for reason, count in choice.selected.passed_over.items():
        report(f"not mined: {count:,}, {_REASONS[reason]}")


def _report_shortage(choice: "Choice", path: str) -> None:
    """Say that fewer images were found than were asked for, and how to find more."""
    rules, selected = choice.record.rules, choice.selected
    plain = len(selected.images) - selected.mined
    dataset = shell_path(path)
    report_table(choice)
    report(
        f"pixelgen: found {selected.mined:,} of {pluralize(rules.mined, 'mined image')} and"
        f" {plain:,} of {rules.keep - rules.mined:,} plain among {len(choice.table):,} candidates;"
        f" for others of these, run: pixelgen select {dataset} --threshold SCORE -o OTHER; for"
        f" further candidates, mine with --after {dataset} -o OTHER"
    )


def _choice_figures(choice: "Choice") -> dict[str, Any]:
    """Return what was selected, by its name in JSON."""
    selected = choice.selected
    return {
        "candidates": len(choice.table),
        "threshold": choice.record.rules.threshold,
        "mined": selected.mined,
        "plain": len(selected.images) - selected.mined,
        "carried": len(choice.carried),
        "by_family": dict(sorted(selected.by_family.items())),
        "excluded": len(selected.excluded),
        "is_full": selected.is_full,
    }
