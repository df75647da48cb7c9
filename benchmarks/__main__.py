"""Measure pixelgen beside what people would write without it: ``python -m benchmarks``.

Run it from the root of the repository, by the Python of an environment into which pixelgen was
installed, not in editable mode; the peers are what that environment and the system have.

A ratio is what the peer took over what pixelgen took in the same round, start-up included: how many
times as fast pixelgen is. A round runs first one, then the other, each into a fresh directory, with
everything synced before, and both make as many images. pixelgen uses all cores by itself, and two
beside two workers or writers. Loops that write loose images make no manifest, to their favour: a
row of 150 bytes an image.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from benchmarks import report
from benchmarks.measure import NOWHERE, PIXELGEN, list_sizes, timed
from benchmarks.report import Comparison, Usage, middle, option
from benchmarks.rows import Command, Row, figures, imagemagick, matrix

SLOW = 30.0  # seconds: a row with so slow a side has at most SLOW_ROUNDS rounds
SLOW_ROUNDS = 2
_SPARE = 1 << 30  # bytes of disk to leave free
_MIB = 1 << 20


@dataclass(frozen=True)
class Options(report.Options):
    only: str = option("", "300x300 (?!PNG|JPEG:)|32x32 tar|64x64|nothing", report.ONLY)
    count: int = option(1 << 30, 2, "images of a row at most")
    warm: bool = option(False, True, "write as much before each run: its page cache has memory")
    scratch: str = option("", "", "where to write, if not in the system's place")


def main() -> None:
    options = report.parse(Options, "benchmarks", __doc__)
    if not Path(PIXELGEN).exists():
        sys.exit(f"there is no {PIXELGEN}; install pixelgen beside this Python")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # and delete what was written
    with tempfile.TemporaryDirectory(dir=options.scratch or None) as scratch:
        # Spread directories over the disk: ext4 without journal is ten times slower where inodes
        # were freed a moment ago. Other file systems have no such flag, nor need it.
        subprocess.run(["chattr", "+T", scratch], stderr=subprocess.DEVNULL, check=False)
        bench = Bench(Path(scratch), options)
        report.show(
            options,
            bench.compare(),
            OpenCV=report.package("opencv-python-headless"),
            ffmpeg=program_version(shutil.which("ffmpeg") or ""),
            ImageMagick=program_version(imagemagick()),
        )


def program_version(path: str) -> str:
    """Return the third word that a program says of its version, as both programs do."""
    return subprocess.check_output([path, "-version"], text=True).split()[2] if path else "missing"


@dataclass(frozen=True)
class Bench:
    """Where and how to run rows."""

    scratch: Path
    options: Options

    def compare(self) -> Iterator[Comparison]:
        """Run the rows that are wanted; of those that the count makes alike, one."""
        rows = (*figures(), *matrix())
        counted = (replace(row, count=min(row.count, self.options.count)) for row in rows)
        for (name, work), row in {(row.name, row.work): row for row in counted}.items():
            if re.search(self.options.only, f"{work} {name}"):
                obstacle = self._obstacle(row)
                rounds = () if obstacle else tuple(self._race(row))
                skipped = obstacle if row.peer else obstacle or "no peer"
                note = describe(row, [ours for ours, *_ in rounds]) if rounds else ""
                yield Comparison(work, name, "pixelgen", rounds, skipped, note)

    def _obstacle(self, row: Row) -> str:
        """Tell why a row cannot run, if so."""
        if row.peer and row.peer.missing:
            return f"no {row.peer.missing}"
        has_room = shutil.disk_usage(self.scratch).free > 3 * row.volume + _SPARE
        return "" if has_room else "no room on the disk"

    def _race(self, row: Row) -> Iterator[tuple[Usage, ...]]:
        """Run both sides in turn, round by round; delete what they wrote after each round."""
        rounds = self.options.rounds
        for number in count():
            if number >= rounds:
                return
            with ExitStack() as outputs:
                taken = [self._run(row.ours, row, outputs)]
                if row.peer:
                    taken.append(self._run(row.peer, row, outputs))
            if row.peer and row.peer.suffix == ".raw" and taken[0].bytes != taken[1].bytes:
                sys.exit(f"{row.name}: {taken[0].bytes:,} bytes, the raw writer {taken[1].bytes:,}")
            if any(each.wall > SLOW for each in taken):
                rounds = min(rounds, SLOW_ROUNDS)
            yield tuple(taken)

    def _run(self, command: Command, row: Row, outputs: ExitStack) -> Usage:
        """Time a command that writes into a fresh directory, and check what it left there."""
        out = Path(outputs.enter_context(tempfile.TemporaryDirectory(dir=self.scratch)))
        sizes = self.scratch / "sizes"
        if self.options.warm:
            _warm(self.scratch, row.volume)
        os.sync()  # or this run would wait for what the one before has left to write
        words = {"n": row.count, "size": row.size, "out": out, "sizes": sizes}
        stdout = out / command.stdout if command.stdout else NOWHERE
        usage = timed([word.format(**words) for word in command.argv], stdout)
        if not command.suffix:
            return usage
        if command is row.ours:
            list_sizes(out, sizes)
        check = [sys.executable, str(Path(__file__).with_name("check.py"))]
        check += [str(out), command.suffix, str(row.count), str(row.size)]
        return replace(usage, bytes=int(subprocess.check_output(check)))


def describe(row: Row, runs: list[Usage]) -> str:
    """Tell the peak, the speed, and the figures to reach."""
    ours = middle(runs)
    goals = {"must": row.must, "stretch": row.stretch}
    notes = [f"{ours.peak:.0f} MiB"]
    if ours.bytes:
        notes.append(
            f"{row.count / ours.wall:,.0f} images/s, {ours.bytes / 1e6 / ours.wall:,.0f} MB/s"
        )
    return ", ".join(notes + [f"{name} {each:.3g}" for name, each in goals.items() if each])


def _warm(scratch: Path, volume: int) -> None:
    """Write and unlink a volume, so that the page cache has memory the host has backed."""
    with tempfile.TemporaryFile(dir=scratch) as file:
        for _ in range(-(-volume // _MIB)):
            file.write(bytes(_MIB))


if __name__ == "__main__":
    main()
