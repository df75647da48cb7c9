"""Compare mined negatives with those that are not, by the false positives of models.

``python -m benchmarks.usefulness.mining`` prints Markdown tables. Each model is trained with as
many negatives of each dataset:

- ``classic``, the baseline; ``uniform``; ``default``;
- mined in one round: the first candidates of ``default`` that fool a model, as many plain ones;
- mined in three rounds: a third in each, and candidates must fool a model that was trained with
  those of the rounds before;
- crops of own scenes and ``classic``, half each.

In the first round, candidates must fool a model trained with half as many negatives of ``classic``.
They are selected by the rules of ``pixelgen mine``, but where too few fool a model, plain ones
replace them.
Models, objects, photographs and thresholds are those of ``python -m benchmarks.usefulness``.

False positives are counted on photographs, and on families that no model was trained with.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.usefulness import options as shared
from benchmarks.usefulness.mining_trials import (
    CANDIDATE_ROWS,
    ROUNDS,
    ROWS,
    MiningSetup,
    MiningTrial,
    held_out_families,
    run_mining_trial,
)
from benchmarks.usefulness.options import FEWEST, add_options, at_least, choose_tasks, run_seeds
from benchmarks.usefulness.ratios import compare
from benchmarks.usefulness.tables import describe_tasks, print_lines, print_tables, write_record
from benchmarks.usefulness.trials import Trial
from pixelgen.errors import BadValue, PixelgenError


@dataclass(frozen=True)
class Options(shared.Options):
    """The command line."""

    candidates: int


def main() -> int:
    options = parse()
    try:
        setup = prepare(options)
    except PixelgenError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    print_setup(setup, options.seeds)
    trials = [*run_seeds(partial(run_mining_trial, setup), options)]
    print_shares(setup, trials)
    on_photographs = [trial.on_photographs for trial in trials]
    on_families = [trial.on_families for trial in trials]
    print_comparisons(setup, on_photographs, "Photographs")
    print_comparisons(setup, on_families, "Families that no model was trained with")
    if options.json:
        write_record(
            Path(options.json),
            datasets=ROWS,
            tasks=describe_tasks(setup.tasks),
            photographs=compare(on_photographs).rates.tolist(),
            families=compare(on_families).rates.tolist(),
            fooled=[trial.fooled.tolist() for trial in trials],
            mined=[trial.mined.tolist() for trial in trials],
        )
    return 0


def parse() -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.usefulness.mining", description=__doc__)
    add_options(parser)
    parser.add_argument(
        "--candidates", type=at_least(FEWEST), default=10_000, help="of a round (default: 10000)"
    )
    return Options(**vars(parser.parse_args()))


def prepare(options: Options) -> MiningSetup:
    """Read the photographs.

    Raises:
        BadValue: Where packages are missing, or photographs, tasks or candidates do not suffice.
    """
    tasks = choose_tasks(options.only)
    if options.candidates < options.negatives:
        raise BadValue(
            f"--candidates {options.candidates}: must be at least the {options.negatives} of"
            " --negatives; give more candidates"
        )
    photographs = shared.read_enough_photographs(options.photographs, options.scenes)
    return MiningSetup(photographs, tasks, options.negatives, options.scenes, options.candidates)


def print_setup(setup: MiningSetup, seeds: int) -> None:
    """Print how the comparison is made."""
    print_lines(
        "False positives at 95 % recall.",
        "Geometric means over tasks and seeds, with 95 % intervals over seeds and photographs, or"
        " seeds and families.",
        f"{setup.count:,} negatives of each dataset, {seeds} seeds, {len(setup.photographs)}"
        f" photographs, {setup.candidates:,} candidates a round.",
        f"Families that no model was trained with: {', '.join(held_out_families())}.",
        "",
    )


def print_shares(setup: MiningSetup, trials: Sequence[MiningTrial]) -> None:
    """Print how many candidates fooled a model, and how many negatives were mined."""
    fooled = np.mean([trial.fooled for trial in trials], axis=0)
    mined = np.mean([trial.mined for trial in trials], axis=0)
    rounds = [f"fooled in round {number}" for number in range(1, ROUNDS + 1)]
    columns = ["task", *rounds, "mined in one round", f"mined in {ROUNDS} rounds"]
    print_lines(f"| {' | '.join(columns)} |", "|---" * len(columns) + "|")
    for task, *shares in zip(setup.tasks, *fooled, *mined, strict=True):
        cells = [f"{task.name} ({task.situation})", *(f"{share:.1%}" for share in shares)]
        print_lines(f"| {' | '.join(cells)} |")
    print_lines("")


def print_comparisons(setup: MiningSetup, trials: Sequence[Trial], tested_on: str) -> None:
    """Print all datasets relative to the baseline, and mined ones relative to candidates."""
    print_lines(f"{tested_on}, relative to {ROWS[0]}:", "")
    print_tables(ROWS, setup.tasks, compare(trials))
    rows = [*CANDIDATE_ROWS]
    names = [ROWS[row] for row in rows]
    print_lines(f"{tested_on}, relative to {names[0]}:", "")
    some = [replace(trial, false_positives=trial.false_positives[rows]) for trial in trials]
    print_tables(names, setup.tasks, compare(some))


if __name__ == "__main__":
    sys.exit(main())
