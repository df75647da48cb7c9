"""What a comparison prints and keeps: how it was made, Markdown tables and JSON."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.usefulness.ratios import Comparison
from benchmarks.usefulness.tasks import Task
from benchmarks.usefulness.trials import REFERENCES, Setup


def print_setup(setup: Setup, seeds: int) -> None:
    """Print how the comparison is made."""
    total = len(setup.photographs)
    others = total // 2 - setup.scenes
    print_lines(
        f"False positives at 95 % recall, relative to {setup.negatives[0].name}.",
        "Geometric means over tasks and seeds, with 95 % intervals over seeds and photographs.",
        f"{setup.count:,} negatives of each dataset, {seeds} seeds, {total} photographs:"
        f" {setup.scenes} own scenes, {others} others, {total - total // 2} to test with.",
        "",
    )


def dataset_names(setup: Setup) -> list[str]:
    """Return the names of the rows of a table."""
    return [*(f"`{each.name}`" for each in setup.negatives), *REFERENCES]


def print_tables(names: Sequence[str], tasks: Sequence[Task], comparison: Comparison) -> None:
    """Print the ratios by situation, then by task."""
    by_situation: dict[str, list[int]] = {"all tasks": [*range(len(tasks))]}
    for index, task in enumerate(tasks):
        by_situation.setdefault(task.situation, []).append(index)
    print_table(names, comparison, by_situation)
    by_task = {f"{task.name} ({task.situation})": [index] for index, task in enumerate(tasks)}
    print_table(names, comparison, by_task)


def print_table(
    names: Sequence[str], comparison: Comparison, columns: Mapping[str, list[int]]
) -> None:
    """Print a row for each dataset.

    The cells are ratios; in the row of the baseline, rates.
    """
    print_lines(f"| negatives | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|")
    for row, name in enumerate(names):
        cells = [
            str(comparison.ratio(row, tasks)) if row else f"1 ({comparison.rate(tasks):.2%})"
            for tasks in columns.values()
        ]
        print_lines(f"| {name} | {' | '.join(cells)} |")
    print_lines("")


def keep(path: Path, setup: Setup, comparison: Comparison) -> None:
    """Write the false positive rates of all datasets, tasks and seeds."""
    write_record(
        path,
        datasets=[*(each.name for each in setup.negatives), *REFERENCES],
        tasks=describe_tasks(setup.tasks),
        photographs=len(setup.photographs),
        negatives=setup.count,
        rates=comparison.rates.tolist(),
    )


def describe_tasks(tasks: Sequence[Task]) -> list[dict[str, str]]:
    """Return the name and the situation of each task."""
    return [{"name": task.name, "situation": task.situation} for task in tasks]


def write_record(path: Path, **values: object) -> None:
    """Write the command and what it found, as JSON."""
    path.write_text(json.dumps({"command": sys.orig_argv[1:], **values}) + "\n")


def print_lines(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
