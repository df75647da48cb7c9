"""Measure pixelgen beside what people would write without it: ``python -m tests.bench``.

Run it from the root of the repository, by the Python of an environment into which pixelgen was
installed, not in editable mode; the peers are what that environment and the system have.

A ratio is the peer's wall time over pixelgen's in the same round, start-up included. A round runs
first one, then the other, each into a fresh directory, and both make as many images. Times are
medians; u+s is user and system time of all processes, peak the memory of the largest one.
"""

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import median

from tests.bench.measure import SLOW, SLOW_ROUNDS, Bench, Result, Usage
from tests.bench.rows import PIXELGEN, Row, figures, matrix

_HEAD = (
    f"{'side by side with':<30}{'size':>5}{'N':>8} {'rounds':<6}{'ratio (min..max)':>22}{'must':>6}"
    f"{'stretch':>8}  {'pixelgen: wall u+s peak':<28}{'peer: wall u+s peak':<29}"
    f"{'images/s':>9}{'MB/s':>7}"
)


def main() -> None:
    options = parse()
    if not Path(PIXELGEN).exists():
        sys.exit(f"there is no {PIXELGEN}; install pixelgen beside this Python")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # and delete what was written
    # An editable install would be compiled afresh at each start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="pixelgen-bench-", dir=options.scratch) as scratch:
        # Spread directories over the disk: ext4 without journal is ten times slower where inodes
        # were freed a moment ago. Other file systems have no such flag, nor need it.
        subprocess.run(["chattr", "+T", scratch], stderr=subprocess.DEVNULL, check=False)
        bench = Bench(Path(scratch), options.rounds, options.count, options.warm)
        results = list(report(bench, re.compile(options.rows)))
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=1))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.bench", description=__doc__)
    parser.add_argument("--rows", default="", metavar="REGEX", help="only these, by name and N")
    parser.add_argument("--rounds", type=int, default=5, help="of each row (default: 5)")
    parser.add_argument("--count", type=int, default=1 << 30, help="at most so many images a row")
    parser.add_argument("--scratch", type=Path, help="where to write (default: the system's place)")
    parser.add_argument("--warm", action="store_true", help="write as much before each run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures of every run")
    return parser.parse_args()


def report(bench: Bench, wanted: re.Pattern[str]) -> Iterator[Result]:
    """Run the rows and print each as it ends."""
    version = subprocess.check_output([PIXELGEN, "--version"], text=True).strip()
    say(
        f"{version}, Python {platform.python_version()}, {os.cpu_count()} processors,"
        f" {'pre-warmed' if bench.warm else 'cold'} page cache\n\n{_HEAD}"
    )
    for rows in figures(), matrix():
        for row in rows:
            if wanted.search(label(row, row.count)):
                result = bench.race(row)
                say(line(result))
                yield result
        say("")
    say(f"* {SLOW_ROUNDS} rounds at most, because a run takes more than {SLOW:.0f} s")


def label(row: Row, count: int) -> str:
    return f"{row.name:<30}{row.size or '–':>5}{count:>8,}"


def line(result: Result) -> str:
    """Write a row of the table."""
    row = result.row
    cells = label(row, result.count)
    if result.skipped:
        return f"{cells} skipped: {result.skipped}"
    rounds = f"{len(result.ours)}{'*' if result.is_slow else ''}"
    measured = sorted(ratios(result))
    ratio = f"{median(measured):.2f} ({measured[0]:.2f}..{measured[-1]:.2f})"
    ours, peer = middle(result.ours), middle(result.peer) if result.peer else None
    speeds = f"{result.count / ours.wall:>9,.0f}{ours.bytes / 1e6 / ours.wall:>7,.0f}"
    return (
        f"{cells} {rounds:<6}{ratio:>22}{goal(row.must):>6}{goal(row.stretch):>8}"
        f"  {took(ours):<28}{took(peer) if peer else '':<29}{speeds if ours.bytes else ''}"
    )


def ratios(result: Result) -> list[float]:
    """Return the speed beside the peer, or without one the memory, of each round."""
    if not result.row.peer:
        return [run.peak for run in result.ours]
    return [peer.wall / ours.wall for ours, peer in zip(result.ours, result.peer, strict=True)]


def middle(runs: list[Usage]) -> Usage:
    """Return the medians of some runs, each figure by itself."""
    columns = zip(*(asdict(run).values() for run in runs), strict=True)
    return Usage(*map(median, columns))


def took(usage: Usage) -> str:
    seconds = f"{usage.wall:.3f}s {usage.user:.2f}+{usage.system:.2f}s"
    return f"{seconds} {usage.peak:.0f}MiB"


def goal(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.3g}"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
