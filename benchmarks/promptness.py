"""Measure how soon a run ends after a signal: ``python -m benchmarks.promptness``.

Run it from the root of the repository, by the Python of an environment with pixelgen. A ratio is
what the end took, from the signal on, over what ``pixelgen --version`` took in the same round. The
run makes images of about a second each, in its own process. A second run in a directory that is in
use is timed as a whole.
"""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import report
from benchmarks.measure import PIXELGEN, cpu_of, timed
from benchmarks.report import Comparison, Usage, option
from pixelgen.dataset.plan import JOURNAL

JOB = ("generate", "-q", "-n", "1000", "--family", "wmm", "--engine", "serial")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Options(report.Options):
    rounds: int = option(5, 1, "how often each end is measured")
    size: int = option(700, 64, "of the images")


def main() -> None:
    options = report.parse(Options, "benchmarks.promptness", __doc__)
    report.show(options, compare(options))


def compare(options: Options) -> Iterator[Comparison]:
    """Measure each end in turn, round by round."""
    ends: dict[str, Callable[[int], Usage]] = {
        **{f"a first {each.name}": partial(stopped, (each,)) for each in SIGNALS},
        "a second SIGTERM": partial(stopped, (signal.SIGTERM, signal.SIGTERM)),
        "a directory in use": refused,
    }
    for name in filter(re.compile(options.only).search, ends):
        rounds = tuple(
            (timed([PIXELGEN, "--version"]), ends[name](options.size))
            for _ in range(options.rounds)
        )
        yield Comparison(name, "end", "--version", rounds)


@contextmanager
def running(size: int) -> Iterator[tuple["subprocess.Popen[bytes]", list[str]]]:
    """Begin a run, and give it, with its command, once it makes images."""
    with tempfile.TemporaryDirectory() as folder:
        command = [PIXELGEN, *JOB, "-s", str(size), "-o", f"{folder}/set"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            journal = Path(folder, "set", JOURNAL)
            while not journal.exists() and process.poll() is None:
                time.sleep(0.01)
            try:
                yield process, command
            finally:
                process.kill()


def stopped(signals: Sequence[signal.Signals], size: int) -> Usage:
    """Send signals to a run, and time its end."""
    with running(size) as (process, _):
        begun, cpu = time.perf_counter(), cpu_of(process.pid)
        for each in signals:
            process.send_signal(each)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
    return Usage(wall, max(used.ru_utime + used.ru_stime - cpu, 1e-6))


def refused(size: int) -> Usage:
    """Time a run in a directory in which another one is at work."""
    with running(size) as (_, command):
        return timed(command, expected=5)


if __name__ == "__main__":
    main()
