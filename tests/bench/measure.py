"""Run commands as whole processes, in turn, and note what each took."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.bench.rows import SINGLE, Command, Row

SLOW = 30.0  # seconds: a row with so slow a side has at most SLOW_ROUNDS rounds
SLOW_ROUNDS = 2
_SPARE = 1 << 30  # bytes of disk to leave free
_MIB = 1 << 20


@dataclass(frozen=True)
class Usage:
    """What one run took: seconds, MiB of its largest process, and bytes of the files it left."""

    wall: float
    user: float
    system: float
    peak: float
    bytes: float = 0


@dataclass(frozen=True)
class Result:
    """The runs of a row, round by round, or why there are none."""

    row: Row
    count: int
    ours: list[Usage] = field(default_factory=list)
    peer: list[Usage] = field(default_factory=list)
    skipped: str = ""

    @property
    def is_slow(self) -> bool:
        """Tell whether any run was."""
        return any(run.wall > SLOW for run in self.ours + self.peer)


@dataclass(frozen=True)
class Bench:
    """How to run rows: where, how often, with how many images at most, and whether pre-warmed."""

    scratch: Path
    rounds: int
    most: int
    warm: bool

    def race(self, row: Row) -> Result:
        """Run both sides in turn, round by round; delete what they wrote after each round."""
        count = min(row.count, self.most)
        if row.peer and row.peer.missing:
            return Result(row, count, skipped=f"no {row.peer.missing}")
        if shutil.disk_usage(self.scratch).free < 3 * _volume(row, count) + _SPARE:
            return Result(row, count, skipped="too little disk")
        result = Result(row, count)
        while len(result.ours) < min(self.rounds, SLOW_ROUNDS if result.is_slow else self.rounds):
            with ExitStack() as outputs:
                result.ours.append(self._run(row.ours, row, count, outputs))
                if row.peer:
                    result.peer.append(self._run(row.peer, row, count, outputs))
            if row.has_raw_peer:
                _check_same_volume(result)
        return result

    def _run(self, command: Command, row: Row, count: int, outputs: ExitStack) -> Usage:
        """Time a command that writes into a fresh directory, and check what it left there."""
        out = Path(outputs.enter_context(tempfile.TemporaryDirectory(dir=self.scratch)))
        sample = self._sample(row.size) if row.has_raw_peer else ""
        if self.warm:
            _warm(self.scratch, _volume(row, count))
        os.sync()  # or this run would wait for what the one before has left to write
        words = {"n": count, "size": row.size, "out": out, "sample": sample}
        stdout = out / command.stdout if command.stdout else Path(os.devnull)
        usage = timed([word.format(**words) for word in command.argv], stdout)
        if not command.suffix:
            return usage
        check = [sys.executable, str(Path(__file__).with_name("check.py"))]
        check += [str(out), command.suffix, str(count), str(row.size)]
        return replace(usage, bytes=int(subprocess.check_output(check)))

    def _sample(self, size: int) -> Path:
        """Return a file as pixelgen makes it, whose bytes the raw writers write."""
        path = self.scratch / f"sample-{size}"
        if not path.exists():
            timed([word.format(size=size) for word in SINGLE.argv], path)
        return path


def timed(argv: list[str], stdout: Path) -> Usage:
    """Run a command to its end, start-up included; its standard output goes to a file."""
    with stdout.open("wb") as output:
        begun = time.perf_counter()
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output)
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()  # or it would go on writing where it is being deleted
            raise
        wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"exit code {process.returncode} of {' '.join(argv)}")
    return Usage(wall, used.ru_utime, used.ru_stime, used.ru_maxrss / 1024)


def _volume(row: Row, count: int) -> int:
    """Return the bytes of a row's pixels; no file here is much larger."""
    return count * row.size**2 * 3 if row.ours.suffix else 0


def _warm(scratch: Path, volume: int) -> None:
    """Write and unlink a volume, so that the page cache has memory the host has backed."""
    with tempfile.TemporaryFile(dir=scratch) as file:
        for _ in range(-(-volume // _MIB)):
            file.write(bytes(_MIB))


def _check_same_volume(result: Result) -> None:
    ours, raw = result.ours[-1].bytes, result.peer[-1].bytes
    if abs(ours - raw) > 0.01 * ours:
        sys.exit(f"{result.row.name}: pixelgen wrote {ours:,} bytes, the raw writer {raw:,}")
