"""What all benchmarks share: options, the machine and the versions, ratios, the table and JSON.

Light to import: a child's peak memory is at least that of the process that started it.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import pixelgen

_HEAD = (
    f"{'time of one over the time of the other':<72}{'rounds':>6}{'wall ratio (min..max)':>24}"
    f"{'CPU ratio (min..max)':>24}  wall and CPU time of the one, and of the other"
)
_TABLE_HEAD = """\
| what | one : other | CPU ratio (min..max) | wall ratio (min..max) | |
|---|---|---|---|---|"""
ONLY = "only the rows whose name matches this regular expression"
_CORES = "from pixelgen.engines.machine import cores; print(cores())"
_UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))


@dataclass(frozen=True)
class Usage:
    """What a side took in a round, all its processes together: seconds by the clock and of CPU.

    Where they are known, also the MiB of its largest process, and the bytes that it wrote.
    """

    wall: float
    cpu: float
    peak: float = 0
    bytes: int = 0

    def __str__(self) -> str:
        return f"{duration(self.wall)} {duration(self.cpu)}"


@dataclass(frozen=True)
class Spread:
    """The ratios of all rounds."""

    median: float
    min: float
    max: float

    def __str__(self) -> str:
        return f"{figure(self.median)} ({figure(self.min)}..{figure(self.max)})"


@dataclass(frozen=True)
class Comparison:
    """A side beside another that does the same work, the base.

    A round has what the base took, and what the side took in the same round if it could be measured
    (``skipped`` says why not).
    """

    name: str
    side: str
    base: str
    rounds: tuple[tuple[Usage, ...], ...] = ()
    skipped: str = ""
    note: str = ""

    @property
    def wall(self) -> Spread | None:
        """What the side took by the clock over what the base took, if both were measured."""
        return spread(side.wall / base.wall for base, *rest in self.rounds for side in rest)

    @property
    def cpu(self) -> Spread | None:
        """The same of CPU time."""
        return spread(side.cpu / base.cpu for base, *rest in self.rounds for side in rest)

    @property
    def table_row(self) -> str:
        """The ratios as a row of a table in Markdown."""
        wall, cpu = (str(ratios or "–") for ratios in (self.wall, self.cpu))
        rest = f"skipped: {self.skipped}" if self.skipped else self.note
        return f"| {self.name} | {self.side or '–'} : {self.base} | {cpu} | {wall} | {rest} |"

    def __str__(self) -> str:
        label = f"{self.name}  {self.side or '–'} : {self.base}"
        wall, cpu = (str(ratios or "–") for ratios in (self.wall, self.cpu))
        sides = zip(*self.rounds, strict=True)
        took = " ".join(f"{middle(each)!s:<19}" for each in reversed([*sides]))
        skipped = f"skipped: {self.skipped}" if self.skipped else ""
        cells = f"{label:<72}{len(self.rounds):>6}{wall:>24}{cpu:>24}"
        return "  ".join(filter(None, (cells, took, skipped, self.note))).rstrip()


@dataclass(frozen=True)
class Machine:
    """Where a benchmark runs, and what it runs."""

    processor: str
    cores: int
    memory: str
    system: str
    versions: Mapping[str, str]

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return (
            f"{self.processor}, {self.cores} cores usable, {self.memory}, {self.system}\n{versions}"
        )


def option(default: Any, smallest: Any, text: str) -> Any:
    """Declare an option, with the value that makes a run of the smallest size."""
    return field(default=default, metadata={"smallest": smallest, "text": text})


@dataclass(frozen=True)
class Options:
    """The options of every benchmark; a subclass adds its own."""

    only: str = option("", "", ONLY)
    rounds: int = option(5, 1, "how often each side runs")
    json: str = option("", "", "a file for the figures of all rounds")
    markdown: bool = option(False, False, "print a table in Markdown")


OptionsT = TypeVar("OptionsT", bound=Options)


def parse(kind: type[OptionsT], name: str, text: str | None) -> OptionsT:
    """Read the command line."""
    parser = argparse.ArgumentParser(f"python -m {name}", description=text)
    parser.add_argument(
        "--smoke", action="store_true", help="the smallest size, to see in seconds that all runs"
    )
    for each in fields(kind):
        smallest, help_text = each.metadata["smallest"], each.metadata["text"]
        if each.default != smallest:
            usual = f"default: {each.default}, " if each.default else ""
            help_text += f" ({usual}with --smoke: {smallest})"
        way: dict[str, Any] = {"type": type(each.default)}
        if each.default is False:
            way = {"action": "store_true", "default": None}
        parser.add_argument(f"--{each.name}", help=help_text, **way)
    given = vars(parser.parse_args())
    is_smoke = given.pop("smoke")
    smallest = {each.name: each.metadata["smallest"] for each in fields(kind)}
    start = kind(**smallest) if is_smoke else kind()
    return replace(start, **{name: value for name, value in given.items() if value is not None})


def show(options: Options, comparisons: Iterable[Comparison], **versions: str) -> None:
    """Print the machine, then each comparison as it ends; keep them as JSON if that is wanted."""
    machine = this_machine(versions)
    say(f"{machine}\n\n{_TABLE_HEAD if options.markdown else _HEAD}")
    kept = []
    for each in comparisons:
        say(each.table_row if options.markdown else str(each))
        ratios = {"wall": each.wall, "cpu": each.cpu}
        kept.append(
            asdict(each) | {name: ratio and asdict(ratio) for name, ratio in ratios.items()}
        )
    if options.json:
        record = {"command": sys.orig_argv[1:], "machine": asdict(machine), "comparisons": kept}
        Path(options.json).write_text(json.dumps(record, indent=1) + "\n")


def this_machine(versions: Mapping[str, str]) -> Machine:
    """Describe the machine, and what runs on it beside the peers given."""
    usable = int(subprocess.check_output([sys.executable, "-c", _CORES]))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    ours = {
        "pixelgen": pixelgen.__version__,
        "Python": platform.python_version(),
        "numpy": package("numpy"),
        "Pillow": package("pillow"),
    }
    return Machine(_processor(), usable, f"{memory:.1f} GiB", _system(), {**ours, **versions})


def _processor() -> str:
    """Return the processor's model, or its architecture if Linux names none."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        name = platform.system()
    return f"{name}, {platform.release()}"


def package(name: str) -> str:
    """Return the version of an installed package."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def spread(ratios: Iterable[float]) -> Spread | None:
    found = list(ratios)
    return Spread(median(found), min(found), max(found)) if found else None


def middle(runs: Iterable[Usage]) -> Usage:
    """Return the medians of some runs, each figure by itself."""
    walls, cpus, peaks, sizes = zip(*(asdict(run).values() for run in runs), strict=True)
    return Usage(median(walls), median(cpus), median(peaks), round(median(sizes)))


def figure(ratio: float) -> str:
    return f"{ratio:,.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def duration(seconds: float) -> str:
    name, unit = next((each for each in _UNITS if seconds >= each[1]), _UNITS[-1])
    return f"{seconds / unit:,.3g} {name}" if seconds < 100 else f"{seconds:,.0f} s"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
